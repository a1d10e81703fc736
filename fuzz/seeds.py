"""Makes the seeds of the fuzz targets: `python fuzz/seeds.py` (h5py, netCDF4, numpy). Small files, one for each thing that a reader knows."""
import base64
import itertools
import pathlib
import shutil
import zlib

import h5py
import netCDF4
import numpy as np

HERE = pathlib.Path(__file__).parent / "seeds"
VERSIONS = {"earliest": "earliest", "v110": ("v110", "v110"), "latest": "latest"}


def folder(target):
    path = HERE / target
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def compact(group, name, values):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    dataset = h5py.h5d.create(group.id, name.encode(), h5py.h5t.py_create(values.dtype), h5py.h5s.create_simple(values.shape), plist)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values)


def chunks(f, maxshape):
    shape = (6, 4)
    f.create_dataset("plain", shape, "<i2", chunks=(2, 2), maxshape=maxshape, fillvalue=7)[:3] = 1
    f.create_dataset("filtered", shape, ">f4", chunks=(2, 3), maxshape=maxshape, shuffle=True, compression=1, fletcher32=True)[...] = 1


def layouts(f):
    f["contiguous"] = np.arange(3, dtype="<f8")
    f["scalar"] = np.int8(3)
    f.create_dataset("never", (3,), "<u2", fillvalue=9)
    compact(f, "compact", np.arange(4, dtype=">i4"))
    f.create_dataset("single", (3, 3), "i1", chunks=(3, 3), compression=1)[...] = 1


def texts(f):
    f["variable"] = ["a", "", "ü"]
    f.create_dataset("chunked", (5,), h5py.string_dtype(), chunks=(2,), compression=1)[1:3] = "word"
    f["fixed"] = np.array([b"abc", b"d"])
    f.attrs["text"] = "value"
    f.attrs["texts"] = ["a", "b"]


def types(f):
    f["array"] = np.zeros(2, np.dtype([("a", "<f4", (2,))]))
    f.create_dataset("enum", (2,), h5py.enum_dtype({"RED": 1, "GREEN": 2}, "i1"))[0] = 1
    f.create_dataset("arrays", (2,), np.dtype(("<i2", (3,))))[...] = np.ones((2, 3))
    f["opaque"] = np.array([b"12345678"], h5py.opaque_dtype("V8"))
    f["bool"] = np.array([True])
    f["named"] = np.dtype("f4")
    f.create_dataset("of_named", (2,), f["named"])
    f.create_dataset("half", (2,), "<f2")
    f["list"] = h5py.Empty("f4")


def groups(f):
    below = f.create_group("a").create_group("b")
    f["soft"] = h5py.SoftLink("/a/b")
    f["circle"] = h5py.SoftLink("circle")
    f["out"] = h5py.ExternalLink("other.h5", "/x")
    below["up"] = f["/"]
    below["value"] = 1


def many(f):
    group = f.create_group("many", track_order=True)
    for i in range(12):
        group[f"{i}"] = h5py.SoftLink("/x")
    dataset = f.create_dataset("dense", data=1, track_order=True)
    for i in range(12):
        dataset.attrs[f"{i}"] = i


def scales(f):
    for name, size in (("x", 2), ("y", 3)):
        f[name] = np.arange(size)
        f[name].make_scale()
    f.create_dataset("v", (3, 2), "f4")
    f["v"].dims[0].attach_scale(f["y"])
    f["v"].dims[1].attach_scale(f["x"])
    f["v"].attrs["units"] = "m"
    f["v"].attrs["scale_factor"] = 0.1


def hdf5():
    out = folder("hdf5")
    growths = {"fixed": None, "extensible": (None, 4), "tree": (None, None)}
    makers = {maker.__name__: maker for maker in (layouts, texts, types, groups, many, scales)}
    makers |= {name: lambda f, growth=growth: chunks(f, growth) for name, growth in growths.items()}
    for (version, libver), (name, make) in itertools.product(VERSIONS.items(), makers.items()):
        with h5py.File(out / f"{name}_{version}.h5", "w", libver=libver) as f:
            make(f)
    with h5py.File(out / "user_block.h5", "w", userblock_size=512) as f:
        layouts(f)
    with h5py.File(out / "pages.h5", "w", libver="latest") as f:
        f.create_dataset("fixed", (3000,), "i1", chunks=(1,))[2999] = 1
        f.create_dataset("extensible", (3000,), "i1", chunks=(1,), maxshape=(None,))[2999] = 1
    with netCDF4.Dataset(out / "netcdf4.nc", "w") as d:
        d.createDimension("t", None)
        d.createDimension("x", 3)
        d.createVariable("t", "f8", ("t",))[0] = 1
        d.createVariable("v", "i2", ("t", "x"), zlib=True, fill_value=-9)[0] = 1
        d.createGroup("g").createVariable("x", "f4", ("x",))


def netcdf3():
    out = folder("netcdf3")
    for form in ("NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"):
        for growing in (False, True):
            with netCDF4.Dataset(out / f"{form}_{'records' if growing else 'fixed'}.nc", "w", format=form) as d:
                d.title = "title"
                d.createDimension("t", None if growing else 2)
                d.createDimension("x", 3)
                d.createVariable("t", "f8", ("t",))[0:2] = 1
                v = d.createVariable("v", "i2", ("t", "x"), fill_value=-9)
                v[0:2] = 1
                v.scale_factor, v.flags = 0.5, np.arange(3, dtype="i1")
                d.createVariable("c", "S1", ("x",))
                d.createVariable("s", "i4")[...] = 5


HEAD = """<?xml version="1.0" encoding="ISO-8859-1"?>
<Dataset xmlns="http://xml.opendap.org/ns/DAP/4.0#" xmlns:dmrpp="http://xml.opendap.org/dap/dmrpp/1.0.0#" dapVersion="4.0" dmrVersion="1.0" name="a.h5" dmrpp:href="OPeNDAP_DMRpp_DATA_ACCESS_URL" dmrpp:version="3.21.1">
"""


def document(body):
    return HEAD + body + "</Dataset>\n"


def dmrpp():
    out = folder("dmrpp")
    code = lambda data: base64.b64encode(data).decode()
    texts = {
        "chunks": """<Dimension name="y" size="4"/><Dimension name="x" size="3"/>
<Int16 name="v"><Dim name="/y"/><Dim name="/x"/>
<Attribute name="scale_factor" type="Float64"><Value>0.1</Value></Attribute>
<Attribute name="_FillValue" type="Int16"><Value>-9</Value></Attribute>
<dmrpp:chunks compressionType="shuffle deflate fletcher32" deflateLevel="4" fillValue="-9" byteOrder="LE">
<dmrpp:chunkDimensionSizes>2 3</dmrpp:chunkDimensionSizes>
<dmrpp:chunk offset="4016" nBytes="30" chunkPositionInArray="[0,0]"/>
<dmrpp:chunk offset="4046" nBytes="30" chunkPositionInArray="[2,0]" fm="1" href="other.h5"/>
</dmrpp:chunks></Int16>
""",
        "contiguous": """<Float32 name="v"><Dim size="3"/><dmrpp:chunks fillValue="0" byteOrder="BE"><dmrpp:chunk offset="100" nBytes="12"/></dmrpp:chunks></Float32>
<Int8 name="s"><dmrpp:chunk offset="7" nBytes="1"/></Int8>
<Int32 name="b"><Dim size="4"/><dmrpp:chunks><dmrpp:block offset="8" nBytes="8"/><dmrpp:block offset="16" nBytes="8"/></dmrpp:chunks></Int32>
""",
        "inline": f"""<Int32 name="compact"><Dim size="2"/><dmrpp:compact>{code(bytes(8))}</dmrpp:compact></Int32>
<Int32 name="missing"><Dim size="50"/><dmrpp:missingdata>{code(zlib.compress(bytes(200)))}</dmrpp:missingdata></Int32>
<Int32 name="one"><Dim size="1"/><dmrpp:missingdata>{code(bytes(4))}</dmrpp:missingdata></Int32>
<String name="texts"><Dim size="3"/><dmrpp:vlsa><v c="2">a</v><v s="3">{code(zlib.compress(b'abc'))}</v></dmrpp:vlsa></String>
<String name="fixed"><Dim size="2"/><dmrpp:FixedLengthStringArray string_length="3" pad="null"/><dmrpp:chunks><dmrpp:chunk offset="9" nBytes="6"/></dmrpp:chunks></String>
""",
        "groups": """<Dimension name="x" size="2"/>
<Enumeration name="colours" basetype="Byte"><EnumConst name="red" value="1"/></Enumeration>
<Attribute name="HDF5_GLOBAL" type="Container"><Attribute name="title" type="String"><Value>a &amp; b</Value></Attribute></Attribute>
<Group name="a"><Dimension name="x" size="3"/>
<Enum name="e" enum="/colours"><Dim name="/a/x"/><dmrpp:chunk offset="1" nBytes="3"/></Enum>
<Group name="b"><Float64 name="v"><Dim name="/x"/><Map name="/x"/><dmrpp:chunks fillValue="1e+20"/></Float64></Group></Group>
<Structure name="s"><Int32 name="i"/><dmrpp:chunks structOffset="4"/></Structure>
""",
        "legacy": """<Int32 name="v"><Dim size="4"/><h4:chunks xmlns:h4="http://www.hdfgroup.org/HDF4/XML/schema/HDF4map/1.0.1" compressionType="deflate">
<h4:chunkDimensionSizes>2</h4:chunkDimensionSizes><h4:byteStream nBytes="9" uuid="x" offset="40" md5="y" chunkPositionInArray="[2]"/></h4:chunks></Int32>
""",
    }
    for name, body in texts.items():
        (out / f"{name}.dmrpp").write_text(document(body))


hdf5()
netcdf3()
dmrpp()
