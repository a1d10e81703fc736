"""Compares layers as they were opened with netCDF4-python (pixels, by their coordinates) and with GDAL (CRS, transform)."""

import json
import sys

import netCDF4
import numpy as np
import rasterio
from rasterio.crs import CRS

layers = json.load(open(sys.argv[1]))
checked = {"pixels": 0, "crs": 0, "transform": 0}


def difference(*what):
    print(*what, sep="\t")


def variable(dataset, path):
    *groups, name = path.strip("/").split("/")
    for group in groups:
        dataset = dataset[group]
    return dataset, dataset[name]


def coordinate(group, name):
    while group is not None:
        if name in group.variables:
            return group[name]
        group = group.parent
    return None


def role(group, name):
    found = coordinate(group, name)
    units = getattr(found, "units", "") if found is not None else ""
    standard = getattr(found, "standard_name", "") if found is not None else ""
    for axis, unit, words in (("x", "degrees_east", ("longitude", "projection_x")), ("y", "degrees_north", ("latitude", "projection_y"))):
        if units == unit or standard.startswith(words) or name.lower() in (axis, words[0], words[0][:3]):
            return axis
    return None


def plane(layer):
    """Values of the layer with rows first, and coordinates in the units of the grid."""
    d = netCDF4.Dataset(layer["file"])
    group, v = variable(d, layer["variable"])
    v.set_auto_maskandscale(False)
    roles = [role(group, name) for name in v.dimensions]
    if roles.count("x") == roles.count("y") == 1:
        axes = {r: np.ma.getdata(coordinate(group, n)[:]).astype("f8") for r, n in zip(roles, v.dimensions) if r}
    else:
        roles = [None] * (v.ndim - 2) + ["y", "x"]
        lat, lon = (coordinate(group, n)[:] for n in ("latitude", "longitude"))
        axes = {"y": lat[:, 0], "x": lon[0, :]}
    values = np.moveaxis(v[:], [roles.index("y"), roles.index("x")], [-2, -1])
    values = values.reshape(-1, *values.shape[-2:])[layer["layer"]]
    return values, axes, v


def nearest(axis, wanted, geographic):
    distance = np.abs(axis[None, :] - wanted[:, None])
    if geographic:
        distance = np.minimum(distance, np.abs(distance - 360))
    found = distance.argmin(axis=1)
    return found, distance[np.arange(len(found)), found]


def metres(v, layer):
    """Metres in a unit of the columns' coordinates."""
    group = v.group()
    found = next(coordinate(group, n) for n in v.dimensions if role(group, n) == "x")
    if found.units == "rad":
        return coordinate(group, v.grid_mapping).perspective_point_height
    return 1000.0 if found.units == "km" else 1.0


def compare(layer):
    values, axes, v = plane(layer)
    rows, cols = layer["shape"]
    a, _, c, _, e, f = layer["affine"]
    x, y = c + a * (np.arange(cols) + 0.5), f + e * (np.arange(rows) + 0.5)
    crs = CRS.from_user_input(layer["crs"])
    unit = 1.0 if crs.is_geographic else metres(v, layer)
    at_x, off_x = nearest(axes["x"] * unit, x, crs.is_geographic)
    at_y, off_y = nearest(axes["y"] * unit, y, False)
    where = layer["file"], layer["variable"]
    if off_x.max() > 0.008 * abs(a) or off_y.max() > 0.008 * abs(e) or len(set(at_x)) != cols or len(set(at_y)) != rows:
        return difference(*where, "coordinates", off_x.max(), off_y.max())
    if crs.is_geographic and (x.min() < -180.5 - abs(a) or x.max() > 180.5 + abs(a)) and (x.max() - x.min() > 300 or x.min() > 180):
        return difference(*where, "longitudes", x.min(), x.max())
    expected = values[np.ix_(at_y, at_x)]
    if getattr(v, "_Unsigned", "false") == "true":
        expected = expected.astype(expected.dtype.newbyteorder("=")).view(expected.dtype.newbyteorder("=").str.replace("i", "u"))
    found = np.fromfile(layer["pixels"], layer["dtype"]).reshape(rows, cols)
    if found.dtype != expected.dtype.newbyteorder("=") or not np.array_equal(found, expected, equal_nan=found.dtype.kind == "f"):
        return difference(*where, "pixels", found.dtype, expected.dtype, int((found != expected).sum()))
    checked["pixels"] += 1
    valid = np.fromfile(layer["valid"], "?").reshape(rows, cols)
    masked = np.zeros_like(valid)
    for name in ("_FillValue", "missing_value"):
        if hasattr(v, name):
            n = np.asarray(getattr(v, name)).astype(expected.dtype if expected.dtype.kind == "f" else "i8")
            masked |= (np.isnan(found) if n != n else found == n.astype(found.dtype)) if n.ndim == 0 else False
    if found.dtype.kind == "f":
        masked |= np.isnan(found)
    if not np.array_equal(valid, ~masked):
        return difference(*where, "validity", int((valid == masked).sum()))
    with_gdal(layer, crs, unit)


def parameters(crs):
    """On the ellipsoid of WGS 84 the datum is WGS 84, said or not."""
    named = crs.to_dict()
    if named.pop("ellps", None) == "WGS84":
        named["datum"] = "WGS84"
    return named


def with_gdal(layer, crs, unit):
    """GDAL turns grids upside down, and cuts none at 180 degrees."""
    try:
        path = layer["variable"].strip("/")
        with rasterio.open(f'NETCDF:"{layer["file"]}":/{path}' if "/" in path else f'NETCDF:"{layer["file"]}":{path}') as d:
            theirs, transform = d.crs, d.transform
    except rasterio.errors.RasterioIOError:
        return
    where = layer["file"], layer["variable"]
    if theirs is not None and unit == 1.0:
        same = theirs == crs or (theirs.is_geographic and crs.is_geographic) or parameters(theirs) == parameters(crs)
        checked["crs"] += 1
        if not same:
            difference(*where, "crs", theirs.to_proj4() if theirs else None, crs.to_proj4())
    a, _, c, _, e, f = layer["affine"]
    if transform.is_identity or (crs.is_geographic and abs(transform.c - c) > 90) or unit != 1.0:
        return
    if e > 0 > transform.e:
        f, e = f + e * layer["shape"][0], -e
    ours = np.array([a, c, e, f])
    checked["transform"] += 1
    if np.abs(ours - [transform.a, transform.c, transform.e, transform.f]).max() > 0.01 * max(abs(a), abs(e)):
        difference(*where, "transform", ours, tuple(transform)[:6])


for each in layers:
    try:
        compare(each)
    except Exception as error:
        difference(each["file"], each["variable"], "failed", repr(error))
print("#", checked)
