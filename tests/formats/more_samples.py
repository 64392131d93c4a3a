"""Small files of the formats that need a library of their own, made in code, whose every number is known."""

from __future__ import annotations

import gzip
import io
import json

import numpy as np

STATIONS = [("WN01", "Harbour", -41.285, 3), ("CH01", "Māwhero Plain", -43.49, 37), ("QT01", "Lakeside", None, 310)]
CSV = "station,name,latitude,altitude\n" + "".join(
    ",".join("" if cell is None else str(cell) for cell in row) + "\n" for row in STATIONS
)
RECORDS = [dict(zip(("station", "name", "latitude", "altitude"), row, strict=True)) for row in STATIONS]
SVG = (
    '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd">'
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="20">'
    '<defs><rect id="half" width="20" height="20"/></defs>'
    '<rect width="40" height="20" fill="#0000ff"/><use xlink:href="#half" fill="#ff0000"/></svg>'
)


def parquet(table=None, **options):
    """A Parquet file of a table, or of the stations."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(RECORDS) if table is None else table, out, **options)
    return out.getvalue()


def wave(latitudes, longitudes):
    """Numbers that fall from the equator to the poles, most to the south, and differ a little from east to west."""
    return (
        300
        - 50 * np.sin(np.radians(latitudes)) ** 2
        + 15 * np.sin(np.radians(latitudes))
        + 5 * np.cos(np.radians(longitudes - 40))
    )


def grib(sample="regular_ll_sfc_grib2", **keys):
    """A GRIB message made from one of ecCodes' samples, holding the wave."""
    from s3magic.formats.grib_library import eccodes

    message = eccodes.codes_grib_new_from_samples(sample)
    try:
        for key, value in keys.items():
            eccodes.codes_set(message, key, value)
        places = [np.asarray(eccodes.codes_get_array(message, name)) for name in ("latitudes", "longitudes")]
        eccodes.codes_set(message, "bitsPerValue", 16)
        eccodes.codes_set_values(message, wave(*places))
        return bytes(eccodes.codes_get_message(message))
    finally:
        eccodes.codes_release(message)


def scene(width=64, height=48, shift=0):
    """Pixels whose four quarters have a colour each; ``shift`` moves their borders."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, :, 2] = 220
    pixels[:, : width // 2 + shift, 1] = 200
    pixels[height // 2 :, width // 2 + shift :, 0] = 180
    return pixels


def video(frames=None, *, container="mp4", codec="mpeg4", rate=8, **options):
    """A video of frames of pixels, by default two seconds of the scene."""
    import av

    frames = [scene(shift=index // 2) for index in range(16)] if frames is None else frames
    out = io.BytesIO()
    with av.open(out, "w", format=container) as written:
        stream = written.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for pixels in frames:
            written.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        written.mux(stream.encode())
    return out.getvalue()


def spots(side, count, radius, seed):
    """Bright spots in the dark."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    picture = np.full((side, side), 90.0)
    for row, column in chance.uniform(0, side, (count, 2)):
        picture += 3000 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / radius**2)
    return picture.astype(np.uint16)


def cells(side=128, depths=3):
    """Three channels of spots at each depth: depth, channel, row, column."""
    channels = [spots(side, 12, side / 16, 1), spots(side, 20, side / 24, 2), spots(side, 40, side / 64, 3)]
    return np.stack([np.stack(channels) + 100 * depth for depth in range(depths)]).astype(np.uint16)


def ome_tiff(stack=None, *, levels=1, axes="ZCYX", tile=64, **metadata):
    """An OME-TIFF by tifffile, with smaller copies."""
    import tifffile

    stack = cells() if stack is None else stack
    out = io.BytesIO()
    kind = {"photometric": "rgb" if axes.endswith("S") else "minisblack", "compression": "zlib"}
    if tile:
        kind["tile"] = (tile, tile)
    with tifffile.TiffWriter(out, ome=True) as tiff:
        tiff.write(stack, metadata={"axes": axes, **metadata}, subifds=levels, **kind)
        for level in range(1, levels + 1):
            step = 2**level
            small = stack[..., ::step, ::step, :] if axes.endswith("S") else stack[..., ::step, ::step]
            tiff.write(small, subfiletype=1, **kind)
    return out.getvalue()


def refusal(question, file):
    """Ask a question of a file; return our own error, with its two lines, or None where it is answered."""
    from s3magic.errors import UnreadableFormat

    try:
        question(file)
    except UnreadableFormat as error:
        if not (error.message and error.hint):
            raise
        return error
    return None


class Files:
    """A folder of files in memory that counts what is read of it."""

    def __init__(self, files, name="a.zarr"):
        self.files = files
        self.name = name
        self.bytes_read = 0
        self.asked = []

    def read(self, path, start=0, stop=None):
        self.asked.append(path)
        if path not in self.files:
            return None
        data = self.files[path][start:stop]
        self.bytes_read += len(data)
        return data

    def names(self, path=""):
        below = {key[len(path) :] for key in self.files if key.startswith(path)}
        return sorted({first + slash for first, slash, _ in (key.partition("/") for key in below)})


def files_of(folder, name="a.zarr"):
    """The files that lie in a folder on disk."""
    return Files(
        {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}, name
    )


def zarr_group(folder, *, version=3, rows=36, columns=72, times=3, chunk=(1, 18, 36)):
    """A Zarr as xarray writes it: the wave by time, latitude and longitude; return its files."""
    import zarr

    latitudes, longitudes = np.linspace(-87.5, 87.5, rows), 2.5 + 360 / columns * np.arange(columns)
    values = wave(latitudes[:, None], longitudes[None, :]) + np.arange(times)[:, None, None]
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    for name, data, dimensions, units in (
        ("lat", latitudes, ["lat"], "degrees_north"),
        ("lon", longitudes, ["lon"], "degrees_east"),
        ("tas", values.astype("f4"), ["time", "lat", "lon"], "K"),
    ):
        named = {"dimension_names": dimensions} if version == 3 else {}
        more = {} if version == 3 else {"_ARRAY_DIMENSIONS": dimensions}
        group.create_array(
            name,
            data=data,
            chunks=data.shape if data.ndim == 1 else chunk,
            attributes={"units": units, **more},
            **named,
        )
    if version == 2:
        zarr.consolidate_metadata(folder)
    return files_of(folder)


def ome_zarr(folder, *, version="0.5", levels=3):
    """An OME-Zarr of the cells; return its files."""
    import zarr

    stack = cells(256).transpose(1, 0, 2, 3)[None]
    group = zarr.open_group(folder, mode="w", zarr_format=3 if version == "0.5" else 2)
    for level in range(levels):
        step = 2**level
        group.create_array(str(level), data=stack[..., ::step, ::step], chunks=(1, 1, 1, 64, 64))
    axes = [{"name": axis} for axis in "tczyx"]
    said = {
        "multiscales": [{"axes": axes, "datasets": [{"path": str(level)} for level in range(levels)]}],
        "omero": {"channels": [{"label": label, "color": colour} for label, colour in
                               (("DAPI", "0000FF"), ("GFP", "00FF00"), ("RFP", "FF0000"))]},
    }  # fmt: skip
    group.attrs.update({"ome": {"version": version, **said}} if version == "0.5" else said)
    return files_of(folder, "a.ome.zarr")


def samples():
    """One sound file of each format, by name."""
    return {
        "a.parquet": parquet(),
        "a.csv": CSV.encode(),
        "a.tsv.gz": gzip.compress(CSV.replace(",", "\t").encode(), mtime=0),
        "a.json": json.dumps({"stations": RECORDS}).encode(),
        "a.ndjson": "".join(f"{json.dumps(record)}\n" for record in RECORDS).encode(),
        "a.svg": SVG.encode(),
        "a.grib2": grib(),
        "a.grb": grib("regular_ll_sfc_grib1"),
        "a.mp4": video(),
        "a.webm": video(container="webm", codec="libvpx"),
        "a.ome.tif": ome_tiff(cells(64, 2), tile=32),
    }
