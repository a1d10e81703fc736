"""Writes GeoTIFFs in the forms that GDAL can write into the folder that is named."""
import itertools
import sys
import warnings

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.transform import Affine

warnings.filterwarnings("ignore")
FOLDER = sys.argv[1]
TRANSFORM = Affine(10, 0, 600000, 0, -10, 5000000)
RNG = np.random.default_rng(7)
SHAPE = (150, 203)


def pixels(dtype, bands, shape=SHAPE):
    rows, cols = np.mgrid[0:shape[0], 0:shape[1]]
    planes = []
    for band in range(bands):
        smooth = 100 + 60 * np.sin(rows / 17 + band) + 50 * np.cos(cols / 23) + RNG.normal(0, 3, shape)
        if np.issubdtype(dtype, np.integer) and np.iinfo(dtype).bits > 8:
            smooth *= 100
        planes.append(smooth.clip(0, 255 if np.dtype(dtype).itemsize == 1 else None).astype(dtype))
    return np.stack(planes)


def write(name, data, mask=None, overviews=(), **options):
    env = options.pop("env", {})
    profile = {"driver": "GTiff", "crs": "EPSG:32632", "transform": TRANSFORM, "count": data.shape[0], "dtype": data.dtype,
               "height": data.shape[1], "width": data.shape[2], **options}
    path = f"{FOLDER}/{name}.tif"
    try:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, **env):
            with rasterio.open(path, "w", **profile) as dst:
                dst.write(data)
                if mask is not None:
                    dst.write_mask(mask)
            if overviews:
                with rasterio.open(path, "r+") as dst:
                    dst.build_overviews(list(overviews), Resampling.nearest)
    except Exception as error:
        print(f"{name}: {error}", file=sys.stderr)


TILED = {"tiled": True, "blockxsize": 64, "blockysize": 48}
DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]

for dtype, layout, interleave, endianness in itertools.product(DTYPES, ("tiles", "strips"), ("pixel", "band"), ("LITTLE", "BIG")):
    predictors = [1, 2] + ([3] if "float" in dtype else [])
    blocks = TILED if layout == "tiles" else {"blockysize": 37}
    compress = {"LITTLE": "DEFLATE", "BIG": "LZW"}[endianness]
    for predictor in predictors:
        write(f"{dtype}-{layout}-{interleave}-{endianness}-{predictor}", pixels(dtype, 3), interleave=interleave, ENDIANNESS=endianness,
              compress=compress, predictor=predictor, **blocks)

for dtype in DTYPES:
    for compress in ("LERC", "LERC_DEFLATE", "LERC_ZSTD"):
        for endianness in ("LITTLE", "BIG"):
            write(f"{dtype}-{compress}-{endianness}", pixels(dtype, 2), compress=compress, ENDIANNESS=endianness, max_z_error=0.3, **TILED)
            write(f"{dtype}-{compress}-{endianness}-band", pixels(dtype, 2), compress=compress, interleave="band", ENDIANNESS=endianness, **TILED)
    write(f"{dtype}-zstd", pixels(dtype, 1), compress="ZSTD", predictor=3 if "float" in dtype else 2, **TILED)
    write(f"{dtype}-packbits", pixels(dtype, 1), compress="PACKBITS", blockysize=16)
    write(f"{dtype}-none-one-strip", pixels(dtype, 2), compress="NONE", blockysize=150)
    write(f"{dtype}-lzma", pixels(dtype, 1), compress="LZMA", **TILED)

holes = pixels("float32", 2)
holes[:, 20:60, 30:100] = np.nan
holes[1, 100:120, :] = np.nan
for compress in ("LERC", "LERC_ZSTD"):
    write(f"nan-{compress}", holes, compress=compress, **TILED)
    write(f"nan-{compress}-band", holes, compress=compress, interleave="band", **TILED)
    write(f"nan-{compress}-f64", holes.astype("float64"), compress=compress, **TILED)

rgba = pixels("uint8", 4)
rgba[3] = np.where(rgba[0] > 120, 255, 0)
for compress in ("LERC", "DEFLATE", "WEBP", "JPEG", "ZSTD"):
    write(f"rgba-{compress}", rgba, compress=compress, photometric="RGB", alpha="YES", **TILED)
    write(f"rgba-{compress}-band", rgba, compress=compress, photometric="RGB", alpha="YES", interleave="band", **TILED)
write("rgba-webp-lossless", rgba, compress="WEBP", WEBP_LOSSLESS=True, photometric="RGB", **TILED)
write("rgb-webp", rgba[:3], compress="WEBP", photometric="RGB", **TILED)
write("rgb-webp-strips", rgba[:3], compress="WEBP", photometric="RGB", blockysize=32)
write("gray-alpha", rgba[2:], compress="DEFLATE", alpha="YES", **TILED)
write("gray-alpha-16", rgba[2:].astype("uint16") * 257, compress="DEFLATE", alpha="YES", **TILED)
write("rgba-16-band", rgba.astype("uint16") * 257, compress="DEFLATE", alpha="YES", photometric="RGB", interleave="band", **TILED)
write("five-and-alpha", pixels("uint16", 6), compress="DEFLATE", alpha="YES", **TILED)
write("rgba-nodata", rgba, compress="DEFLATE", alpha="YES", photometric="RGB", nodata=100, **TILED)
write("premultiplied", rgba, compress="DEFLATE", alpha="PREMULTIPLIED", photometric="RGB", **TILED)

for bands, photometric, quality in itertools.product((1, 3, 4), ("MINISBLACK", "RGB", "YCBCR"), (30, 75, 100)):
    if photometric == "YCBCR" and bands != 3 or photometric == "RGB" and bands == 1:
        continue
    data = pixels("uint8", bands, (160, 208))
    jpeg = {"compress": "JPEG", "photometric": photometric, "JPEG_QUALITY": quality}
    write(f"jpeg-{bands}-{photometric}-{quality}", data, tiled=True, blockxsize=64, blockysize=64, **jpeg)
    write(f"jpeg-{bands}-{photometric}-{quality}-strips", data, blockysize=48, **jpeg)
    write(f"jpeg-{bands}-{photometric}-{quality}-odd", data[:, :155, :201], blockysize=24, **jpeg)
    if photometric != "YCBCR":
        write(f"jpeg-{bands}-{photometric}-{quality}-band", data, tiled=True, blockxsize=64, blockysize=64, interleave="band", **jpeg)

mask = np.zeros(SHAPE, bool)
mask[10:90, 33:150] = True
for layout, blocks in (("tiles", TILED), ("strips", {"blockysize": 7})):
    for compress in ("DEFLATE", "NONE", "LZW", "JPEG"):
        write(f"mask-{layout}-{compress}", pixels("uint8", 3), mask=mask, compress=compress, overviews=(2, 4), **({**blocks, "blockysize": 16} if compress == "JPEG" else blocks))
write("mask-band", pixels("uint16", 3), mask=mask, compress="DEFLATE", interleave="band", overviews=(2,), **TILED)
write("mask-and-nodata", pixels("uint16", 1), mask=mask, compress="DEFLATE", nodata=15000, **TILED)

for bits in (1, 2, 3, 4, 5, 6, 7):
    small = (pixels("uint8", 2).astype(int) % (1 << bits)).astype("uint8")
    for interleave in ("pixel", "band"):
        write(f"bits-{bits}-{interleave}", small, nbits=bits, interleave=interleave, compress="DEFLATE", **TILED)
    write(f"bits-{bits}-one", small[:1], nbits=bits, compress="NONE", blockysize=33)
for bits in (9, 10, 12, 15):
    write(f"bits-{bits}", (pixels("uint16", 2).astype(int) % (1 << bits)).astype("uint16"), nbits=bits, compress="LZW", **TILED)
for bits in (17, 20, 24, 31):
    write(f"bits-{bits}", pixels("uint32", 2) % (1 << bits), nbits=bits, compress="DEFLATE", **TILED)
write("half", pixels("float32", 2), nbits=16, compress="DEFLATE", predictor=3, **TILED)
write("half-2", pixels("float32", 1), nbits=16, compress="DEFLATE", predictor=2, blockysize=11)
write("complex", pixels("float32", 1).astype("complex64"), **TILED)

sparse = np.zeros((2, 300, 300), "int16")
sparse[:, 100:130, 50:80] = 7
for interleave in ("pixel", "band"):
    write(f"sparse-{interleave}", sparse, compress="DEFLATE", SPARSE_OK=True, interleave=interleave, nodata=0, overviews=(2,), **TILED)
write("sparse-nodata", np.where(sparse == 0, -9, sparse), compress="LZW", SPARSE_OK=True, nodata=-9, **TILED)
write("big", pixels("uint16", 1), BIGTIFF="YES", compress="DEFLATE", overviews=(2, 4, 8), **TILED)
write("big-endian-big", pixels("uint16", 1), BIGTIFF="YES", ENDIANNESS="BIG", compress="DEFLATE", predictor=2, overviews=(2, 4, 8), **TILED)
write("long-strip", pixels("uint8", 1, (3000, 2000)), compress="NONE", blockysize=3000)
write("long-strip-deflate", pixels("uint8", 1, (3000, 2000)), compress="DEFLATE", blockysize=3000)

NAD83_ALBERS = "+proj=aea +lat_0=23 +lon_0=-96 +lat_1=29.5 +lat_2=45.5 +datum=NAD83 +units=m"
for name, crs in {
    "sinu": "+proj=sinu +lon_0=0 +R=6371007.181 +units=m", "aea": NAD83_ALBERS, "lcc": "+proj=lcc +lat_1=49 +lat_2=77 +lat_0=40 +lon_0=-100 +ellps=GRS80",
    "lcc1": "+proj=lcc +lat_1=40 +lat_0=40 +lon_0=-100 +k_0=0.99 +datum=WGS84", "laea": "+proj=laea +lat_0=5 +lon_0=20 +datum=WGS84", "tmerc": "+proj=tmerc +lat_0=0 +lon_0=9 +k=0.9996 +x_0=500000 +datum=WGS84",
    "tmerc-feet": "+proj=tmerc +lat_0=30 +lon_0=-90 +k=0.9999 +x_0=200000.0001016002 +y_0=100 +datum=NAD83 +units=us-ft", "stere": "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +datum=WGS84",
    "stere-south": "+proj=stere +lat_0=-90 +lon_0=0 +k=0.97 +datum=WGS84", "sterea": "+proj=sterea +lat_0=52 +lon_0=5 +k=0.9999 +ellps=bessel", "eqc": "+proj=eqc +lat_ts=30 +lon_0=10 +datum=WGS84",
    "merc": "+proj=merc +lat_ts=20 +lon_0=3 +datum=WGS84", "merc-k": "+proj=merc +lon_0=3 +k=0.9 +datum=WGS84", "cea": "+proj=cea +lat_ts=30 +lon_0=0 +ellps=WGS84", "moll": "+proj=moll +lon_0=0 +datum=WGS84",
    "robin": "+proj=robin +lon_0=0 +datum=WGS84", "aeqd": "+proj=aeqd +lat_0=40 +lon_0=10 +datum=WGS84", "ortho": "+proj=ortho +lat_0=40 +lon_0=10 +ellps=WGS84", "geos": "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80",
    "omerc": "+proj=omerc +no_uoff +lat_0=40 +lonc=10 +alpha=30 +gamma=20 +k=0.99 +datum=WGS84", "omerc-b": "+proj=omerc +lat_0=40 +lonc=10 +alpha=30 +gamma=30 +k=0.99 +datum=WGS84",
    "eqdc": "+proj=eqdc +lat_0=40 +lon_0=10 +lat_1=30 +lat_2=50 +datum=WGS84", "igh": "+proj=igh +datum=WGS84", "longlat-sphere": "+proj=longlat +R=6371229", "rotated-pole": "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +datum=WGS84",
    "ed50": "+proj=tmerc +lat_0=0 +lon_0=9 +k=0.9996 +ellps=intl +towgs84=-87,-98,-121", "27700": "EPSG:27700", "2154": "EPSG:2154", "3577": "EPSG:3577", "5070": "EPSG:5070", "6933": "EPSG:6933", "8857": "EPSG:8857", "2056": "EPSG:2056",
    "esri-54009": "ESRI:54009", "esri-102008": "ESRI:102008", "esri-102033": "ESRI:102033", "9518": "EPSG:9518", "7415": "EPSG:7415", "ogc-crs84": "OGC:CRS84", "4979": "EPSG:4979", "3413": "EPSG:3413", "3031": "EPSG:3031", "27572": "EPSG:27572",
    "2263": "EPSG:2263", "3035": "EPSG:3035", "3857": "EPSG:3857", "easegrid": "EPSG:3410", "31370": "EPSG:31370", "28992": "EPSG:28992", "tm-own-on-ed50": "own:4230", "tm-own-on-4314": "own:4314", "tm-own-on-2193": "own:4167",
}.items():
    near = {"geos": (0, 0), "longlat-sphere": (10, 50), "rotated-pole": (1, 1), "9518": (10, 50), "4979": (10, 50), "ogc-crs84": (10, 50)}.get(name, (200000, 300000))
    small = name in ("longlat-sphere", "rotated-pole", "9518", "4979", "ogc-crs84")
    if crs.startswith("own:"):
        base = rasterio.crs.CRS.from_epsg(int(crs[4:])).to_wkt()
        crs = f'PROJCS["own",{base},PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",9],PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],PARAMETER["false_northing",0],UNIT["metre",1]]'
    try:
        crs = rasterio.crs.CRS.from_user_input(crs)
    except Exception as error:
        print(f"crs-{name}: {error}", file=sys.stderr)
        continue
    size = 0.01 if small else 10
    for flavour in ("STANDARD", "ESRI_PE"):
        write(f"crs-{name}-{flavour}", pixels("uint8", 1), crs=crs, transform=Affine(size, 0, near[0], 0, -size, near[1]), compress="DEFLATE", GEOTIFF_KEYS_FLAVOR=flavour, **TILED)

write("south-up", pixels("uint8", 1), transform=Affine(10, 0, 600000, 0, 10, 5000000), compress="DEFLATE", **TILED)
write("rotated", pixels("uint8", 1), transform=Affine(10, 3, 600000, 2, -10, 5000000), compress="DEFLATE", **TILED)
write("nodata-nan", holes, nodata=np.nan, compress="DEFLATE", **TILED)
write("nodata-max", np.where(np.isnan(holes), np.float32(-3.4028235e38), holes), nodata=-3.4028234663852886e38, compress="DEFLATE", **TILED)
write("nodata-i64", pixels("int64", 1), nodata=-9999, compress="DEFLATE", **TILED)
with rasterio.open(f"{FOLDER}/point.tif", "w", driver="GTiff", crs="EPSG:4326", transform=Affine(0.1, 0, 5, 0, -0.1, 50), count=1, dtype="uint8", height=10, width=12) as dst:
    dst.update_tags(AREA_OR_POINT="Point")
    dst.write(pixels("uint8", 1, (10, 12)))
with rasterio.open(f"{FOLDER}/scaled.tif", "w", driver="GTiff", crs="EPSG:4326", transform=Affine(0.1, 0, 5, 0, -0.1, 50), count=2, dtype="int16", height=10, width=12) as dst:
    dst.write(pixels("int16", 2, (10, 12)))
    dst.scales, dst.offsets = (0.0001, 2.75e-05), (-0.1, 0.0)
for compress in ("deflate", "zstd", "jpeg", "webp", "lerc_zstd", "lzw"):
    from rasterio.shutil import copy
    data = pixels("uint8", 3, (700, 900))
    with rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", crs="EPSG:32632", transform=TRANSFORM, count=3, dtype="uint8", height=700, width=900) as dst:
            dst.write(data)
            dst.write_mask(data[0] > 60)
        with memory.open() as src:
            copy(src, f"{FOLDER}/cog-{compress}.tif", driver="COG", compress=compress, blocksize=128, overview_resampling="average")
