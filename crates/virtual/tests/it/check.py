"""What plain zarr-python, xarray, icechunk and fsspec see in stores that the tests wrote."""

import json
import os
import sys
import warnings

import numpy as np
import xarray as xr

warnings.simplefilter("ignore")


def icechunk_store(path, containers):
    import icechunk

    config = icechunk.RepositoryConfig.default()
    credentials = icechunk.containers_credentials({c: None for c in containers})
    repo = icechunk.Repository.open(
        icechunk.local_filesystem_storage(path), config, authorize_virtual_chunk_access=credentials
    )
    return repo.readonly_session("main").store


def reference_store(path, **options):
    import fsspec
    from zarr.storage import FsspecStore

    fs = fsspec.filesystem("reference", fo=path, asynchronous=True, remote_protocol="file", remote_options={"asynchronous": True}, **options)
    return FsspecStore(fs, read_only=True, path="")


def grouped(path):
    if not os.path.isdir(path):
        return False
    with open(os.path.join(path, ".zmetadata")) as file:
        return any(key.endswith("/.zgroup") for key in json.load(file)["metadata"])


def opened(store, group, **options):
    """A group of a store with the usual calls of a user."""
    kind, path = store["kind"], store["path"]
    group = group.strip("/") or None
    options = {"chunks": None, **options}
    if kind == "icechunk":
        return xr.open_zarr(icechunk_store(path, store["containers"]), group=group, consolidated=False, zarr_format=3, **options)
    if kind == "engine":
        # Without it, fsspec looks for the protocol in the references, and stumbles over groups of Parquet stores.
        storage = {"remote_protocol": "file"} if grouped(path) else {}
        return xr.open_dataset(path, engine="kerchunk", storage_options=storage, open_dataset_options={"group": group, **options})
    zarr_format = 3 if kind == "json3" else 2
    templates = {"template_overrides": store["templates"]} if store.get("templates") else {}
    return xr.open_zarr(reference_store(path, **templates), group=group, consolidated=False, zarr_format=zarr_format, **options)


def attribute(value):
    if "text" in value:
        return value["text"]
    if "texts" in value:
        return value["texts"]
    number = np.dtype(value["dtype"]).type
    if "number" in value:
        return number(value["number"])
    return [number(v) for v in value["numbers"]]


def same_attribute(found, expected):
    if isinstance(expected, (str, list)) and not isinstance(found, (np.ndarray,)):
        return found == expected or (isinstance(expected, list) and np.array_equal(found, expected))
    return np.array_equal(np.asarray(found, dtype=np.asarray(expected).dtype), expected, equal_nan=np.asarray(expected).dtype.kind == "f")


def raw(argument):
    """Values as they are stored, names, dimensions and attributes; for every store."""
    problems = []
    for store in argument["stores"]:
        cache = {}
        for truth in argument["truth"]:
            where = f"{store['kind']} {truth['group']}/{truth['name']}"
            try:
                if truth["group"] not in cache:
                    cache[truth["group"]] = opened(store, truth["group"], mask_and_scale=False, decode_times=False, decode_coords=False, concat_characters=False)
                array = cache[truth["group"]][truth["name"]]
                if list(array.dims) != truth["dims"]:
                    problems.append(f"{where}: dimensions {array.dims}, not {truth['dims']}")
                if truth["dtype"] == "text":
                    if array.values.tolist() != truth["texts"]:
                        problems.append(f"{where}: {array.values.tolist()}, not {truth['texts']}")
                    continue
                dtype = np.dtype(truth["dtype"])
                expected = np.frombuffer(bytes.fromhex(truth["hex"]), dtype).reshape(truth["shape"])
                values = array.values
                if values.dtype.newbyteorder("=") != dtype.newbyteorder("="):
                    problems.append(f"{where}: dtype {values.dtype}, not {dtype}")
                elif values.shape != expected.shape:
                    problems.append(f"{where}: shape {values.shape}, not {expected.shape}")
                elif values.astype(dtype).tobytes() != expected.tobytes() and not (dtype.kind in "SV" and values.tolist() == expected.tolist()):
                    problems.append(f"{where}: values {values.ravel()[:8]}, not {expected.ravel()[:8]}")
                for name, value in truth["attrs"].items():
                    if name == "_FillValue":
                        continue
                    if value is not None and (name not in array.attrs or not same_attribute(array.attrs[name], attribute(value))):
                        problems.append(f"{where}: attribute {name} is {array.attrs.get(name)!r}, not {value}")
                unknown = set(array.attrs) - set(truth["attrs"]) - {"_FillValue"}
                if unknown:
                    problems.append(f"{where}: unknown attributes {unknown}")
            except Exception as error:  # every problem is wanted, not the first
                problems.append(f"{where}: {type(error).__name__}: {error} ({error.__cause__!r})")
    return problems


def decoded(argument):
    """Values as xarray decodes them: missing values, scale and offset, times."""
    problems = []
    for store in argument["stores"]:
        for group, variables in argument["groups"].items():
            dataset = opened(store, group)
            for name, expected in variables.items():
                values = dataset[name].values
                if values.dtype.kind == "M":
                    values = values.astype("datetime64[s]").astype(str)
                    same = values.ravel().tolist() == expected
                else:
                    wanted = np.array([np.nan if v is None else v for v in expected], dtype="f8")
                    same = np.allclose(values.ravel().astype("f8"), wanted, rtol=1e-6, atol=0, equal_nan=True)
                if not same:
                    problems.append(f"{store['kind']} {group}/{name}: {values.ravel()[:12]}, not {expected[:12]}")
    return problems


def fails(argument):
    """A read that must fail, e.g. because the file has changed."""
    problems = []
    for store in argument["stores"]:
        try:
            values = opened(store, "/")[argument["name"]].values
            problems.append(f"{store['kind']}: read {values.ravel()[:8]}")
        except Exception as error:
            if argument["says"] not in repr(error):
                problems.append(f"{store['kind']}: {error!r}")
    return problems


def absent(argument):
    """A repository whose main branch shows nothing yet."""
    import icechunk

    repo = icechunk.Repository.open(icechunk.local_filesystem_storage(argument["path"]))
    nodes = list(repo.readonly_session("main").list_nodes()) if hasattr(icechunk.Session, "list_nodes") else []
    return [f"{n}" for n in nodes if str(n) != "/"]


def plain(values):
    """Values as h5py and zarr-python both give them: text as text, truth as a number."""
    values = np.asarray(values)
    if values.dtype.kind == "O":
        return np.array([v.decode("utf-8", "surrogateescape") if isinstance(v, bytes) else str(v) for v in values.ravel()], dtype=object).reshape(values.shape)
    if values.dtype.kind == "T":
        return values.astype(object)
    if values.dtype.kind == "b":
        return values.astype("i1")
    if values.dtype.kind == "M":
        return np.frombuffer(values.tobytes(), "u1")
    if values.dtype.kind == "V" and values.dtype.names is None:
        return np.frombuffer(values.tobytes(), "u1")
    return values


def equal(found, expected):
    found, expected = plain(found), plain(expected)
    if expected.dtype.kind == "S" and found.dtype.kind in "OTU":
        expected = np.array([v.decode("utf-8", "surrogateescape") for v in expected.ravel().tolist()], dtype=object)
    if expected.dtype.kind in "SUO" or found.dtype.kind in "SUO":
        return [str(v) for v in found.ravel().tolist()] == [str(v) for v in expected.ravel().tolist()]
    if found.dtype.kind == "i" and expected.dtype.kind in "iu" and found.dtype.itemsize == expected.dtype.itemsize == 1:
        found, expected = found.view("u1"), expected.view("u1")
    if found.dtype.newbyteorder("=") != expected.dtype.newbyteorder("="):
        return False
    return found.astype(expected.dtype).tobytes() == expected.tobytes()


def hdf5(argument):
    """Every array of stores that were made of HDF5 files, against h5py."""
    import collections

    import h5py
    import zarr

    problems, counts = [], collections.Counter()
    for entry in argument["files"]:
        with h5py.File(entry["file"]) as file:
            truth = {}
            for path in entry["arrays"]:
                try:
                    # netCDF keeps a variable that is no coordinate, but is called like a dimension, under another name.
                    group, name = path.rsplit("/", 1)
                    hidden = f"{group}/_nc4_non_coord_{name}"
                    truth[path] = file[hidden if hidden in file else path][()]
                except Exception as error:
                    counts[f"variables that h5py cannot read ({type(error).__name__})"] += 1
            for store in entry["stores"]:
                where = f"{store['kind']} {os.path.basename(entry['file'])}"
                try:
                    is_ice = store["kind"] == "icechunk"
                    opened_store = icechunk_store(store["path"], store["containers"]) if is_ice else reference_store(store["path"])
                    root = zarr.open_group(opened_store, mode="r", zarr_format=3 if store["kind"] in ("icechunk", "json3") else 2, use_consolidated=False)
                except Exception as error:
                    problems.append(f"{where}: {type(error).__name__}: {error}")
                    continue
                for path, expected in truth.items():
                    try:
                        found = root[path.strip("/")][...]
                        if isinstance(expected, h5py.Empty):
                            counts["variables without values"] += 1
                        elif not equal(found, expected):
                            problems.append(f"{where} {path}: {np.asarray(found).ravel()[:6]}, not {np.asarray(expected).ravel()[:6]}")
                        counts[f"variables read through {store['kind']}"] += 1
                    except Exception as error:
                        problems.append(f"{where} {path}: {type(error).__name__}: {error}")
                for group in sorted({path.rsplit("/", 1)[0] for path in truth}):
                    try:
                        opened(store, group, decode_times=False)
                        counts[f"groups opened by xarray through {store['kind']}"] += 1
                    except Exception as error:
                        counts[f"groups that xarray cannot open ({type(error).__name__}: {str(error)[:60]})"] += 1
    for name, count in sorted(counts.items()):
        print(f"# {count:6} {name}")
    return problems


if __name__ == "__main__":
    with open(sys.argv[2]) as file:
        found = globals()[sys.argv[1]](json.load(file))
    print("\n".join(map(str, found)), flush=True)
    # Threads of some libraries abort an interpreter that ends in the usual way.
    os._exit(1 if found else 0)
