"""Small files made in code, whose every number is known."""

from __future__ import annotations

import io
import struct

import lazrs
import numpy as np
from PIL import Image

EPSG_2193 = [1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 2193]


def hills(side=96):
    """Points on a grid of 1 m over two hills, x and y from the corner of a tile near Auckland."""
    x, y = np.meshgrid(np.arange(side, dtype=float), np.arange(side, dtype=float))
    z = 30 * np.exp(-((x - side / 3) ** 2 + (y - side / 3) ** 2) / side) + 12 * np.exp(
        -((x - 70) ** 2 + (y - 60) ** 2) / 90
    )
    return x.ravel() + 1754987.85, y.ravel() + 5920219.76, z.ravel().round(2) - 1.66


def las(
    *, points=None, version="1.2", point_format=3, compress=False, keys=EPSG_2193, wkt=None, colours=False, extra=()
):
    """A LAS or LAZ file by laspy."""
    import laspy
    from laspy.vlrs.known import WktCoordinateSystemVlr
    from laspy.vlrs.vlr import VLR

    x, y, z = hills() if points is None else (np.asarray(axis, float) for axis in points)
    header = laspy.LasHeader(version=version, point_format=point_format)
    header.scales, header.offsets = [0.01, 0.01, 0.01], [0.0, 0.0, 0.0]
    for name, kind in extra:
        header.add_extra_dim(laspy.ExtraBytesParams(name=name, type=kind))
    if keys:
        header.vlrs.append(VLR("LASF_Projection", 34735, record_data=struct.pack(f"<{len(keys)}H", *keys)))
    if wkt:
        header.vlrs.append(WktCoordinateSystemVlr(wkt))
        header.global_encoding.wkt = True
    cloud = laspy.LasData(header)
    cloud.x, cloud.y, cloud.z = x, y, z
    if colours:
        cloud.red, cloud.green, cloud.blue = (np.full(len(x), value, np.uint16) for value in (200 << 8, 100 << 8, 0))
        cloud.red[0] = 0
    out = io.BytesIO()
    cloud.write(out, do_compress=compress)
    return out.getvalue()


def copc(
    *,
    levels=3,
    wkt='GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],UNIT["degree",0.0174532925199433]]',
):
    """A COPC file whose node of each level holds the points of one row of the hills after another."""
    x, y, z = hills()
    points = np.zeros(len(x), np.dtype([("xyz", "<i4", 3), ("rest", "u1", 18)]))
    points["xyz"] = np.round(np.column_stack([x, y, z]) * 100)
    vlr = lazrs.LazVlr.new_for_compression(6, 0, True)
    nodes = [points[level::levels] for level in range(levels)]
    compressed = io.BytesIO()
    compressor = lazrs.LasZipCompressor(compressed, vlr)
    compressor.compress_chunks([np.frombuffer(node.tobytes(), np.uint8) for node in nodes])
    compressor.done()
    raw = bytearray(compressed.getvalue())
    sizes = lazrs.read_chunk_table(io.BytesIO(bytes(raw)), vlr)
    laszip, text = bytes(vlr.record_data()), wkt.encode()

    def record(user, number, body):
        return struct.pack("<H16sHH32s", 0, user.encode(), number, len(body), b"") + body

    later = record("laszip encoded", 22204, laszip) + record("LASF_Projection", 2112, text)
    start = 375 + 54 + 160 + len(later)
    (table,) = struct.unpack_from("<q", raw)
    struct.pack_into("<q", raw, 0, table + start)
    at, page = start + 8, b""
    for level, (count, size) in enumerate(sizes):
        page += struct.pack("<iiiiQii", level, 0, 0, 0, at, size, count)
        at += size
    evlr = start + len(raw)
    info = struct.pack("<5dQQ2d", 0, 0, 0, 1, 1, evlr + 60, len(page), 0, 0).ljust(160, b"\0")
    box = [value for axis in (x, y, z) for value in (axis.max(), axis.min())]
    header = struct.pack(
        "<4sHH16sBB32s32sHHHIIBHI20s12d", b"LASF", 0, 16, b"", 1, 4, b"", b"tests", 60, 2024, 375, start, 3, 0x80 | 6,
        30, 0, b"", 0.01, 0.01, 0.01, 0, 0, 0, *box,
    ) + struct.pack("<QQIQ", 0, evlr, 1, len(x)).ljust(148, b"\0")  # fmt: skip
    tail = struct.pack("<H16sHQ32s", 0, b"copc", 1000, len(page), b"") + page
    return header + record("copc", 1, info) + later + bytes(raw) + tail


def geotiff(data, *, tie=(1573869.73, 5155224.35), pixel=15.0, keys=EPSG_2193, nodata=None, point=False, **options):
    """A GeoTIFF by tifffile: strips, no overviews."""
    import tifffile

    out = io.BytesIO()
    with tifffile.TiffWriter(out, bigtiff=options.pop("bigtiff", False)) as tiff:
        tiff.write(data, metadata=None, extratags=geo_tags(tie, pixel, keys, nodata, point=point), **options)
    return out.getvalue()


def geo_tags(tie, pixel, keys, nodata=None, *, point=False):
    if point:
        keys = [*keys[:3], keys[3] + 1, *keys[4:8], 1025, 0, 1, 2, *keys[8:]]
    tags = [
        (33550, "d", 3, (pixel, pixel, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, *tie, 0.0), True),
        (34735, "H", len(keys), tuple(keys), True),
    ]
    return [*tags, (42113, "s", 0, str(nodata), True)] if nodata is not None else tags


def cog(data, *, tile=64, overviews=2, nodata=None, order="<"):
    """A Cloud Optimized GeoTIFF of one band of 16 bits, by hand: directories, then pixels, smallest first."""
    images = [data[:: 2**level, :: 2**level] for level in range(overviews + 1)]
    tiled = [_tiles(image, tile, order) for image in images]
    keys = EPSG_2193
    entries = []
    for level, image in enumerate(images):
        tags = {
            254: ("I", [1 if level else 0]), 256: ("H", [image.shape[1]]), 257: ("H", [image.shape[0]]),
            258: ("H", [16]), 259: ("H", [1]), 262: ("H", [1]), 277: ("H", [1]), 322: ("H", [tile]), 323: ("H", [tile]),
            324: ("I", [0] * len(tiled[level])), 325: ("I", [len(one) for one in tiled[level]]), 339: ("H", [1]),
        }  # fmt: skip
        if level == 0:
            tags |= {
                33550: ("d", [15.0, 15.0, 0.0]), 33922: ("d", [0.0, 0.0, 0.0, 1573869.73, 5155224.35, 0.0]),
                34735: ("H", keys),
            }  # fmt: skip
            if nodata is not None:
                tags[42113] = ("B", list(str(nodata).encode() + b"\0"))
        entries.append(tags)
    lengths = [2 + 12 * len(tags) + 4 + sum(_outside(*value) for value in tags.values()) for tags in entries]
    starts = [8 + sum(lengths[:level]) for level in range(len(images))]
    at = 8 + sum(lengths)
    for level in reversed(range(len(images))):
        offsets = []
        for one in tiled[level]:
            offsets.append(at)
            at += len(one)
        entries[level][324] = ("I", offsets)
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8))
    for level, tags in enumerate(entries):
        following = starts[level + 1] if level + 1 < len(starts) else 0
        out += _directory(tags, starts[level], following, order)
    for level in reversed(range(len(images))):
        out += b"".join(tiled[level])
    return bytes(out)


def _tiles(image, tile, order):
    padded = np.pad(image, [(0, -length % tile) for length in image.shape])
    rows, columns = (length // tile for length in padded.shape)
    return [
        padded[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile].astype(f"{order}u2").tobytes()
        for row in range(rows)
        for column in range(columns)
    ]


def _outside(kind, values):
    size = struct.calcsize(kind) * len(values)
    return size if size > 4 else 0


def _directory(tags, start, following, order):
    types = {"B": 2, "H": 3, "I": 4, "d": 12}
    head, body = struct.pack(f"{order}H", len(tags)), b""
    at = start + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}{kind}", *values)
        place = packed.ljust(4, b"\0")
        if len(packed) > 4:
            place = struct.pack(f"{order}I", at + len(body))
            body += packed
        head += struct.pack(f"{order}HHI", tag, types[kind], len(values)) + place
    return head + struct.pack(f"{order}I", following) + body


def temperatures(rows=36, columns=72):
    """Numbers that rise to the north and a little to the east; row 0 is the south."""
    return (250 + 50 * np.linspace(0, 1, rows)[:, None] + np.linspace(0, 5, columns)[None, :]).astype("f4")


def netcdf4(path, *, times=3, rows=36, columns=72, first_longitude=2.5, hole=True):
    """A netCDF-4 file by h5py, as netCDF4 writes it; the text of its path is returned as bytes."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["_NCProperties"] = np.bytes_("version=2,netcdf=4.9.2,hdf5=1.14.4")
        step = 360 / columns
        values = {
            "time": np.arange(times, dtype="f8"),
            "latitude": np.linspace(-90 + 90 / rows, 90 - 90 / rows, rows),
            "longitude": first_longitude + step * np.arange(columns),
        }
        units = {"time": "hours since 1970-01-01", "latitude": "degrees_north", "longitude": "degrees_east"}
        for name, numbers in values.items():
            scale = file.create_dataset(name, data=numbers)
            scale.make_scale(name)
            scale.attrs["units"] = np.bytes_(units[name])
        data = np.stack([temperatures(rows, columns) + time for time in range(times)])
        if hole:
            data[:, 0, :10] = 1e20
        main = file.create_dataset("air_temperature", data=data, chunks=(1, rows, columns), compression="gzip")
        for axis, name in enumerate(values):
            main.dims[axis].attach_scale(file[name])
        main.attrs["units"] = np.bytes_("K")
        main.attrs["_FillValue"] = np.array([1e20], "f4")
        bounds = file.create_dataset("time_bnds", data=np.zeros((times, 2)))
        bounds.dims[0].attach_scale(file["time"])
    return path.read_bytes()


def netcdf3(*, times=3, version=1, rows=36, columns=72):
    """A classic file by SciPy; time is its record dimension."""
    from scipy.io import netcdf_file

    out = io.BytesIO()
    file = netcdf_file(out, "w", version=version)
    file.title = b"a classic"
    file.createDimension("time", None)
    file.createDimension("lat", rows)
    file.createDimension("lon", columns)
    for name, units, values in (
        ("lat", b"degrees_north", np.linspace(-87.5, 87.5, rows)),
        ("lon", b"degrees_east", 2.5 + 360 / columns * np.arange(columns)),
    ):
        one = file.createVariable(name, "d", (name,))
        one.units = units
        one[:] = values
    time = file.createVariable("time", "d", ("time",))
    main = file.createVariable("tas", "h", ("time", "lat", "lon"))
    main.units, main.scale_factor, main.add_offset, main._FillValue = b"K", 0.01, 273.15, np.int16(-32768)
    packed = np.round((temperatures(rows, columns) - 273.15) / 0.01).astype("i2")
    packed[0, :10] = -32768
    for at in range(times):
        time[at] = at
        main[at] = packed
    file.flush()
    return out.getvalue()


def pp(
    data,
    *,
    order=">",
    lbpack=0,
    lbcode=1,
    stash=3236,
    north=(-92.5, 5.0),
    east=(-5.0, 5.0),
    pole=(90.0, 0.0),
    extra=b"",
):
    """A PP file of one field; ``north`` and ``east`` are the point before the first, and the step."""
    rows, columns = data.shape
    integers, floats = [0] * 45, [0.0] * 19
    integers[14] = (data.nbytes + len(extra)) // 4
    integers[15], integers[17], integers[18], integers[19], integers[20] = (
        lbcode,
        rows,
        columns,
        len(extra) // 4,
        lbpack,
    )
    integers[38], integers[41], integers[44] = 1, stash, 1
    floats[10], floats[11] = pole
    floats[13], floats[14], floats[15], floats[16], floats[17], floats[18] = *north, *east, -1e30, 1.0
    mark, length = struct.pack(f"{order}i", 256), struct.pack(f"{order}i", data.nbytes + len(extra))
    header = struct.pack(f"{order}45i19f", *integers, *floats)
    return mark + header + mark + length + data.astype(f"{order}f4").tobytes() + extra + length


def photo(width=640, height=480):
    """A picture whose top left quarter is red, on blue that grows lighter to the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 2] = np.linspace(60, 255, width).astype(np.uint8)
    pixels[: height // 2, : width // 2] = (220, 30, 30)
    return Image.fromarray(pixels)


def encoded(image, format_="JPEG", **options):
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def exif(*, orientation=1, thumbnail=None, size=None, place=None):
    """An EXIF block with the tags asked for; ``place`` is latitude and longitude in whole degrees."""
    sub = [(0xA002, 4, 1, size[0]), (0xA003, 4, 1, size[1])] if size else []
    gps = [
        (1, 2, 2, b"S\0" if place[0] < 0 else b"N\0"), (2, 5, 3, _rationals(place[0])),
        (3, 2, 2, b"W\0" if place[1] < 0 else b"E\0"), (4, 5, 3, _rationals(place[1])),
    ] if place else []  # fmt: skip
    main = [(0x0112, 3, 1, orientation)]
    main += [(0x8769, 4, 1, "sub")] if sub else []
    main += [(0x8825, 4, 1, "gps")] if gps else []
    first = [(0x0103, 3, 1, 6), (0x0201, 4, 1, "thumbnail"), (0x0202, 4, 1, len(thumbnail))] if thumbnail else []
    blocks, at, places = {"main": main, "sub": sub, "gps": gps, "first": first}, 8, {}
    for name, tags in blocks.items():
        places[name] = at
        at += (
            (2 + 12 * len(tags) + 4 + sum(len(v) for *_, v in tags if isinstance(v, bytes) and len(v) > 4))
            if tags
            else 0
        )
    places["thumbnail"] = at
    out = b"II*\0" + struct.pack("<I", 8)
    for name, tags in blocks.items():
        if not tags:
            continue
        body, behind = b"", places[name] + 2 + 12 * len(tags) + 4
        head = struct.pack("<H", len(tags))
        for tag, kind, count, given in tags:
            value = places[given] if isinstance(given, str) else given
            if isinstance(value, bytes) and len(value) > 4:
                head += struct.pack("<HHII", tag, kind, count, behind + len(body))
                body += value
            elif isinstance(value, bytes):
                head += struct.pack("<HHI4s", tag, kind, count, value)
            else:
                head += struct.pack("<HHII", tag, kind, count, value)
        following = places["first"] if name == "main" and first else 0
        out += head + struct.pack("<I", following) + body
    return b"Exif\0\0" + out + (thumbnail or b"")


def _rationals(degrees):
    return struct.pack("<6I", abs(degrees), 1, 30, 1, 0, 1)
