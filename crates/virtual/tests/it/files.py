"""Writes HDF5 files of every element, layout and filter: `files.py DIRECTORY`."""

import itertools
import sys

import h5py
import numpy as np

directory = sys.argv[1]
NUMBERS = ["u1", "i1", "<u2", ">i2", "<i4", ">u4", "<u8", ">i8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]
FILTERS = [{}, {"compression": 4}, {"shuffle": True, "compression": 1}, {"fletcher32": True}, {"shuffle": True, "compression": 4, "fletcher32": True},
           {"compression": "lzf", "shuffle": True}]


def ramp(shape, dtype):
    values = np.arange(int(np.prod(shape, dtype=int))).reshape(shape) % 120 - (0 if np.dtype(dtype).kind == "u" else 40)
    return values.astype(dtype)


def compact(file, name, values):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    dataset = h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(values.dtype), h5py.h5s.create_simple(values.shape), plist)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values)


for version in ["earliest", "latest"]:
    with h5py.File(f"{directory}/{version}.h5", "w", libver=(version, "latest")) as file:
        for i, dtype in enumerate(NUMBERS):
            tag = dtype.replace(">", "be_").strip("<")
            fill = np.array(np.nan if "f" in dtype else 7, dtype)
            file[f"scalars/{tag}"] = ramp((), dtype)
            file[f"contiguous/{tag}"] = ramp((5, 7), dtype)
            file.create_dataset(f"never/{tag}", (3, 2), dtype, fillvalue=fill)
            file.create_dataset(f"empty/{tag}", (0, 4), dtype, chunks=(2, 2), maxshape=(None, 4))
            compact(file.require_group("compact"), tag, ramp((4,), dtype))
            for j, options in enumerate(FILTERS):
                dataset = file.create_dataset(f"chunked/{tag}_{j}", (5, 7), dtype, chunks=(2, 3), maxshape=(None, None) if i % 2 else None, fillvalue=fill, **options)
                dataset[:3, 2:] = ramp((3, 5), dtype)
        texts = file.create_group("texts")
        texts["fixed"] = np.array([b"ab", b"", b"abcde"], "S5")
        texts["scalar_fixed"] = np.array(b"abc", "S5")
        texts.create_dataset("chunked", data=np.array([b"ab", b"", b"abcde"], "S5"), chunks=(2,), compression=4)
        texts["any"] = np.array(["", "Ünïcode", "longer than the others"], object)
        texts["scalar_any"] = "one text"
        for pad, name in [(h5py.h5t.STR_SPACEPAD, "spaces"), (h5py.h5t.STR_NULLTERM, "terminated")]:
            kind = h5py.h5t.C_S1.copy()
            kind.set_size(4)
            kind.set_strpad(pad)
            dataset = h5py.Dataset(h5py.h5d.create(texts.id, name.encode(), kind, h5py.h5s.create_simple((2,))))
            dataset[...] = np.array([b"ab", b"cde"], "S4")
        other = file.create_group("other")
        other["truth"] = np.array([True, False, True])
        kind = h5py.enum_dtype({"RED": 0, "GREEN": 3}, basetype=">i2")
        other.create_dataset("colour", data=np.array([0, 3, 0], ">i2"), dtype=kind)
        other["opaque"] = np.array([b"\x00\x01\x02", b"abc"], "V3")
        other["compound"] = np.array([(1, 2.5)], [("a", "<i4"), ("b", "<f8")])
        other["complex"] = np.array([1 + 2j])
        other.create_dataset("lists", (2,), h5py.vlen_dtype("<i4"))
        other["arrays"] = np.zeros(2, [("v", "<f4", (3,))])["v"]
        raw = file.create_dataset("masked", (4, 4), "<i2", chunks=(2, 2), shuffle=True, compression=4)
        raw[...] = ramp((4, 4), "<i2")
        raw.id.write_direct_chunk((2, 2), ramp((2, 2), "<i2").tobytes(), filter_mask=3)
