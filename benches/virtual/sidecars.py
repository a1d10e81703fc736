"""DMR++ sidecars of the shape of MUR SST, each beside a (sparse) data file that holds its coordinates."""

from __future__ import annotations

from pathlib import Path

import numpy as np

VARIABLES = {"analysed_sst": ("Int16", 2), "analysis_error": ("Int16", 2), "mask": ("Byte", 1), "sea_ice_fraction": ("Byte", 1)}
LAT, LON = 17999, 36000
CHUNK = (1023, 2047)

HEAD = """<?xml version="1.0" encoding="ISO-8859-1"?>
<Dataset xmlns="http://xml.opendap.org/ns/DAP/4.0#" xmlns:dmrpp="http://xml.opendap.org/dap/dmrpp/1.0.0#" dapVersion="4.0" dmrVersion="1.0" name="{name}" dmrpp:href="OPeNDAP_DMRpp_DATA_ACCESS_URL" dmrpp:version="3.20.9-91">
    <Dimension name="time" size="1"/>
    <Dimension name="lat" size="{lat}"/>
    <Dimension name="lon" size="{lon}"/>
"""


def _coordinate(name: str, kind: str, size: int, offset: int, length: int, attributes: dict[str, str]) -> str:
    about = "".join(f'        <Attribute name="{key}" type="String">\n            <Value>{value}</Value>\n        </Attribute>\n' for key, value in attributes.items())
    return (
        f'    <{kind} name="{name}">\n        <Dim name="/{name}"/>\n{about}        <dmrpp:chunks fillValue="0" byteOrder="LE">\n'
        f"            <dmrpp:chunkDimensionSizes>{size}</dmrpp:chunkDimensionSizes>\n"
        f'            <dmrpp:chunk offset="{offset}" nBytes="{length}" chunkPositionInArray="[0]"/>\n        </dmrpp:chunks>\n    </{kind}>\n'
    )


def _variable(name: str, kind: str, size: int, grid: tuple[int, int, int], offset: int, day: int) -> tuple[str, int]:
    lines = [f'    <{kind} name="{name}">\n        <Dim name="/time"/>\n        <Dim name="/lat"/>\n        <Dim name="/lon"/>\n']
    for key, value in {"long_name": f"{name} of the day", "coordinates": "lon lat", "source": "MODIS_T-JPL, AMSR2-REMSS, AVHRRMTB_G-NAVO, iQUAM-NOAA/NESDIS"}.items():
        lines.append(f'        <Attribute name="{key}" type="String">\n            <Value>{value}</Value>\n        </Attribute>\n')
    lines.append(
        f'        <dmrpp:chunks compressionType="shuffle deflate" deflateLevel="6" fillValue="{-32768 if size == 2 else 0}" byteOrder="LE">\n'
        f"            <dmrpp:chunkDimensionSizes>1 {CHUNK[0]} {CHUNK[1]}</dmrpp:chunkDimensionSizes>\n"
    )
    for step in range(grid[0]):
        for row in range(grid[1]):
            for column in range(grid[2]):
                length = 290_000 + (row * 7919 + column * 6007 + day * 104_729) % 90_000
                at = f"[{step},{row * CHUNK[0]},{column * CHUNK[1]}]"
                lines.append(f'            <dmrpp:chunk offset="{offset}" nBytes="{length}" chunkPositionInArray="{at}"/>\n')
                offset += length
    lines.append(f"        </dmrpp:chunks>\n    </{kind}>\n")
    return "".join(lines), offset


def write_days(directory: Path, count: int) -> list[Path]:
    """One granule a day: 1,296 chunks in four variables on a global grid of 0.01 degrees. The pixels themselves are holes in the files."""
    directory.mkdir(parents=True, exist_ok=True)
    lat = np.linspace(-89.99, 89.99, LAT).astype("<f4").tobytes()
    lon = np.linspace(-179.99, 180.0, LON).astype("<f4").tobytes()
    paths = []
    for day in range(count):
        name = f"{20020601 + day:08d}090000-JPL-L4_GHRSST-SSTfnd-MUR-GLOB-v02.0-fv04.1.nc"
        path = directory / f"{name}.dmrpp"
        paths.append(path)
        if path.exists():
            continue
        parts = [HEAD.format(name=name, lat=LAT, lon=LON)]
        parts.append(_coordinate("time", "Int32", 1, 2048, 4, {"units": "days since 2002-06-01 00:00:00 UTC", "standard_name": "time"}))
        parts.append(_coordinate("lat", "Float32", LAT, 4096, len(lat), {"units": "degrees_north", "standard_name": "latitude"}))
        parts.append(_coordinate("lon", "Float32", LON, 4096 + len(lat), len(lon), {"units": "degrees_east", "standard_name": "longitude"}))
        offset = 4096 + len(lat) + len(lon)
        for variable, (kind, size) in VARIABLES.items():
            text, offset = _variable(variable, kind, size, (1, 18, 18), offset, day)
            parts.append(text)
        parts.append("</Dataset>\n")
        with open(directory / name, "wb") as data:
            data.seek(2048)
            data.write(np.int32(day).astype("<i4").tobytes())
            data.seek(4096)
            data.write(lat + lon)
            data.truncate(offset)
        path.write_text("".join(parts))
    return paths


def write_large(path: Path) -> Path:
    """One sidecar with 100,000 chunks in one variable."""
    text, _ = _variable("v", "Int16", 2, (100, 25, 40), 4096, 0)
    head = HEAD.format(name=path.stem, lat=25 * CHUNK[0], lon=40 * CHUNK[1]).replace('"time" size="1"', '"time" size="100"')
    path.write_text(head + text + "</Dataset>\n")
    return path
