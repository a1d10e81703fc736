"""Opens an Icechunk cube with xarray, prints it, and writes one of its days as a picture.

python tools/open_cube.py CUBE PICTURE
"""

import sys

import icechunk
import numpy as np
import rioxarray  # noqa: F401  (adds the .rio accessor)
import xarray as xr
from PIL import Image


def open_cube(path: str) -> xr.Dataset:
    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(path))
    session = repository.readonly_session("main")
    # chunks=None keeps the arrays lazy without a task graph; consolidated metadata do not exist in Icechunk.
    return xr.open_zarr(session.store, consolidated=False, chunks=None, mask_and_scale=False)


def stretched(band: xr.DataArray) -> np.ndarray:
    """0..255 between the 2nd and 98th percentile of the valid pixels; 0 where nothing is."""
    values = band.values.astype("float32")
    valid = values != 0
    if not valid.any():
        return np.zeros(values.shape, "uint8")
    low, high = np.percentile(values[valid], (2, 98))
    scaled = np.clip((values - low) / max(high - low, 1e-6), 0, 1) * 245 + 10
    return np.where(valid, scaled, 0).astype("uint8")


def loaded_window(band: xr.DataArray) -> xr.DataArray:
    """The rectangle around the valid pixels."""
    valid = band.values != 0
    rows, columns = np.flatnonzero(valid.any(axis=1)), np.flatnonzero(valid.any(axis=0))
    if rows.size == 0:
        sys.exit("error: the cube holds no pixels")
    return band[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def main(cube: str, picture: str) -> None:
    dataset = open_cube(cube)
    print(dataset)
    print(f"\nCRS: {dataset.rio.crs}   transform: {tuple(dataset.rio.transform())[:6]}")

    red = loaded_window(dataset["red"].isel(time=0))
    nir = dataset["nir"].isel(time=0).sel(y=red.y, x=red.x)
    image = np.dstack([stretched(nir), stretched(red), stretched(red) // 2 + stretched(nir) // 2])
    Image.fromarray(image).save(picture)
    print(f"{picture}: {image.shape[1]} x {image.shape[0]} pixels of {str(dataset.time.values[0])[:10]} (nir, red, mean of both)")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
