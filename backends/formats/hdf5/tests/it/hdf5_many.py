"""Makes files with 20,000 chunks of each index in a folder."""
import sys

import h5py
import numpy as np

for name, libver, maxshape in [
    ("tree1", "earliest", None),
    ("fixed", "v110", None),
    ("extensible", "v110", (None, 200, 800)),
    ("tree2", "v110", (None, None, 800)),
]:
    with h5py.File(f"{sys.argv[1]}/{name}.h5", "w", libver=libver) as f:
        d = f.create_dataset("v", (10, 200, 800), "f8", chunks=(1, 8, 10), maxshape=maxshape)
        for i in range(10):
            d[i] = np.full((200, 800), i)
