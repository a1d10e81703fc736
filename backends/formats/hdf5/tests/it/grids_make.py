"""Files with variables on grids, each a case of the conventions. Prints one line per case: file, variable, what is expected of it."""

import sys
from pathlib import Path

import h5py
import netCDF4
import numpy as np

folder = Path(sys.argv[1])
random = np.random.default_rng(5)


def case(file, variable, expected="opens"):
    print(file, variable, expected, sep="\t")


def create(name, **sizes):
    form = "NETCDF4" if "3" not in name else "NETCDF3_CLASSIC"
    d = netCDF4.Dataset(folder / name, "w", format=form)
    for dimension, size in sizes.items():
        d.createDimension(dimension, size)
    return d


def axis(d, name, values, kind="f8", **attributes):
    v = d.createVariable(name, kind, (name,))
    v.set_auto_maskandscale(False)
    v[:] = values
    v.setncatts(attributes)
    return v


LAT = {"units": "degrees_north", "standard_name": "latitude"}
LON = {"units": "degrees_east", "standard_name": "longitude"}


def fill(v, kind="i2"):
    v.set_auto_maskandscale(False)
    values = random.integers(-20000, 20000, v.shape) if np.dtype(kind).kind != "f" else random.normal(size=v.shape)
    v[:] = values.astype(kind)
    return v


def world(name, lat, lon, order=("lat", "lon"), kind="f4", chunks=None, **options):
    d = create(name, time=1, lat=len(lat), lon=len(lon))
    axis(d, "lat", lat, kind, **LAT)
    axis(d, "lon", lon, kind, **LON)
    dimensions = ("time", *order)
    v = fill(d.createVariable("v", "i2", dimensions, chunksizes=chunks, fill_value=-32768, **options))
    v.scale_factor, v.add_offset = 0.001, 298.15
    v.setncattr("coordinates", "lat lon")
    v[0, 3, 5:9] = -32768
    d.close()
    case(name, "v")


down = np.arange(89.5, -90, -1)
east = np.arange(-179.5, 180, 1)
world("plain.nc", down, east, chunks=(1, 50, 70), compression="zlib")
world("south_up.nc", down[::-1], east, chunks=(1, 50, 70), compression="zlib", fletcher32=True)
world("fine.nc", np.linspace(-89.99, 89.99, 600), np.linspace(-179.99, 179.99, 700), chunks=(1, 128, 128), compression="zlib")
world("to_360.nc", down, np.arange(0.5, 360, 1), chunks=(1, 50, 70), compression="zlib")
world("centred_360.nc", np.arange(90, -91, -1.0), np.arange(0, 360, 2.0), chunks=(1, 181, 180))
world("pacific.nc", down[:40], np.arange(200.5, 240, 1))
world("transposed.nc", down, east, order=("lon", "lat"), chunks=(1, 70, 50), compression="zlib")
world("classic3.nc", down, east)
world("big_endian.nc", down, east, chunks=(1, 50, 70), endian="big")
world("one_piece.nc", np.linspace(60, 50, 900), np.linspace(5, 15, 1000), contiguous=True)

d = create("layers.nc", time=3, depth=2, lat=20, lon=30)
axis(d, "lat", np.linspace(10, 0.5, 20), **LAT)
axis(d, "lon", np.linspace(0, 14.5, 30), **LON)
fill(d.createVariable("v", "f4", ("time", "depth", "lat", "lon"), chunksizes=(2, 2, 8, 8), compression="zlib"), "f4")
d.close()
for layer in (1, 2, 6):
    case("layers.nc", f"v.{layer}")
case("layers.nc", "v", "6 layers (time 3, depth 2)")
case("layers.nc", "v", "keep all times with `cube virtualize`")
# Times by their units, of which the name says nothing; and heights, named one by one.
d = create("steps.nc", when=2, height=2, lat=20, lon=30)
axis(d, "when", [0, 1], units="days since 2024-01-01")
axis(d, "height", [2, 10], units="m")
axis(d, "lat", np.linspace(10, 0.5, 20), **LAT)
axis(d, "lon", np.linspace(0, 14.5, 30), **LON)
for name in ("when", "height"):
    fill(d.createVariable(f"by_{name}", "i2", (name, "lat", "lon")))
d.close()
case("steps.nc", "by_when.2")
case("steps.nc", "by_height.2")
case("steps.nc", "by_height", "name one layer, from 1: `asset#by_height.1`")
case("layers.nc", "v.7", "layer 7")
case("layers.nc", "w", "no variable `w`")

# Two records of two variables: netCDF-3 lays them out in turn.
d = create("records3.nc", time=None, lat=20, lon=30)
axis(d, "lat", np.linspace(10, 0.5, 20), **LAT)
axis(d, "lon", np.linspace(0, 14.5, 30), **LON)
for name, kind in (("v", "i2"), ("w", "f4")):
    v = d.createVariable(name, kind, ("time", "lat", "lon"))
    v.set_auto_maskandscale(False)
    v[:] = random.integers(0, 1000, (2, 20, 30)).astype(kind)
d.close()
case("records3.nc", "v.2")
case("records3.nc", "w.1")


def projected(name, unit, x, y, mapping, **more):
    d = create(name, y=len(y), x=len(x))
    axis(d, "x", x, more.get("kind", "f8"), units=unit, standard_name=more.get("names", "projection_x_coordinate"), **more.get("packed", {}))
    axis(d, "y", y, more.get("kind", "f8"), units=unit, standard_name=more.get("names", "projection_y_coordinate").replace("x", "y"), **more.get("packed", {}))
    d.createVariable("crs", "i4", ()).setncatts(mapping)
    fill(d.createVariable("v", "u2", ("y", "x"), compression="zlib")).grid_mapping = more.get("reference", "crs")
    d.close()
    case(name, "v")


sphere = {"semi_major_axis": 6371007.181, "semi_minor_axis": 6371007.181}
wgs = {"semi_major_axis": 6378137.0, "inverse_flattening": 298.257223563}
steps = np.arange(50) * 500.0
projected("utm.nc", "m", 300250 + steps, 5000250 - steps, {"grid_mapping_name": "transverse_mercator", **wgs, "latitude_of_projection_origin": 0.0, "longitude_of_central_meridian": 9.0, "scale_factor_at_central_meridian": 0.9996, "false_easting": 500000.0, "false_northing": 0.0})
projected("laea_km.nc", "km", 4000 + steps / 1000, 3000 - steps / 1000, {"grid_mapping_name": "lambert_azimuthal_equal_area", **wgs, "latitude_of_projection_origin": 52.0, "longitude_of_projection_origin": 10.0, "false_easting": 4321000.0, "false_northing": 3210000.0}, reference="crs: x y")
projected("polar.nc", "m", -2000000 + steps, 1500000 - steps, {"grid_mapping_name": "polar_stereographic", **wgs, "latitude_of_projection_origin": -90.0, "straight_vertical_longitude_from_pole": 0.0, "standard_parallel": -71.0, "false_easting": 0.0, "false_northing": 0.0})
projected("sinusoidal.nc", "m", steps, 5000000 - steps, {"grid_mapping_name": "sinusoidal", **sphere, "longitude_of_projection_origin": 0.0, "false_easting": 0.0, "false_northing": 0.0})
projected("conic.nc", "m", steps, 500000 - steps, {"grid_mapping_name": "lambert_conformal_conic", **wgs, "standard_parallel": [25.0, 60.0], "latitude_of_projection_origin": 42.5, "longitude_of_central_meridian": -100.0, "false_easting": 0.0, "false_northing": 0.0})
projected("albers.nc", "m", steps, 500000 - steps, {"grid_mapping_name": "albers_conical_equal_area", **wgs, "standard_parallel": [29.5, 45.5], "latitude_of_projection_origin": 23.0, "longitude_of_central_meridian": -96.0, "false_easting": 0.0, "false_northing": 0.0})
projected("mercator.nc", "m", steps, 500000 - steps, {"grid_mapping_name": "mercator", **wgs, "standard_parallel": 0.0, "longitude_of_projection_origin": 0.0, "false_easting": 0.0, "false_northing": 0.0})
projected("geostationary.nc", "rad", np.arange(-25, 25), np.arange(25, -25, -1), {"grid_mapping_name": "geostationary", "perspective_point_height": 35786023.0, "semi_major_axis": 6378137.0, "semi_minor_axis": 6356752.31414, "longitude_of_projection_origin": -75.0, "latitude_of_projection_origin": 0.0, "sweep_angle_axis": "x"}, kind="i2", names="projection_x_coordinate", packed={"scale_factor": np.float32(5.6e-05), "add_offset": np.float32(0.0)})

from rasterio.crs import CRS  # noqa: E402

projected("wkt.nc", "m", 300250 + steps, 5000250 - steps, {"crs_wkt": CRS.from_epsg(32632).to_wkt()})

d = create("unsigned3.nc", lat=20, lon=30)
axis(d, "lat", np.linspace(10, 0.5, 20), **LAT)
axis(d, "lon", np.linspace(0, 14.5, 30), **LON)
v = d.createVariable("v", "i1", ("lat", "lon"), fill_value=-1)
v.set_auto_maskandscale(False)
v._Unsigned = "true"
v[:] = random.integers(-128, 127, v.shape).astype("i1")
d.close()
case("unsigned3.nc", "v")

d = create("two_missing.nc", lat=20, lon=30)
axis(d, "lat", np.linspace(10, 0.5, 20), **LAT)
axis(d, "lon", np.linspace(0, 14.5, 30), **LON)
v = d.createVariable("v", "i2", ("lat", "lon"), fill_value=-1)
v.set_auto_maskandscale(False)
v.missing_value = np.int16(-2)
v[:] = random.integers(-3, 3, v.shape).astype("i2")
d.close()
case("two_missing.nc", "v")

with h5py.File(folder / "sparse.nc", "w") as f:
    for name, values, unit in (("lat", np.linspace(10, 0.5, 20), b"degrees_north"), ("lon", np.linspace(0, 14.5, 30), b"degrees_east")):
        f[name] = values
        f[name].attrs["units"] = unit
        f[name].make_scale(name)
    for name, options in (("v", {"fillvalue": 7}), ("w", {})):
        data = f.create_dataset(name, (20, 30), "i4", chunks=(8, 8), **options)
        data.dims[0].attach_scale(f["lat"])
        data.dims[1].attach_scale(f["lon"])
        data[2:6, 10:20] = random.integers(0, 99, (4, 10))
    f["w"].attrs["_FillValue"] = np.int32(0)
case("sparse.nc", "v")
case("sparse.nc", "w")

with h5py.File(folder / "compact.nc", "w") as f:
    for name, values, unit in (("lat", np.linspace(10, 0.5, 20), b"degrees_north"), ("lon", np.linspace(0, 14.5, 30), b"degrees_east")):
        f[name] = values
        f[name].attrs["units"] = unit
        f[name].make_scale(name)
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    made = h5py.h5d.create(f.id, b"v", h5py.h5t.NATIVE_UINT8, h5py.h5s.create_simple((20, 30)), properties)
    data = h5py.Dataset(made)
    data[...] = random.integers(0, 99, (20, 30)).astype("u1")
    data.dims[0].attach_scale(f["lat"])
    data.dims[1].attach_scale(f["lon"])
case("compact.nc", "v")

d = create("groups.nc", lat=20, lon=30)
axis(d, "lat", np.linspace(10, 0.5, 20), **LAT)
axis(d, "lon", np.linspace(0, 14.5, 30), **LON)
g = d.createGroup("science").createGroup("grids")
fill(g.createVariable("v", "i2", ("lat", "lon")))
d.close()
case("groups.nc", "science/grids/v")
case("groups.nc", "/science/grids/v")
case("groups.nc", "v", "science/grids/v")


def curved(name, lat, lon, expected="opens"):
    d = create(name, row=lat.shape[0], col=lat.shape[1])
    for n, values, attributes in (("latitude", lat, LAT), ("longitude", lon, LON)):
        v = d.createVariable(n, "f8", ("row", "col"), chunksizes=(7, 11), compression="zlib")
        v[:] = values
        v.setncatts(attributes)
    fill(d.createVariable("v", "i2", ("row", "col"))).coordinates = "latitude longitude"
    d.close()
    case(name, "v", expected)


lon, lat = np.meshgrid(np.linspace(0, 14.5, 30), np.linspace(10, 0.5, 20))
curved("separable.nc", lat, lon)
curved("swath.nc", lat + 0.01 * lon, lon, "is a swath")

gaussian = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(20)[0]))
d = create("gaussian.nc", lat=20, lon=30)
axis(d, "lat", gaussian, **LAT)
axis(d, "lon", np.linspace(0, 14.5, 30), **LON)
fill(d.createVariable("v", "i2", ("lat", "lon")))
d.close()
case("gaussian.nc", "v", "not at equal steps")

d = create("unsaid.nc", y=20, x=30)
axis(d, "y", np.linspace(10, 0.5, 20), units="m", standard_name="projection_y_coordinate")
axis(d, "x", np.linspace(0, 14.5, 30), units="m", standard_name="projection_x_coordinate")
fill(d.createVariable("v", "i2", ("y", "x")))
d.close()
case("unsaid.nc", "v", "does not say which")

d = create("nowhere.nc", a=20, b=30)
fill(d.createVariable("v", "i2", ("a", "b")))
d.close()
case("nowhere.nc", "v", "no coordinates")
