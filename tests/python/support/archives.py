"""Files in the manner of NASA's archives: the names, groups, grids, chunks and attributes of the true products, with values that are computed.

The shapes follow the documents of the products: MUR's DMR of PO.DAAC, the data dictionary of ATL08, and the file specifications of TEMPO's level 2 and 3 and of EMIT's L2A.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import h5py
import netCDF4
import numpy as np

MUR_LATITUDES = (np.arange(-8999, 9000) / 100).astype("f4")
MUR_LONGITUDES = (np.arange(-17999, 18001) / 100).astype("f4")
MUR_CHUNKS = (1, 1023, 2047)


def mur_name(day: datetime.date) -> str:
    return f"{day:%Y%m%d}090000-JPL-L4_GHRSST-SSTfnd-MUR-GLOB-v02.0-fv04.1.nc"


def mur_counts(day: datetime.date, rows: slice, columns: slice) -> np.ndarray:
    """The stored numbers of `analysed_sst`: each tells its row, column and day."""
    row, column = np.arange(18000)[rows, None], np.arange(36000)[None, columns]
    counts = (row * 7 + column * 3 + day.toordinal() * 101) % 20011 - 10000
    return np.where((row // 40 + column // 40) % 9 == 0, -32768, counts).astype("i2")


def mur(folder: Path, day: datetime.date, rows: slice, columns: slice) -> Path:
    """The whole globe in hundredths of a degree, of which the chunks that meet the rows and columns are stored; the others are not, and so are fill value."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / mur_name(day)
    with netCDF4.Dataset(path, "w") as file:
        file.Conventions, file.title = "CF-1.7", "Daily MUR SST, Final product"
        for name, values, units in (("lat", MUR_LATITUDES, "degrees_north"), ("lon", MUR_LONGITUDES, "degrees_east")):
            file.createDimension(name, values.size)
            axis = file.createVariable(name, "f4", (name,))
            axis.standard_name, axis.units = {"lat": "latitude", "lon": "longitude"}[name], units
            axis[:] = values
        file.createDimension("time", 1)
        time = file.createVariable("time", "i4", ("time",))
        time.standard_name, time.units = "time", "seconds since 1981-01-01 00:00:00 UTC"
        time[:] = int((datetime.datetime.combine(day, datetime.time(9)) - datetime.datetime(1981, 1, 1)).total_seconds())
        sst = file.createVariable("analysed_sst", "i2", ("time", "lat", "lon"), zlib=True, complevel=1, shuffle=True, chunksizes=MUR_CHUNKS, fill_value=-32768)
        sst.standard_name, sst.units = "sea_surface_foundation_temperature", "kelvin"
        sst.add_offset, sst.scale_factor, sst.coordinates = 298.15, 0.001, "lon lat"
        sst.set_auto_maskandscale(False)
        sst[0, rows, columns] = mur_counts(day, rows, columns)
    return path


def dmrpp(path: Path, variables: tuple[str, ...]) -> Path:
    """A sidecar of a netCDF-4 file, with the byte ranges that h5py tells; `variables` are those with chunks or one contiguous range."""
    types = {"i1": "Int8", "i2": "Int16", "i4": "Int32", "f4": "Float32", "f8": "Float64"}
    with h5py.File(path) as file:
        dimensions: dict[str, int] = {}
        listed = [_described(file[name], name, types, dimensions) for name in variables]
    sizes = "".join(f'<Dimension name="{name}" size="{size}"/>' for name, size in dimensions.items())
    sidecar = path.with_name(f"{path.name}.dmrpp")
    sidecar.write_text(
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<Dataset xmlns="http://xml.opendap.org/ns/DAP/4.0#" xmlns:dmrpp="http://xml.opendap.org/dap/dmrpp/1.0.0#" '
        f'dapVersion="4.0" dmrVersion="1.0" name="{path.name}" dmrpp:href="OPeNDAP_DMRpp_DATA_ACCESS_URL" dmrpp:version="3.21.0">{sizes}{"".join(listed)}</Dataset>\n'
    )
    return sidecar


def _described(variable: h5py.Dataset, name: str, types: dict[str, str], dimensions: dict[str, int]) -> str:
    names = [scale[0].name.lstrip("/") if len(scale) else name for scale in variable.dims]
    dimensions.update(zip(names, variable.shape, strict=True))
    kind = types[variable.dtype.str[1:]]
    attributes = "".join(_attribute(key, variable.attrs[key], types) for key in variable.attrs if key in ("units", "add_offset", "scale_factor", "_FillValue", "standard_name"))
    fill = f' fillValue="{variable.fillvalue}"'
    if variable.chunks:
        count = variable.id.get_num_chunks()
        chunks = "".join(
            f'<dmrpp:chunk offset="{chunk.byte_offset}" nBytes="{chunk.size}" chunkPositionInArray="[{",".join(map(str, chunk.chunk_offset))}]"/>'
            for chunk in map(variable.id.get_chunk_info, range(count))
        )
        sizes = " ".join(map(str, variable.chunks))
        stored = f'<dmrpp:chunks compressionType="shuffle deflate" deflateLevel="1"{fill} byteOrder="LE"><dmrpp:chunkDimensionSizes>{sizes}</dmrpp:chunkDimensionSizes>{chunks}</dmrpp:chunks>'
    else:
        size = variable.id.get_storage_size()
        stored = f'<dmrpp:chunks{fill} byteOrder="LE"><dmrpp:chunk offset="{variable.id.get_offset()}" nBytes="{size}"/></dmrpp:chunks>'
    dims = "".join(f'<Dim name="/{dimension}"/>' for dimension in names)
    return f'<{kind} name="{name}">{dims}{attributes}{stored}</{kind}>'


def _attribute(key: str, value: object, types: dict[str, str]) -> str:
    if isinstance(value, bytes | str):
        kind, text = "String", value.decode() if isinstance(value, bytes) else value
    else:
        number = np.atleast_1d(value)[0]
        kind, text = types[number.dtype.str[1:]], repr(number.item())
    return f'<Attribute name="{key}" type="{kind}"><Value>{text}</Value></Attribute>'


def atl08(path: Path) -> Path:
    """Points along tracks: a group for each beam, all of different lengths."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["short_name"] = "ATL08"
        for number, beam in enumerate(("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")):
            segments = file.create_group(f"{beam}/land_segments")
            count = 900 + 70 * number
            delta = segments.create_dataset("delta_time", data=1e8 + np.arange(count) * 0.014, chunks=(1000,), maxshape=(None,), compression="gzip")
            delta.make_scale("delta_time")
            delta.attrs["units"] = "seconds since 2018-01-01"
            for name, values in (("latitude", np.linspace(46.0, 47.0, count)), ("longitude", np.linspace(11.0, 10.9, count))):
                data = segments.create_dataset(name, data=values.astype("f4"), chunks=(1000,), maxshape=(None,), compression="gzip", shuffle=True)
                data.dims[0].attach_scale(delta)
            canopy = segments.create_group("canopy").create_dataset("h_canopy", data=(np.arange(count) % 40).astype("f4"), chunks=(1000,), maxshape=(None,), compression="gzip")
            canopy.dims[0].attach_scale(delta)
    return path


def tempo_l3(path: Path) -> Path:
    """A regular grid of North America in fiftieths of a degree: coordinates in the root, values in groups."""
    path.parent.mkdir(parents=True, exist_ok=True)
    latitudes, longitudes = 30.01 + np.arange(200) * 0.02, -89.99 + np.arange(300) * 0.02
    with netCDF4.Dataset(path, "w") as file:
        file.Conventions = "CF-1.6"
        for name, values, units in (("latitude", latitudes, "degrees_north"), ("longitude", longitudes, "degrees_east")):
            file.createDimension(name, values.size)
            axis = file.createVariable(name, "f4", (name,))
            axis.standard_name, axis.units, axis[:] = name, units, values
        file.createDimension("time", 1)
        time = file.createVariable("time", "f8", ("time",))
        time.units, time[:] = "seconds since 1980-01-06T00:00:00Z", [1_401_624_000.0]
        column = file.createGroup("product").createVariable(
            "vertical_column_troposphere", "f8", ("time", "latitude", "longitude"), zlib=True, chunksizes=(1, 100, 100), fill_value=-1e30
        )
        column.units = "molecules/cm^2"
        column[0] = tempo_column()
        file.createGroup("geolocation").createVariable("solar_zenith_angle", "f4", ("time", "latitude", "longitude"), zlib=True)[0] = 30.0
    return path


def tempo_column() -> np.ndarray:
    return 1e15 * (1 + np.arange(200)[:, None] / 100 + np.arange(300)[None, :] / 1000)


def tempo_l2(path: Path) -> Path:
    """A swath: every pixel has a latitude and a longitude of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("mirror_step", 60)
        file.createDimension("xtrack", 80)
        swath = ("mirror_step", "xtrack")
        place, product = file.createGroup("geolocation"), file.createGroup("product")
        step, track = np.arange(60)[:, None], np.arange(80)[None, :]
        for name, values, units in (
            ("latitude", 30 + track * 0.03 + step * 0.001, "degrees_north"),
            ("longitude", -90 + step * 0.04 + track * 0.002, "degrees_east"),
        ):
            variable = place.createVariable(name, "f4", swath, zlib=True)
            variable.units, variable[:] = units, values
        column = product.createVariable("vertical_column_troposphere", "f8", swath, zlib=True, fill_value=-1e30)
        column.coordinates, column[:] = "/geolocation/latitude /geolocation/longitude", 1e15 + step * 1e12 + track
    return path


def emit(path: Path) -> Path:
    """Reflectance in the geometry of the sensor, with the look-up table that makes a grid of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as file:
        file.spatial_ref, file.geotransform = "GEOGCS[\"WGS 84\"]", [11.0, 0.0005, 0.0, 46.5, 0.0, -0.0005]
        for name, size in (("downtrack", 64), ("crosstrack", 48), ("bands", 12), ("ortho_y", 70), ("ortho_x", 60)):
            file.createDimension(name, size)
        reflectance = file.createVariable("reflectance", "f4", ("downtrack", "crosstrack", "bands"), zlib=True, chunksizes=(32, 24, 12), fill_value=-9999)
        reflectance[:] = emit_reflectance()
        location = file.createGroup("location")
        for name, values in (("lat", 46.5 - np.arange(64)[:, None] * 5e-4 - np.arange(48) * 1e-5), ("lon", 11 + np.arange(48) * 5e-4 + np.arange(64)[:, None] * 1e-5)):
            location.createVariable(name, "f8", ("downtrack", "crosstrack"), zlib=True)[:] = values
        for name, size in (("glt_x", 48), ("glt_y", 64)):
            location.createVariable(name, "i4", ("ortho_y", "ortho_x"), zlib=True, fill_value=0)[:] = np.arange(4200).reshape(70, 60) % (size + 1)
        file.createGroup("sensor_band_parameters").createVariable("wavelengths", "f4", ("bands",))[:] = 381 + 7.4 * np.arange(12)
    return path


def emit_reflectance() -> np.ndarray:
    return (np.arange(64 * 48 * 12) % 9973 / 9973).astype("f4").reshape(64, 48, 12)
