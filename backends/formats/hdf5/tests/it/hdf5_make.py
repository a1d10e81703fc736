"""Makes HDF5 files of every layout, filter, type, byte order and chunk index that h5py writes, and netCDF-4 files, in a folder."""
import ctypes
import glob
import itertools
import os
import sys

import h5py
import hdf5plugin
import netCDF4
import numpy as np

folder = sys.argv[1]
NUMBERS = ["i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8", ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]
VERSIONS = ["earliest", "v108", "v110", "v112", "v114", "latest"]
FILTERS = {
    "none": {},
    "deflate": {"compression": 4},
    "shuffle": {"shuffle": True},
    "shuffle_deflate": {"shuffle": True, "compression": 1},
    "all": {"shuffle": True, "compression": 9, "fletcher32": True},
    "fletcher32": {"fletcher32": True},
    "lzf": {"compression": "lzf"},
    "scaleoffset": {"scaleoffset": 0},
    "zstd": hdf5plugin.Zstd(clevel=3),
    "blosc": hdf5plugin.Blosc(cname="zstd", clevel=5, shuffle=hdf5plugin.Blosc.BITSHUFFLE),
    "bzip2": hdf5plugin.BZip2(blocksize=5),
    "lz4": hdf5plugin.LZ4(),
}


def shapes():
    """Name, shape, chunks, maxshape: one for each index."""
    yield "single", (5, 7), (5, 7), None
    yield "fixed", (23, 17), (4, 5), None
    yield "fixed_more", (23, 17), (4, 5), (50, 60)
    yield "extensible", (23, 17), (4, 5), (None, 17)
    yield "extensible_second", (23, 17), (4, 5), (40, None)
    yield "tree", (23, 17), (4, 5), (None, None)
    yield "empty", (0, 17), (4, 5), (None, 17)
    yield "three", (3, 9, 8), (2, 4, 4), (None, 9, None)


def arrays(version):
    with h5py.File(f"{folder}/arrays_{version}.h5", "w", libver=(version, version) if version != "earliest" else "earliest") as f:
        for dtype, (name, shape, chunks, maxshape) in itertools.product(NUMBERS, shapes()):
            f.create_dataset(f"chunks/{name}/{dtype}", shape, dtype, chunks=chunks, maxshape=maxshape)[...] = np.arange(np.prod(shape)).reshape(shape) % 100
        for dtype in NUMBERS:
            f.create_dataset(f"contiguous/{dtype}", data=np.arange(6).reshape(2, 3).astype(dtype))
            f.create_dataset(f"contiguous_never/{dtype}", (3, 4), dtype, fillvalue=3)
            f.create_dataset(f"scalar/{dtype}", data=np.array(5, dtype))
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_layout(h5py.h5d.COMPACT)
            space = h5py.h5s.create_simple((2, 3))
            kind = h5py.h5t.py_create(np.dtype(dtype))
            dataset = h5py.h5d.create(f.require_group("compact").id, dtype.encode(), kind, space, plist)
            dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(6).reshape(2, 3).astype(dtype))
            for fill in (0, 1, 100):
                f.create_dataset(f"fill/{dtype}_{fill}", (9, 9), dtype, chunks=(4, 4), fillvalue=fill)[0, 0] = 1
        for (name, filters), (index, shape, chunks, maxshape) in itertools.product(FILTERS.items(), shapes()):
            for dtype in ("<i4", ">i2", "<i8"):
                f.create_dataset(f"filters/{name}/{index}/{dtype}", shape, dtype, chunks=chunks, maxshape=maxshape, **filters)[...] = np.arange(np.prod(shape)).reshape(shape) % 77
        sparse = f.create_dataset("sparse", (100, 100), "f4", chunks=(10, 10), maxshape=(None, 100), compression=1)
        sparse[5, 5] = sparse[55, 77] = sparse[99, 99] = 1
        cut = f.create_dataset("cut", (100, 100), "f4", chunks=(10, 10), maxshape=(None, None))
        cut[...] = 1
        cut.resize((35, 41))
        masked = f.create_dataset("masked", (8, 4), "<i4", chunks=(2, 4), shuffle=True, compression=1)
        for row, mask in enumerate((0, 1, 2, 3)):
            masked.id.write_direct_chunk((row * 2, 0), b"x" * 32, mask)
        never = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        never.set_chunk((2, 2))
        never.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        never.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        h5py.h5d.create(f.id, b"implicit", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((7, 5)), never)
        edges = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        edges.set_chunk((4, 4))
        edges.set_deflate(1)
        dataset = h5py.h5d.create(f.id, b"ordinary_edges", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((7, 5)), edges)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ones((7, 5), "<i4"))


def indices(version):
    """Indices that are large enough for every level of theirs: pages, super blocks, inner nodes."""
    with h5py.File(f"{folder}/indices_{version}.h5", "w", libver=(version, version) if version != "earliest" else "earliest") as f:
        f.create_dataset("fixed", (30, 200), "i1", chunks=(1, 2))[...] = 1
        f.create_dataset("fixed_filtered", (30, 200), "i2", chunks=(1, 2), shuffle=True)[...] = 1
        pages = f.create_dataset("pages", (90_000,), "i1", chunks=(10,))
        pages[12_345] = pages[80_000] = 1
        f.create_dataset("extensible", (12_000,), "i1", chunks=(2,), maxshape=(None,))[...] = 1
        f.create_dataset("extensible_filtered", (3, 900), "i2", chunks=(1, 2), maxshape=(5, None), shuffle=True)[...] = np.arange(2700).reshape(3, 900)
        far = f.create_dataset("far", (4_000_000,), "i1", chunks=(2,), maxshape=(None,))
        far[3_999_999] = far[77] = far[1_000_001] = 1
        f.create_dataset("tree", (90, 90), "i1", chunks=(1, 2), maxshape=(None, None))[...] = 1
        f.create_dataset("tree_filtered", (60, 60), "i2", chunks=(1, 2), maxshape=(None, None), shuffle=True)[...] = 1


def kinds(version):
    with h5py.File(f"{folder}/kinds_{version}.h5", "w", libver=(version, version) if version != "earliest" else "earliest") as f:
        text = h5py.string_dtype()
        f["variable"] = np.array(["a", "", "über", "long" * 100], dtype=object)
        f.create_dataset("variable_chunks", (7, 5), text, chunks=(2, 2), compression=1)[2:5, 1:4] = "x"
        f.create_dataset("variable_fill", (4,), text, chunks=(2,), fillvalue="none")[0] = "y"
        f.create_dataset("variable_scalar", data="one")
        f.create_dataset("variable_ascii", data=np.array([b"q", b"rs"], dtype=h5py.string_dtype("ascii")), dtype=h5py.string_dtype("ascii"))
        f["fixed"] = np.array([b"abc", b"d"])
        f.create_dataset("fixed_utf8", data=np.array(["é".encode(), b"d"], h5py.string_dtype("utf-8", 5)))
        f.create_dataset("fixed_chunks", (5,), "S3", chunks=(2,), fillvalue=b"zz")[1] = b"abc"
        f["bool"] = np.array([True, False])
        f.create_dataset("enum", (4,), h5py.enum_dtype({"RED": 1, "GREEN": 2, "MINUS": -3}, ">i2"), chunks=(2,), fillvalue=2)[0] = 1
        f["opaque"] = np.array([b"12345678"], h5py.opaque_dtype("V8"))
        f["array"] = np.zeros(3, np.dtype([("a", "<f4", (2,))]))["a"]
        f.create_dataset("array_type", (3,), np.dtype(("<f4", (2, 3))), chunks=(2,))[...] = np.ones((3, 2, 3), "f4")
        f["compound"] = np.zeros(2, [("a", "i4"), ("b", "f8"), ("c", "S3", (2,))])
        f["complex"] = np.zeros(2, "c8")
        f.create_dataset("list", (2,), h5py.vlen_dtype("i4"))[0] = [1, 2]
        f["reference"] = np.array([f["bool"].ref], dtype=h5py.ref_dtype)
        f["region"] = np.array([f["bool"].regionref[:]], dtype=h5py.regionref_dtype)
        f["null"] = h5py.Empty("f4")
        f["no_elements"] = np.zeros((3, 0), "f4")
        kind = h5py.h5t.STD_I16LE.copy()
        kind.set_precision(12)
        h5py.h5d.create(f.id, b"twelve_bits", kind, h5py.h5s.create_simple((3,)))
        brain = h5py.h5t.IEEE_F32LE.copy()
        brain.set_fields(15, 7, 8, 0, 7)
        brain.set_precision(16)
        brain.set_size(2)
        h5py.h5d.create(f.id, b"brain_float", brain, h5py.h5s.create_simple((3,)))
        f["named_type"] = np.dtype("f8")
        f.create_dataset("of_named_type", (3,), f["named_type"])
        layout = h5py.VirtualLayout((4,), "i4")
        layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
        if version not in ("earliest", "v108"):
            f.create_virtual_dataset("virtual", layout)
        f.create_dataset("external", (4,), "i4", external=[("raw.bin", 0, 16)])
        f.create_group("groups").create_group("below")
        f["groups/hard"] = f["bool"]
        f["groups/soft"] = h5py.SoftLink("/fixed")
        f["groups/relative"] = h5py.SoftLink("below")
        f["groups/dangling"] = h5py.SoftLink("/nothing")
        f["groups/circle"] = h5py.SoftLink("/groups/circle")
        f["groups/external"] = h5py.ExternalLink("other.h5", "/x")
        many = f.create_group("many", track_order=True)
        for i in range(500):
            many[f"dataset {(i * 7919) % 500}"] = i
        attributes(f["bool"])
        attributes(f)
        few = f.create_dataset("dense", data=1, track_order=True)
        for i in range(300):
            few.attrs[f"attribute {(i * 7919) % 300}"] = np.arange(i % 7)
        if version != "earliest":
            few.attrs["huge"] = np.arange(20_000, dtype="f8")


def circles():
    """Groups that hold a group above them, by each kind of link."""
    with h5py.File(f"{folder}/circles.h5", "w") as f:
        f.create_group("a").create_group("b")["up"] = f["/"]
        f["a/b/again"] = f["a/b"]
        f["a/b/soft"] = h5py.SoftLink("/a")
        f["a/b/value"] = 1


def attributes(owner):
    owner.attrs["text"] = "variable über"
    owner.attrs["fixed"] = np.bytes_("fixed")
    owner.attrs["empty"] = ""
    owner.attrs["texts"] = ["a", "bc", ""]
    owner.attrs["fixed texts"] = np.array([b"a", b"bc"])
    for dtype in NUMBERS:
        owner.attrs[f"scalar {dtype}"] = np.array(3, dtype)
        owner.attrs[f"one {dtype}"] = np.array([3], dtype)
        owner.attrs[f"two {dtype}"] = np.array([[3], [4]], dtype)
    owner.attrs["special"] = np.array([np.nan, np.inf, -np.inf, -0.0, 1e300, 5e-324])
    owner.attrs["large"] = np.array([2**64 - 1], "u8")
    owner.attrs["bool"] = True
    owner.attrs["null"] = h5py.Empty("f4")
    owner.attrs["null text"] = h5py.Empty("S1")
    owner.attrs["complex"] = 1j
    owner.attrs["reference"] = owner.file["fixed"].ref


def user_block(size):
    with h5py.File(f"{folder}/block_{size}.h5", "w", userblock_size=size) as f:
        f["contiguous"] = np.arange(5)
        f.create_dataset("chunks", (10, 10), "i2", chunks=(3, 3), compression=1)[...] = 1
        f["text"] = ["a", "b"]


def rare():
    """What HDF5 can do and h5py does not offer; nothing is made where its library is not found."""
    sizes = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    sizes.set_sizes(4, 4)
    with h5py.File(h5py.h5f.create(f"{folder}/short_addresses.h5".encode(), h5py.h5f.ACC_TRUNC, sizes)) as f:
        arrays_of(f)
    found = glob.glob(os.path.join(os.path.dirname(h5py.__file__), "..", "h5py.libs", "libhdf5-*"))
    if not found:
        return
    library = ctypes.CDLL(found[0])
    for version in ("earliest", "latest"):
        plist = h5py.h5p.create(h5py.h5p.FILE_CREATE)
        library.H5Pset_shared_mesg_nindexes(ctypes.c_int64(plist.id), ctypes.c_uint(1))
        library.H5Pset_shared_mesg_index(ctypes.c_int64(plist.id), ctypes.c_uint(0), ctypes.c_uint(0x102A), ctypes.c_uint(1))
        access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
        if version == "latest":
            access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
        with h5py.File(h5py.h5f.create(f"{folder}/shared_{version}.h5".encode(), h5py.h5f.ACC_TRUNC, plist, access)) as f:
            arrays_of(f)
    with h5py.File(f"{folder}/unfiltered_edges.h5", "w", libver="latest") as f:
        for name, most in (("fixed", (7, 6)), ("extensible", (None, 6)), ("tree", (None, None))):
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk((4, 4))
            plist.set_shuffle()
            plist.set_deflate(1)
            library.H5Pset_chunk_opts(ctypes.c_int64(plist.id), ctypes.c_uint(2))
            unlimited = tuple(h5py.h5s.UNLIMITED if m is None else m for m in most)
            space = h5py.h5s.create_simple((7, 6), unlimited)
            dataset = h5py.h5d.create(f.id, f"unfiltered_edges_{name}".encode(), h5py.h5t.STD_I32LE, space, plist)
            dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(42, dtype="<i4").reshape(7, 6))


def refused():
    """Files that mean something else than they say."""
    os.mkdir(f"{folder}/refused")
    for version in ("earliest", "latest"):
        # What one file holds is cut into several.
        with h5py.File(f"{folder}/refused/family_{version}_%d.h5", "w", driver="family", memb_size=4096, libver=version) as f:
            arrays_of(f)
    found = glob.glob(os.path.join(os.path.dirname(h5py.__file__), "..", "h5py.libs", "libhdf5-*"))
    if not found:
        return
    library = ctypes.CDLL(found[0])

    class Image(ctypes.Structure):
        _fields_ = [("version", ctypes.c_int), ("generate", ctypes.c_bool), ("save_resize_status", ctypes.c_bool), ("entry_ageout", ctypes.c_int)]

    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    library.H5Pset_mdc_image_config(ctypes.c_int64(access.id), ctypes.byref(Image(1, True, False, -1)))
    with h5py.File(h5py.h5f.create(f"{folder}/refused/cache_image.h5".encode(), h5py.h5f.ACC_TRUNC, None, access)) as f:
        arrays_of(f)


def arrays_of(f):
    for i in range(3):
        d = f.create_dataset(f"chunks{i}", (20, 20), "i4", chunks=(3, 3), compression=1, fillvalue=9)
        d[...] = i
        d.attrs["units"] = "metres"
        d.attrs["numbers"] = np.arange(50)
        f.create_dataset(f"contiguous{i}", data=np.arange(20))
    f["text"] = ["a", "b"]
    f["text"].attrs["text"] = "value"
    f.create_dataset("growing", (20, 20), "i4", chunks=(3, 3), maxshape=(None, 20))[...] = 1
    for i in range(40):
        f.create_group(f"below/{i}")


def scales():
    with h5py.File(f"{folder}/scales.h5", "w") as f:
        for name, size in (("x", 3), ("y", 4)):
            f[name] = np.arange(size)
            f[name].make_scale(f"{name} scale")
        below = f.create_group("below")
        below["z"] = np.arange(5)
        below["z"].make_scale()
        d = f.create_dataset("below/d", (4, 3, 5, 2), "f4")
        for i, scale in enumerate((f["y"], f["x"], below["z"])):
            d.dims[i].attach_scale(scale)
            d.dims[i].label = f"label {i}"


def netcdf():
    for form in ("NETCDF4", "NETCDF4_CLASSIC"):
        with netCDF4.Dataset(f"{folder}/{form}.nc", "w", format=form) as d:
            d.title = "title"
            d.createDimension("t", None)
            d.createDimension("y", 4)
            d.createDimension("x", 3)
            d.createDimension("unused", 9)
            d.createDimension("pair", 2)
            t = d.createVariable("t", "f8", ("t",))
            t.units = "days since 2000-01-01"
            d.createVariable("v", "i2", ("t", "y", "x"), zlib=True, fill_value=-9)[0:3] = 1
            d.createVariable("y", "f4", ("y",))[:] = 1
            d.createVariable("x", "f4", ("y", "x"))[:] = 1
            d.createVariable("chars", "S1", ("y", "x"))
            d.createVariable("scalar", "i4")[...] = 5
            d.createVariable("big", "i4", ("x",), endian="big")[:] = 1
            d.createVariable("checked", "i4", ("y", "x"), fletcher32=True, chunksizes=(2, 2))[:] = 1
            d.createVariable("nofill", "i4", ("y", "x"), fill_value=False)
            if form == "NETCDF4":
                g = d.createGroup("g")
                g.createDimension("x", 7)
                g.createDimension("r", None)
                g.createVariable("x", "f4", ("x",))[:] = 1
                g.createVariable("same", "f4", ("t", "x", "r"))
                g.createVariable("pair", "f4", ("x", "pair"))[:] = 1
                g.createVariable("text", str, ("x",))[0] = "word"
                g.createVariable("u8", "u8", ("r",))[0:2] = 1
                g.createGroup("h").createVariable("y", "f4", ("y",))[:] = 1
                d.createVariable("zstd", "f4", ("y", "x"), compression="zstd")[:] = 1
                colours = d.createEnumType("i1", "colours", {"red": 1, "blue": 2})
                d.createVariable("colour", colours, ("x",), fill_value=1)
                pairs = d.createVLType("i4", "lists")
                d.createVariable("of_lists", pairs, ("x",))


for version in VERSIONS:
    arrays(version)
    indices(version)
    kinds(version)
for size in (512, 1024, 65536, 131072):
    user_block(size)
circles()
scales()
rare()
refused()
netcdf()
