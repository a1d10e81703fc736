"""Compares manifests that were read from HDF5 files with what h5py and netCDF4-python find in them.

Takes the path of a JSON list of [file, granule or null, error or null]. Prints counts (`# ...`), and a line for each difference.
"""
import base64
import collections
import json
import multiprocessing
import struct
import sys
import traceback
import warnings
import zlib

import h5py
import hdf5plugin  # noqa: F401  registers filters
import netCDF4
import numpy as np

warnings.simplefilter("ignore")
BOOKKEEPING = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", "_NCProperties", "_IsNetcdf4"}
NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"
NOT_A_COORDINATE = "_nc4_non_coord_"
MANY_CHUNKS = 100_000
counts = collections.Counter()
found = []


def differ(file, path, kind, ours, theirs):
    counts[f"differences: {kind}"] += 1
    found.append(f"{file}\t{path}\t{kind}\t{str(ours)[:200]}\t{str(theirs)[:200]}")


def number(text):
    return int(text[1:]) if text[0] == "i" else struct.unpack(">d", bytes.fromhex(text[1:]))[0]


def same(a, b):
    return a == b or (a != a and b != b)


def clean(value):
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return str(value).rstrip("\0")


def compare_attribute(file, path, name, ours, read, netcdf):
    """netCDF4-python drops zero bytes within text, h5py the spaces after it."""
    counts["attributes compared"] += 1
    kind, values, _ = ours
    try:
        theirs = read()
    except Exception as e:  # noqa: BLE001
        counts["attributes that the other cannot read"] += 1
        if kind != "other":
            counts["  which are read here"] += 1
        return
    if kind == "other":
        array = np.asarray(theirs) if not isinstance(theirs, h5py.Empty) else None
        if array is not None and array.dtype.kind in "iufbSU":
            differ(file, path, f"attribute {name} not read", ours, repr(theirs))
        return
    if isinstance(theirs, h5py.Empty):
        if values not in ([], [""]):
            differ(file, path, "attribute", (name, values), "empty")
        return
    if kind == "text":
        flat = [theirs] if isinstance(theirs, (str, bytes)) else np.asarray(theirs).ravel().tolist()
        theirs = [clean(t) for t in flat]
        mine = [t.rstrip("\0") for t in values]
        if netcdf:
            mine = [t.replace("\0", "") for t in mine]
        else:
            mine, theirs = [t.rstrip(" ") for t in mine], [t.rstrip(" ") for t in theirs]
        replace = lambda t: "".join(c if c.isascii() else "?" for c in t.replace("\ufffd", "?"))
        if mine != theirs and [replace(t) for t in mine] != [replace(t) for t in theirs]:
            differ(file, path, "attribute", (name, mine), theirs)
        return
    array = np.asarray(theirs)
    dtype = "float32" if array.dtype.name == "float16" else "int8" if array.dtype == bool else array.dtype.name
    flat = array.ravel().tolist()
    if dtype != kind or len(flat) != len(values) or not all(same(number(a), b) for a, b in zip(values, flat)):
        differ(file, path, "attribute", (name, kind, values), (dtype, flat))


def compare_attributes(file, path, ours, attrs, read, netcdf=False):
    names = [a for a in attrs if a not in BOOKKEEPING]
    mine = dict(ours)
    # netCDF leaves out attributes of types that it does not know.
    if (set(names) - set(mine)) if netcdf else sorted(mine) != sorted(names):
        differ(file, path, "attribute names", sorted(mine), sorted(names))
    for name in names:
        if name in mine:
            compare_attribute(file, path, name, mine[name], lambda n=name: read(n), netcdf)


def members(group, above, root):
    """Groups and datasets by name; None for links that lead nowhere."""
    for name in group:
        try:
            link = group.get(name, getlink=True)
            item = group[name]
        except (KeyError, OSError, RuntimeError, TypeError):
            yield name, None
            continue
        if isinstance(link, h5py.ExternalLink) or item.file.filename != root.filename:
            yield name, None
            continue
        if isinstance(item, h5py.Group) and h5py.h5o.get_info(item.id).addr in above:
            continue
        if isinstance(item, h5py.Datatype):
            continue
        yield name, item


def is_scale(dataset):
    try:
        value = dataset.attrs.get("CLASS")
        return isinstance(value, (bytes, np.bytes_)) and value == b"DIMENSION_SCALE" and dataset.shape not in ((), None)
    except Exception:  # noqa: BLE001
        return False


def is_dimension_only(dataset):
    return is_scale(dataset) and bytes(dataset.attrs.get("NAME", b"")).startswith(NO_VARIABLE)


def compare_group(file, ours, group, path, above, root):
    counts["groups"] += 1
    compare_attributes(file, path or "/", ours["attributes"], group.attrs, lambda n: group.attrs[n])
    variables = collections.defaultdict(list)
    for v in ours["variables"]:
        variables[v["name"]].append(v)
    groups = {g["name"]: g for g in ours["groups"]}
    above = above | {h5py.h5o.get_info(group.id).addr}
    seen = set()
    for name, item in members(group, above, root):
        if isinstance(item, h5py.Group):
            if name not in groups:
                differ(file, f"{path}/{name}", "group missing", None, name)
            else:
                compare_group(file, groups.pop(name), item, f"{path}/{name}", above, root)
            continue
        if item is not None and is_dimension_only(item):
            counts["dimensions without variable"] += 1
            if name in variables and NOT_A_COORDINATE + name not in group:
                differ(file, f"{path}/{name}", "dimension is a variable", name, None)
            continue
        plain = name.removeprefix(NOT_A_COORDINATE)
        seen.add(plain)
        if not variables.get(plain):
            differ(file, f"{path}/{name}", "variable missing", None, name)
        elif item is None:
            counts["links that lead out or nowhere"] += 1
            if "refusal" not in variables[plain][0]["data"]:
                differ(file, f"{path}/{name}", "link followed", variables[plain][0]["data"], None)
        else:
            compare_dataset(file, variables[plain][0], item, f"{path}/{name}")
    for name in set(variables) - seen:
        differ(file, f"{path}/{name}", "variable too many", variables[name][0]["data"], None)
    for name in groups:
        differ(file, f"{path}/{name}", "group too many", name, None)


def element_of(dtype):
    """How the manifest tells an element, or None for what it refuses."""
    enum = h5py.check_enum_dtype(dtype)
    string = h5py.check_string_dtype(dtype)
    if string is not None:
        return ["variable text"] if string.length is None else ["text", string.length]
    if h5py.check_vlen_dtype(dtype) or h5py.check_ref_dtype(dtype) or dtype.fields:
        return None
    if dtype.kind in "VMm":
        return ["opaque", dtype.itemsize]
    if dtype == bool:
        return ["number", "int8", "<"]
    if dtype.kind in "iuf" and dtype.itemsize <= 8:
        return ["number", dtype.name, ">" if dtype.byteorder == ">" else "<"]
    return None


def compare_dataset(file, ours, dataset, path):
    counts["variables"] += 1
    compare_attributes(file, path, ours["attributes"], dataset.attrs, lambda n: dataset.attrs[n])
    data = ours["data"]
    refusal = data.get("refusal")
    try:
        dtype = dataset.dtype
    except (TypeError, ValueError, OSError) as e:
        counts["variables that h5py cannot type"] += 1
        if refusal is None:
            differ(file, path, "read what h5py cannot", ours["element"], e)
        return
    plist = dataset.id.get_create_plist()
    if dataset.shape is None:
        if refusal is None:
            differ(file, path, "null is not refused", data, None)
        return
    base, inner = dtype.subdtype or (dtype, ())
    shape = list(dataset.shape) + list(inner)
    if ours["shape"] != shape:
        differ(file, path, "shape", ours["shape"], shape)
    expected = element_of(base)
    if expected is None:
        counts["variables refused: element type"] += 1
        if refusal is None or not refusal.startswith("element type"):
            differ(file, path, "type is not refused", ours["element"], dtype)
        return
    if dataset.is_virtual or dataset.external:
        counts["variables refused: external"] += 1
        if refusal is None or not refusal.startswith("external"):
            differ(file, path, "external is not refused", ours["data"], None)
        return
    if refusal is not None and refusal.startswith(("element type: integer of", "element type: float of")):
        # h5py converts what is no number of a machine.
        counts["variables refused: numbers of odd bits"] += 1
        return
    if refusal is not None:
        counts[f"variables refused: {refusal.split(':')[0]}"] += 1
        differ(file, path, "refused", refusal, dtype)
        return
    counts["variables read"] += 1
    counts[f"  {expected[0]}"] += 1
    if ours["element"][: len(expected)] != expected and not (expected[0] == "number" and base.itemsize == 1 and ours["element"][:2] == expected[:2]):
        differ(file, path, "element", ours["element"], expected)
    enum = h5py.check_enum_dtype(base)
    if base == bool:
        enum = {"FALSE": 0, "TRUE": 1}
    if {name: number(n) for name, n in ours["enumeration"]} != (enum or {}):
        differ(file, path, "enumeration", ours["enumeration"], enum)
    if expected == ["variable text"]:
        if ours["codecs"] or ours["fill"]:
            differ(file, path, "texts are not encoded", (ours["codecs"], ours["fill"]), None)
        try:
            theirs = [clean(t) for t in np.asarray(dataset[()], dtype=object).ravel()]
        except OSError:
            counts["texts that h5py cannot read"] += 1
            return
        counts["texts compared"] += len(theirs)
        if data.get("texts") != theirs:
            differ(file, path, "texts", data.get("texts"), theirs)
        return
    compare_filters(file, path, ours["codecs"], plist, base)
    compare_fill(file, path, ours, dataset, plist, base)
    compare_values(file, path, ours, dataset, plist)
    compare_chunks(file, path, data, dataset, plist, inner, base, ours["element"])


def compare_values(file, path, ours, dataset, plist):
    """All values, in the bytes of the file's own type."""
    if ours["values"] is None:
        counts["arrays that no decoder is there for, or that are large"] += 1
        return
    if dataset.chunks and np.prod([-(-n // c) for n, c in zip(dataset.shape, dataset.chunks)]) > MANY_CHUNKS:
        counts["arrays of so many chunks that HDF5 takes gigabytes"] += 1
        return
    kind = dataset.id.get_type()
    # What HDF5 does not write stays what it is, where the file says never to fill.
    fill = base64.b64decode(ours["fill"]) if ours["fill"] else b""
    size = kind.get_size()
    theirs = np.frombuffer(bytearray((fill * size)[:size] or bytes(size)) * dataset.size, f"V{size}").reshape(dataset.shape)
    try:
        dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, theirs, kind)
    except OSError as e:
        counts["arrays that h5py cannot read"] += 1
        if isinstance(ours["values"], int):
            differ(file, path, "values that h5py cannot read", ours["values"], e)
        return
    counts["arrays whose values are compared"] += 1
    if ours["values"] != zlib.crc32(theirs.tobytes()):
        differ(file, path, "values", ours["values"], theirs.ravel()[:4])


def compare_filters(file, path, ours, plist, dtype):
    theirs = [plist.get_filter(i) for i in range(plist.get_nfilters())]
    if [c[0] for c in ours] != [f[0] for f in theirs]:
        return differ(file, path, "filters", ours, theirs)
    for mine, (code, _, values, _) in zip(ours, theirs):
        counts[f"filter {mine[2] if len(mine) > 2 else code}"] += 1
        if code in (1, 307, 32015) and mine[1] != [values[0] if values else None]:
            differ(file, path, "filter", mine, values)
        elif code == 2 and mine[1] != [values[0] if values else dtype.itemsize]:
            differ(file, path, "filter", mine, values)
        elif code == 32001 and mine[1][1:] != [values[4], ["No", "Byte", "Bit"][values[5]], values[2]]:
            differ(file, path, "filter", mine, values)
        elif len(mine) > 2 and mine[1] != list(values):
            differ(file, path, "filter", mine, values)


def compare_fill(file, path, ours, dataset, plist, base):
    defined = plist.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
    fill = base64.b64decode(ours["fill"]) if ours["fill"] is not None else None
    if defined != (fill is not None):
        return differ(file, path, "fill", fill, defined)
    if fill is None or dataset.dtype.subdtype:
        return
    counts["fill values compared"] += 1
    theirs = np.empty((), dtype=base if base != bool else np.int8)
    try:
        plist.get_fill_value(theirs)
    except (TypeError, OSError):
        theirs = np.asarray(dataset.fillvalue, dtype=base)
    if theirs.tobytes() != fill:
        differ(file, path, "fill", fill, theirs.tobytes())


def compare_chunks(file, path, data, dataset, plist, inner, base, element):
    layout = plist.get_layout()
    mine = {tuple(c[0]): c[1:] for c in data["chunks"]}
    size = dataset.dtype.itemsize
    if layout == h5py.h5d.CHUNKED:
        chunk = dataset.chunks
        if data["chunk_shape"] != list(chunk) + list(inner):
            return differ(file, path, "chunk shape", data["chunk_shape"], chunk)
        theirs = {}
        shape = dataset.shape

        def visit(info):
            at = tuple(o // c for o, c in zip(info.chunk_offset, chunk))
            theirs[at + (0,) * len(inner)] = [info.byte_offset, info.size, info.filter_mask]

        if all(shape):
            try:
                dataset.id.chunk_iter(visit)
            except RuntimeError:
                # Before it has a chunk, HDF5 cannot list them.
                assert dataset.id.get_storage_size() == 0
        growing = [most is None for most in dataset.maxshape]
        if sum(growing) == 1 and not growing[0]:
            # HDF5 lists the chunks of such datasets at wrong positions (seen in 2.0.0), and reads them right.
            theirs = {at: direct_chunk(file, dataset, at, chunk, mine) for at in mine} if len(mine) == len(theirs) else theirs
            counts["chunks compared by their bytes"] += len(theirs)
        if "unfiltered_edges" in path:
            # HDF5 tells no filter mask where it stores chunks that reach beyond the array as they are.
            whole = int(np.prod(chunk)) * size
            theirs = {at: [o, n, 3 if n == whole and is_edge(at, chunk, shape) else m] for at, (o, n, m) in theirs.items()}
            counts["chunks at edges that are not filtered"] += sum(1 for c in theirs.values() if c[2])
        counts["chunks compared"] += len(theirs)
        counts["chunks with a filter mask"] += sum(1 for c in theirs.values() if c[2])
        if mine != theirs:
            differences = [(k, mine.get(k), theirs.get(k)) for k in sorted(set(mine) | set(theirs)) if mine.get(k) != theirs.get(k)]
            differ(file, path, "chunks", len(differences), differences[:3])
        return
    if data["chunk_shape"] != [max(n, 1) for n in list(dataset.shape) + list(inner)]:
        return differ(file, path, "chunk shape", data["chunk_shape"], dataset.shape)
    values = dataset.size * size
    if layout == h5py.h5d.COMPACT:
        counts["compact"] += 1
        if values == 0:
            if mine:
                differ(file, path, "compact", mine, None)
            return
        [inline] = [c[0] for c in mine.values()]
        raw = dataset[()]
        theirs = np.asarray(raw, dtype=dataset.dtype if not dataset.dtype.subdtype else base).tobytes()
        stored = base64.b64decode(inline)
        if element == ["text", base.itemsize, "Space"]:
            stored, theirs = stored.replace(b" ", b"\0"), theirs.replace(b" ", b"\0")
        if stored != theirs:
            differ(file, path, "compact", base64.b64decode(inline), theirs)
        return
    counts["contiguous"] += 1
    offset = dataset.id.get_offset()
    expected = {} if offset is None or values == 0 else {(0,) * (len(dataset.shape) + len(inner)): [offset, values, 0]}
    if mine != expected:
        differ(file, path, "contiguous", mine, expected)


def is_edge(at, chunk, shape):
    return any((i + 1) * c > n for i, c, n in zip(at, chunk, shape))


def direct_chunk(file, dataset, at, chunk, mine):
    """What the manifest says of a chunk, if the bytes there are those that HDF5 finds."""
    offset, length, mask = mine[at]
    with open(file, "rb") as f:
        f.seek(offset)
        stored = f.read(length)
    theirs = dataset.id.read_direct_chunk(tuple(i * c for i, c in zip(at, chunk)))
    return [offset, length, mask] if theirs == (mask, stored) else ["other bytes", len(theirs[1]), theirs[0]]


# netCDF4-python


def compare_netcdf(file, ours, path):
    # Loading the dataset calls every attribute of it.
    try:
        dataset = netCDF4.Dataset(file)
    except Exception:  # noqa: BLE001
        counts["files that netCDF4 does not open"] += 1
        return
    with dataset:
        dataset.set_auto_maskandscale(False)
        counts["files that netCDF4 opens"] += 1
        compare_netcdf_group(file, ours, dataset, "")


def compare_netcdf_group(file, ours, group, path):
    names = [d for d in ours["dimensions"]]
    theirs = [[name, len(d), d.isunlimited()] for name, d in group.dimensions.items() if not name.startswith("phony_dim_")]
    counts["netCDF dimensions compared"] += len(theirs)
    if sorted(names) != sorted(theirs):
        differ(file, path or "/", "netCDF dimensions", names, theirs)
    elif names != theirs:
        differ(file, path or "/", "netCDF order of dimensions", names, theirs)
    try:
        group.ncattrs()
    except AttributeError:
        counts["groups whose attributes netCDF cannot read"] += 1
        return
    compare_attributes(file, f"{path or '/'} (netCDF)", ours["attributes"], group.ncattrs(), group.getncattr, netcdf=True)
    mine = {v["name"]: v for v in ours["variables"]}
    for name, variable in group.variables.items():
        if name not in mine:
            differ(file, f"{path}/{name}", "netCDF variable missing", None, name)
            continue
        counts["netCDF variables compared"] += 1
        v = mine[name]
        dims = [dimension_path(d) for d in variable.get_dims()]
        if v["dimensions"] != dims:
            differ(file, f"{path}/{name}", "netCDF dimensions of variable", v["dimensions"], dims)
        variable_attributes = variable.ncattrs()
        compare_attributes(file, f"{path}/{name} (netCDF)", v["attributes"], variable_attributes, variable.getncattr, netcdf=True)
    if [v for v in mine if v in group.variables] != list(group.variables):
        counts["groups whose variables netCDF orders otherwise"] += 1
    groups = {g["name"]: g for g in ours["groups"]}
    for name, below in group.groups.items():
        if name not in groups:
            differ(file, f"{path}/{name}", "netCDF group missing", None, name)
        else:
            compare_netcdf_group(file, groups[name], below, f"{path}/{name}")


def dimension_path(dimension):
    if dimension.name.startswith("phony_dim_"):
        return None
    return f"{dimension.group().path.rstrip('/')}/{dimension.name}"


def compare_h5py(file, granule, error):
    counts["files"] += 1
    try:
        h5 = h5py.File(file, "r")
    except Exception as e:  # noqa: BLE001
        counts["files that h5py does not open"] += 1
        if granule is not None:
            differ(file, "", "file read that h5py does not open", "", e)
        return
    with h5:
        if granule is None:
            return differ(file, "", "file not read", error, "")
        counts["files read"] += 1
        compare_group(file, granule, h5, "", frozenset(), h5)


def apart(work, crashed, *arguments):
    """Runs in a process of its own: there are files that bring the libraries down."""
    mine, theirs = multiprocessing.Pipe(False)

    def child():
        counts.clear()
        found.clear()
        try:
            work(*arguments)
        except Exception:  # noqa: BLE001
            differ(arguments[0], "", "the comparison failed", "", traceback.format_exc())
        theirs.send((counts, found))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    theirs.close()
    try:
        more, lines = mine.recv()
        counts.update(more)
        found.extend(lines)
    except EOFError:
        counts[crashed] += 1
    process.join()


def main():
    for file, granule, error in json.load(open(sys.argv[1])):
        apart(compare_h5py, "files that bring h5py down", file, granule, error)
        if granule is not None and len(sys.argv) < 3:
            apart(compare_netcdf, "files that bring netCDF4 down", file, granule, "")
    for what, count in sorted(counts.items()):
        print(f"# {count:>8} {what}")
    print("\n".join(found))


main()
