"""Makes classic netCDF files (`make FOLDER`), and compares manifests of such files with netCDF4-python (`compare MANIFESTS`).

Prints counts (`# ...`), and a line for each difference.
"""
import base64
import collections
import itertools
import json
import struct
import sys

import netCDF4
import numpy as np

FORMATS = {"NETCDF3_CLASSIC": "bchsifd", "NETCDF3_64BIT_OFFSET": "bchsifd", "NETCDF3_64BIT_DATA": None}
CLASSIC = ["i1", "S1", "i2", "i4", "f4", "f8"]
EXTENDED = [*CLASSIC, "u1", "u2", "u4", "i8", "u8"]


def values(dtype, shape, seed):
    random = np.random.default_rng(seed)
    raw = random.integers(0, 100, shape)
    return raw.astype("u1").view("S1").reshape(shape) if dtype == "S1" else raw.astype(dtype)


def make(folder):
    for form in FORMATS:
        types = EXTENDED if form == "NETCDF3_64BIT_DATA" else CLASSIC
        for records, name in [(0, "empty"), (1, "one"), (5, "five")]:
            with netCDF4.Dataset(f"{folder}/{form}_{name}.nc", "w", format=form) as d:
                d.set_auto_mask(False)
                d.title = "a title"
                d.numbers = np.array([1.5, 2.5], "f4")
                d.empty = ""
                d.createDimension("x", 3)
                d.createDimension("t", None)
                d.createDimension("y", 5)
                for i, dtype in enumerate(types):
                    fill = None if i % 2 else (b"z" if dtype == "S1" else 7)
                    for dims in [(), ("x",), ("y", "x"), ("t",), ("t", "x"), ("t", "y", "x")]:
                        v = d.createVariable(f"{dtype}_{'_'.join(dims)}", dtype, dims, fill_value=fill)
                        v.units = "K"
                        v.valid_range = np.array([1, 2], "i2")
                        shape = tuple(records if n == "t" else len(d.dimensions[n]) for n in dims)
                        if 0 not in shape:
                            v[...] = values(dtype, shape, i)
        for dtype, length in itertools.product(types, [1, 3]):
            with netCDF4.Dataset(f"{folder}/{form}_alone_{dtype}_{length}.nc", "w", format=form) as d:
                d.createDimension("t", None)
                d.createDimension("x", length)
                d.createVariable("fixed", "i1", ("x",))[:] = 1
                d.createVariable("v", dtype, ("t", "x"))[:] = values(dtype, (7, length), 1)


def element(dtype):
    return ["text", 1, "NullTerminated"] if dtype.kind == "S" else ["number", dtype.name, ">"]


def number(text):
    return int(text[1:]) if text[0] == "i" else struct.unpack(">d", bytes.fromhex(text[1:]))[0]


def compare_attributes(where, ours, owner, differ, counts):
    if [a for a, _ in ours] != owner.ncattrs():
        return differ(where, "attribute names", [a for a, _ in ours], owner.ncattrs())
    for name, (kind, mine, _) in ours:
        counts["attributes"] += 1
        theirs = owner.getncattr(name)
        if kind == "text":
            same = [m.replace("\0", "") for m in mine] == [theirs]
        else:
            array = np.asarray(theirs)
            same = array.dtype.name == kind and [number(n) for n in mine] == array.ravel().tolist()
        if not same and not (kind != "text" and np.isnan(np.asarray(theirs, "f8")).any()):
            differ(where, f"attribute {name}", mine, theirs)


def stored(raw, variable, shape, dtype):
    array = np.zeros(shape, dtype)
    data = variable["data"]
    chunk = data["chunk_shape"]
    for at, offset, length, _ in data["chunks"]:
        place = tuple(slice(i * c, (i + 1) * c) for i, c in zip(at, chunk))
        array[place] = np.frombuffer(raw[offset : offset + length], dtype).reshape(array[place].shape)
    return array


def compare(manifests):
    counts = collections.Counter()

    def differ(where, kind, ours, theirs):
        print(f"{where}\t{kind}\t{str(ours)[:300]}\t{str(theirs)[:300]}")

    for file, granule, error in json.load(open(manifests)):
        counts["files"] += 1
        try:
            d = netCDF4.Dataset(file)
        except OSError as e:
            counts["files that netCDF4 does not open"] += 1
            if granule is not None and any("refusal" not in v["data"] for v in granule["variables"]):
                differ(file, "read what netCDF4 does not open", "", e)
            continue
        if granule is None:
            differ(file, "not read", error, "")
            continue
        raw = open(file, "rb").read()
        with d:
            d.set_auto_maskandscale(False)
            d.set_auto_chartostring(False)
            theirs = [[n, len(x), x.isunlimited()] for n, x in d.dimensions.items()]
            if granule["dimensions"] != theirs:
                differ(file, "dimensions", granule["dimensions"], theirs)
            compare_attributes(file, granule["attributes"], d, differ, counts)
            if [v["name"] for v in granule["variables"]] != list(d.variables):
                differ(file, "variables", [v["name"] for v in granule["variables"]], list(d.variables))
            for v in granule["variables"]:
                counts["variables"] += 1
                where = f"{file}\t{v['name']}"
                their = d.variables[v["name"]]
                compare_attributes(where, v["attributes"], their, differ, counts)
                if v["dimensions"] != [f"/{n}" for n in their.dimensions]:
                    differ(where, "dimensions of variable", v["dimensions"], their.dimensions)
                if tuple(v["shape"]) != their.shape or v["element"] != element(their.dtype):
                    differ(where, "shape or type", (v["shape"], v["element"]), (their.shape, their.dtype))
                    continue
                fill = getattr(their, "_FillValue", None)
                dtype = their.dtype.newbyteorder(">")
                expected = None if fill is None else np.asarray(fill.encode() if isinstance(fill, str) else fill, dtype).tobytes()
                mine = None if v["fill"] is None else base64.b64decode(v["fill"])
                if mine != expected:
                    differ(where, "fill", mine, expected)
                if "refusal" in v["data"]:
                    differ(where, "refused", v["data"], "")
                    continue
                counts["chunks"] += len(v["data"]["chunks"])
                ours = stored(raw, v, their.shape, dtype)
                if ours.tobytes() != np.asarray(their[...]).astype(dtype).tobytes():
                    differ(where, "values", ours.ravel()[:8], np.asarray(their[...]).ravel()[:8])
    for what, count in sorted(counts.items()):
        print(f"# {count:>8} {what}")


{"make": make, "compare": compare}[sys.argv[1]](sys.argv[2])
