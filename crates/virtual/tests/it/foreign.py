"""Writes files whose chunks no Zarr reader can decode, and says what they hold: `foreign.py DIRECTORY`."""

import json
import sys

import h5py
import hdf5plugin
import numpy as np

directory = sys.argv[1]
random = np.random.default_rng(5)
SHAPE, CHUNKS = (70, 33), (32, 16)


def values(dtype):
    kind = np.dtype(dtype).kind
    if kind == "f":
        return (np.add.outer(np.arange(70), np.arange(33)) / 8 + random.integers(0, 3, SHAPE)).astype(dtype)
    return (np.add.outer(np.arange(70), np.arange(33)) * 3 % 100 + random.integers(0, 9, SHAPE)).astype(dtype)


def nbit(file, name, dtype, precision):
    """Numbers of fewer bits than their bytes have; h5py has no words for them."""
    space = h5py.h5s.create_simple(SHAPE)
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(CHUNKS)
    plist.set_filter(5, 0)
    kind = h5py.h5t.py_create(np.dtype(dtype)).copy()
    kind.set_precision(precision)
    return h5py.Dataset(h5py.h5d.create(file.id, name.encode(), kind, space, plist))


found = []
with h5py.File(f"{directory}/foreign.h5", "w") as file:
    def add(name, dtype, **options):
        data = values(dtype)
        file.create_dataset(name, data=data, chunks=CHUNKS, **options)

    for dtype in ["u1", "<i2", ">i2", "<u4", ">i4", "<i8", "<f4", ">f4", "<f8"]:
        tag = dtype.strip("<").replace(">", "be_")
        add(f"lzf_{tag}", dtype, compression="lzf")
        add(f"shuffle_lzf_sum_{tag}", dtype, compression="lzf", shuffle=True, fletcher32=True)
        add(f"lz4_{tag}", dtype, **hdf5plugin.LZ4(nbytes=512))
        add(f"lz4_default_{tag}", dtype, **hdf5plugin.LZ4())
        for inside in ["none", "lz4", "zstd"]:
            add(f"bitshuffle_{inside}_{tag}", dtype, **hdf5plugin.Bitshuffle(cname=inside))
        add(f"bitshuffle_small_{tag}", dtype, **hdf5plugin.Bitshuffle(nelems=64, cname="lz4"))
        if dtype[-2] != "f":
            add(f"scaleoffset_{tag}", dtype, scaleoffset=0)
        else:
            add(f"scaleoffset_{tag}", dtype, scaleoffset=3)
    for dtype in ["<i2", ">i4", "<u2"]:
        nbit(file, f"nbit_{dtype.strip('<').replace('>', 'be_')}", dtype, 20 if dtype == ">i4" else 11)[...] = values(dtype)
    if h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP) and h5py.h5z.get_filter_info(h5py.h5z.FILTER_SZIP) & h5py.h5z.FILTER_CONFIG_ENCODE_ENABLED:
        add("szip_i2", "<i2", compression="szip")

with h5py.File(f"{directory}/foreign.h5") as file:
    for name, dataset in file.items():
        plist = dataset.id.get_create_plist()
        filters = []
        for i in range(plist.get_nfilters()):
            number, _, parameters, label = plist.get_filter(i)
            filters.append({"id": number, "name": label.decode(errors="replace"), "parameters": list(parameters)})
        chunks = []
        for i in range(dataset.id.get_num_chunks()):
            info = dataset.id.get_chunk_info(i)
            at = [o // c for o, c in zip(info.chunk_offset, CHUNKS)]
            chunks.append({"at": at, "offset": info.byte_offset, "size": info.size, "mask": info.filter_mask})
        dtype = dataset.dtype
        found.append({"name": name, "dtype": dtype.name, "big": dtype.byteorder == ">", "filters": filters, "chunks": chunks,
                      "hex": dataset[...].tobytes().hex()})
json.dump(found, sys.stdout)
