"""Compares manifests that were read from DMR++ with what h5py finds in the data files.

Takes the path of a JSON list of granules. Prints counts, and one line for each difference.
"""
import base64
import collections
import json
import sys
import zlib

import h5py
import numpy as np

TEXT = "text "


def dtype_of(variable):
    element = variable["element"]
    if element.startswith(TEXT):
        return np.dtype(f"S{variable['size']}")
    if element == "opaque":
        return np.dtype(f"V{variable['size']}")
    dtype = np.dtype(element)
    return dtype.newbyteorder(">") if variable["big_endian"] else dtype.newbyteorder("<")


def find(h5, variable):
    """The dataset that a variable was made from; names differ where the sidecar's author renamed."""
    path = variable["path"]
    folder, _, name = path.rpartition("/")
    full = variable["attributes"].get("fullnamepath", ["", path])[1]
    for candidate in (f"{folder}/_nc4_non_coord_{name}", full, path):
        if candidate in h5 and isinstance(h5[candidate], h5py.Dataset):
            return h5[candidate]
    return None


def unshuffle(data, size):
    count = len(data) // size
    body = np.frombuffer(data[: count * size], np.uint8).reshape(size, count).T.tobytes()
    return body + data[count * size :]


def decode(data, codecs, mask):
    for number in reversed(range(len(codecs))):
        if mask >> number & 1:
            continue
        codec = codecs[number]
        if codec["name"] == "deflate":
            data = zlib.decompress(data)
        elif codec["name"] == "shuffle":
            data = unshuffle(data, codec["size"])
        elif codec["name"] == "fletcher32":
            data = data[:-4]
        else:
            raise ValueError(f"codec {codec['name']}")
    return data


def values_of(variable, files):
    if "texts" in variable:
        return np.array(variable["texts"], dtype=object).reshape(variable["shape"])
    dtype = dtype_of(variable)
    fill = np.frombuffer(base64.b64decode(variable["fill"]), dtype)[0] if variable["fill"] else np.zeros((), dtype)[()]
    out = np.full(variable["shape"], fill, dtype)
    for chunk in variable["chunks"]:
        if "inline" in chunk:
            data = base64.b64decode(chunk["inline"])
        else:
            with files(chunk["file"]) as file:
                file.seek(chunk["offset"])
                data = file.read(chunk["length"])
        data = decode(data, variable["codecs"], chunk["mask"])
        block = np.frombuffer(data, dtype).reshape(variable["chunk_shape"])
        target = tuple(slice(a * c, min((a + 1) * c, s)) for a, c, s in zip(chunk["at"], variable["chunk_shape"], variable["shape"]))
        out[target] = block[tuple(slice(0, t.stop - t.start) for t in target)]
    return out


def same_values(ours, theirs):
    if ours.dtype == object or theirs.dtype == object:
        text = lambda v: v.decode("utf-8", "surrogateescape") if isinstance(v, bytes) else v
        return [text(v) for v in np.asarray(ours).ravel()] == [text(v) for v in np.asarray(theirs).ravel()]
    if ours.dtype.kind == "S":
        # h5py takes the spaces off text that is filled up with them.
        ours, theirs = np.char.rstrip(ours, b" \0"), np.char.rstrip(theirs.astype(ours.dtype), b" \0")
    if ours.dtype.kind == "f":
        return np.array_equal(ours, theirs, equal_nan=True)
    return np.array_equal(ours, theirs)


def stored_chunks(dataset):
    """Chunks of a dataset as (place in the grid, offset, length, mask)."""
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        return [] if offset is None else [((0,) * dataset.ndim, offset, dataset.id.get_storage_size(), 0)]
    infos = []
    dataset.id.chunk_iter(lambda info: infos.append(info))
    return [(tuple(a // c for a, c in zip(i.chunk_offset, dataset.chunks)), i.byte_offset, i.size, i.filter_mask) for i in infos]


def pipeline(dataset):
    plist = dataset.id.get_create_plist()
    names = {1: "deflate", 2: "shuffle", 3: "fletcher32"}
    return [names.get(plist.get_filter(i)[0], str(plist.get_filter(i)[0])) for i in range(plist.get_nfilters())]


def compare(variable, dataset, differ):
    if list(dataset.shape) != variable["shape"]:
        return differ("shape", f"{variable['shape']} but {list(dataset.shape)}")
    string = h5py.check_string_dtype(dataset.dtype)
    layout = dataset.id.get_create_plist().get_layout()
    if "texts" not in variable:
        ours, theirs = dtype_of(variable), dataset.dtype
        if h5py.check_enum_dtype(theirs):
            theirs = np.dtype(theirs.str)
        if theirs.kind == "b":  # h5py's view of an enumeration of FALSE and TRUE
            theirs = np.dtype("i1")
        if ours != theirs:
            differ("dtype", f"{ours.str} but {theirs.str}")
        inline = any("inline" in c for c in variable["chunks"])
        if inline != (layout == h5py.h5d.COMPACT):
            differ("compact", f"inline is {inline}")
        if not inline:
            expected = sorted(stored_chunks(dataset))
            found = sorted((tuple(c["at"]), c["offset"], c["length"], c["mask"]) for c in variable["chunks"])
            if [c[:3] for c in expected] != [c[:3] for c in found]:
                differ("chunks", f"{found[:3]} but {expected[:3]}")
            elif expected != found:
                differ("mask", f"{[c[3] for c in found][:8]} but {[c[3] for c in expected][:8]}")
            if dataset.chunks is not None and list(dataset.chunks) != variable["chunk_shape"]:
                differ("chunk shape", f"{variable['chunk_shape']} but {dataset.chunks}")
            if [c["name"] for c in variable["codecs"]] != pipeline(dataset):
                differ("codecs", f"{[c['name'] for c in variable['codecs']]} but {pipeline(dataset)}")
            if string is None and variable["fill"] is not None:
                fill = np.frombuffer(base64.b64decode(variable["fill"]), ours)[0]
                defined = dataset.id.get_create_plist().fill_value_defined() != h5py.h5d.FILL_VALUE_UNDEFINED
                real = dataset.fillvalue if defined else fill
                if not (fill == real or (fill != fill and real != real)):
                    differ("fill", f"{fill!r} but {real!r}")
    try:
        ours = values_of(variable, lambda name: open(name, "rb"))
    except Exception as e:  # whatever goes wrong is a difference
        return differ("decode", f"{type(e).__name__}: {e}")
    if not same_values(ours, np.asarray(dataset[()])):
        differ("values", f"{ours.ravel()[:4]} but {np.asarray(dataset[()]).ravel()[:4]}")


def compare_attributes(variable, dataset, differ):
    for name, (kind, ours) in variable["attributes"].items():
        if name not in dataset.attrs or kind == "other":
            continue
        theirs = dataset.attrs[name]
        if isinstance(theirs, h5py.Empty):
            continue
        theirs = np.asarray(theirs)
        if kind == "text":
            text = [v.decode("utf-8", "surrogateescape") if isinstance(v, bytes) else str(v) for v in theirs.ravel()]
            same = [t.rstrip() for t in text] == [t.rstrip() for t in (ours if isinstance(ours, list) else [ours])]
        else:
            numbers = np.asarray([float(v) for v in ours] if isinstance(ours, list) else [float(ours)])
            same = theirs.dtype.name == kind and np.array_equal(numbers, theirs.ravel().astype(float), equal_nan=True)
        if not same:
            differ("attribute", f"{name}: {kind} {ours!r} but {theirs.dtype} {theirs.tolist()!r}")


def main():
    counts, differences = collections.Counter(), []
    for granule in json.load(open(sys.argv[1])):
        if "error" in granule:
            counts["documents with an error"] += 1
            differences.append((granule["sidecar"], "", "error", granule["error"]))
            continue
        try:
            h5 = h5py.File(granule["data"])
        except OSError:
            counts["data files that are not HDF5"] += 1
            continue
        counts["documents"] += 1
        with h5:
            for variable in granule["variables"]:
                counts["variables"] += 1
                if "refusal" in variable:
                    counts[f"refused: {variable['refusal'].split(':')[0]}"] += 1
                    continue
                dataset = find(h5, variable)
                if dataset is None:
                    counts["variables that are not in the file"] += 1
                    continue
                before = len(differences)

                def differ(kind, detail):
                    differences.append((granule["sidecar"], variable["path"], kind, detail))

                compare(variable, dataset, differ)
                compare_attributes(variable, dataset, differ)
                counts["variables that agree" if len(differences) == before else "variables that differ"] += 1
    for what, number in sorted(counts.items()):
        print(f"# {number:>6} {what}")
    for difference in differences:
        print("\t".join(difference).replace("\n", " "))


main()
