"""The teaching data is what it says it is, to the libraries that people read such data with."""

from __future__ import annotations

import io
import struct
import warnings

import h5py
import laspy
import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
from PIL import Image, ImageOps, UnidentifiedImageError

from s3magic.sandboxes import datasets, drawings, items, pictures, tiles, weather

THUMBNAIL_DIRECTORY = -1


@pytest.fixture(scope="module")
def made(sandbox, teaching_data):
    return {f"{item.bucket}/{item.key}": item for item in items.load(teaching_data)}


@pytest.fixture(scope="module")
def teaching(made):
    return {name.removeprefix("teaching/"): item.data for name, item in made.items() if name.startswith("teaching/")}


def under(teaching, folder, suffix=""):
    found = {name: data for name, data in teaching.items() if name.startswith(folder) and name.endswith(suffix)}
    assert found
    return found


def test_it_is_small(teaching):
    assert sum(map(len, teaching.values())) < 10_000_000


def test_it_is_the_same_each_time(teaching):
    assert tiles.laz_tiles()["hill_1_2.laz"] == teaching["tiles/hill_1_2.laz"]
    assert tiles.copc_file() == teaching["tiles/hill.copc.laz"]
    scene = pictures.SCENES["dawn-on-the-lake"]
    assert np.array_equal(pictures.take(scene, 96, 64), pictures.take(scene, 96, 64))


def test_the_tiles_make_a_grid(teaching):
    found = {name: laspy.read(io.BytesIO(data)) for name, data in under(teaching, "tiles/hill_").items()}
    assert len(found) == 9
    for name, cloud in found.items():
        column, row = (int(part) for part in name.removesuffix(".laz").split("_")[1:])
        assert cloud.header.parse_crs().to_epsg() == 2193
        assert (cloud.header.point_format.id, str(cloud.header.version)) == (7, "1.4")
        west, south = tiles.WEST + column * tiles.SIDE, tiles.SOUTH + row * tiles.SIDE
        assert west <= cloud.header.mins[0] < cloud.header.maxs[0] <= west + tiles.SIDE
        assert south <= cloud.header.mins[1] < cloud.header.maxs[1] <= south + tiles.SIDE
        assert set(np.unique(cloud.classification)) == {2, 5}


def test_the_las_file_is_an_older_one(teaching):
    with laspy.open(io.BytesIO(teaching["tiles/hill.las"])) as file:
        assert (str(file.header.version), file.header.are_points_compressed) == ("1.2", False)
        assert file.header.parse_crs().to_epsg() == 2193


def test_the_copc_file_is_one(teaching):
    data = teaching["tiles/hill.copc.laz"]
    assert data[377:381] == b"copc"
    reader = laspy.CopcReader(io.BytesIO(data))
    coarse, everything = reader.query(level=0), reader.query()
    whole = laspy.read(io.BytesIO(data))
    assert 0 < len(coarse) < len(everything) == len(whole.points) == whole.header.point_count
    assert np.array_equal(np.sort(everything.X), np.sort(whole.X))
    centre, half = reader.copc_info.center, reader.copc_info.halfsize
    assert all(centre - half <= whole.header.mins)
    assert all(whole.header.maxs <= centre + half)
    east = reader.query(bounds=laspy.copc.Bounds(mins=np.array(centre[:2]), maxs=np.array(centre[:2] + half)))
    assert 0 < len(east) < len(everything)


def test_the_cogs_are_laid_out_as_cogs(teaching):
    cogs = dict(under(teaching, "cogs/relief"))
    cogs["elevation/coast.tif"] = teaching["elevation/coast.tif"]
    for name, data in cogs.items():
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            assert [page.shape[0] for page in tiff.pages] == [512, 256, 128], name
            assert [page.is_reduced for page in tiff.pages] == [False, True, True]
            directories = [page.offset for page in tiff.pages]
            pixels = [min(page.dataoffsets) for page in tiff.pages]
            assert directories[0] == 8
            assert directories == sorted(directories)
            assert max(directories) < min(pixels)
            assert pixels == sorted(pixels, reverse=True)
            whole, half = (page.asarray().astype(float) for page in tiff.pages[:2])
            assert abs(np.median(whole) - np.median(half)) < 3


def test_the_reliefs_fit_together(teaching):
    corners = set()
    for data in under(teaching, "cogs/relief").values():
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            tags = tiff.pages[0].geotiff_tags
            assert int(tags["ProjectedCSTypeGeoKey"]) == 2193
            corners.add((tags["ModelTiepoint"][3], tags["ModelTiepoint"][4], 512 * tags["ModelPixelScale"][0]))
    assert corners == {(tiles.WEST + x, tiles.SOUTH + y, 300.0) for x in (0.0, 300.0) for y in (300.0, 600.0)}


def test_the_plain_tiff_has_neither_tiles_nor_overviews(teaching):
    with tifffile.TiffFile(io.BytesIO(teaching["cogs/plain.tif"])) as tiff:
        assert (len(tiff.pages), tiff.pages[0].is_tiled) == (1, False)
        assert int(tiff.geotiff_metadata["ProjectedCSTypeGeoKey"]) == 2193


def test_the_coast_has_a_sea_without_data(teaching):
    with tifffile.TiffFile(io.BytesIO(teaching["elevation/coast.tif"])) as tiff:
        heights = tiff.asarray()
        assert tiff.pages[0].nodata == -9999
        assert int(tiff.pages[0].geotiff_tags["ProjectedCSTypeGeoKey"]) == 27700
    land = heights != -9999
    assert 0.2 < land.mean() < 0.95
    assert 0 <= heights[land].min() < heights[land].max() < 1000


def test_the_climate_is_plausible_and_has_axes(teaching):
    with h5py.File(io.BytesIO(teaching["grids/climate.nc"])) as file:
        warmth = file["air_temperature"]
        assert [dimension.keys()[0] for dimension in warmth.dims] == ["time", "latitude", "longitude"]
        values = warmth[:]
        assert (warmth.attrs["units"], values.shape) == ("K", (12, 61, 120))
        assert 200 < values.min() < 250
        assert 290 < values.max() < 330
        assert values[:, 30].mean() > values[:, 0].mean() + 30
        assert file["precipitation_flux"][:].min() >= 0


def test_the_climate_opens_in_iris(teaching, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        iris = pytest.importorskip("iris")
        path = tmp_path / "climate.nc"
        path.write_bytes(teaching["grids/climate.nc"])
        cubes = iris.load(path)
        assert sorted(cube.name() for cube in cubes) == ["air_temperature", "precipitation_flux"]
        assert cubes[0].coord("time").units.is_time_reference()


def test_photographs(teaching):
    found = {name: Image.open(io.BytesIO(data)) for name, data in under(teaching, "photos/").items()}
    assert {image.format for image in found.values()} == {"JPEG", "PNG", "WEBP"}
    thumbnails = {name: thumbnail(image) for name, image in found.items() if image.format == "JPEG"}
    assert None in thumbnails.values()
    for name, small in thumbnails.items():
        if small:
            whole = found[name].convert("RGB").resize(small.size)
            assert np.abs(np.asarray(whole, float) - np.asarray(small.convert("RGB"), float)).mean() < 8
    turned = found["photos/northern-fjord.jpg"]
    assert turned.width > turned.height
    upright = ImageOps.exif_transpose(turned)
    assert upright.width < upright.height
    top, bottom = (np.asarray(upright.crop(area), float).mean() for area in halves(upright))
    assert top > bottom, "the sky is above"


def halves(image):
    return (0, 0, image.width, image.height // 3), (0, image.height * 2 // 3, image.width, image.height)


def thumbnail(image):
    """Return the EXIF thumbnail of a picture, read by its own directory, or None."""
    found = image.getexif().get_ifd(THUMBNAIL_DIRECTORY)
    if not found:
        return None
    block = image.info["exif"].removeprefix(b"Exif\0\0")
    assert struct.unpack_from("<2sH", block) == (b"II", 42)
    return Image.open(io.BytesIO(block[found[513] : found[513] + found[514]]))


def test_tables(teaching):
    table = pq.read_table(io.BytesIO(teaching["tables/observations.parquet"]))
    assert table.num_rows == 6 * 24 * 28
    assert teaching["tables/stations.csv"].decode().startswith("station,name,latitude")


def test_what_is_broken_is_broken(teaching):
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(teaching["broken/empty.jpg"]))
    with pytest.raises(tifffile.TiffFileError):
        tifffile.TiffFile(io.BytesIO(teaching["broken/not-a-tiff.tif"]))
    with pytest.raises(OSError, match="truncated"):
        h5py.File(io.BytesIO(teaching["broken/truncated.nc"]))
    with pytest.raises(Exception, match=r".+"):
        laspy.read(io.BytesIO(teaching["broken/truncated.laz"]))


def test_each_way_to_learn_a_hash_can_be_met(s3):
    def head(key, **more):
        return s3.head_object(Bucket="teaching", Key=key, ChecksumMode="ENABLED", **more)

    assert head("tiles/hill_0_0.laz")["ChecksumType"] == "FULL_OBJECT"
    assert len(head("tiles/hill_0_0.laz")["ChecksumSHA256"]) == 44
    whole = head("tiles/hill.copc.laz")
    assert (whole["ChecksumType"], whole["ChecksumSHA256"][-2:], whole["ETag"][-3:]) == ("COMPOSITE", "-1", '-1"')
    assert len(head("tiles/hill.copc.laz", PartNumber=1)["ChecksumSHA256"]) == 44
    assert "ChecksumSHA256" not in head("cogs/plain.tif")
    assert len(head("cogs/plain.tif")["ChecksumCRC64NVME"]) == 12


def test_iris_samples_lie_under_their_own_names(s3):
    pytest.importorskip("iris_sample_data")
    listed = s3.list_objects_v2(Bucket="teaching", Prefix="iris/")["Contents"]
    assert {"iris/A1B.2098.pp", "iris/A1B_north_america.nc"} <= {item["Key"] for item in listed}


def test_odd_names_are_all_there(s3):
    listed = s3.list_objects_v2(Bucket="teaching", Prefix="odd/")["Contents"]
    assert {item["Key"] for item in listed} == {f"odd/{key}" for key in datasets.ODD_KEYS}


def test_the_zarr_and_the_grib_hold_the_climate(teaching, tmp_path):
    import zarr

    from s3magic.formats.grib_library import eccodes

    with h5py.File(io.BytesIO(teaching["grids/climate.nc"])) as file:
        temperature = file["air_temperature"][:]
        times, units = file["time"][:], file["time"].attrs["units"]
    for name, data in under(teaching, "weather/climate.zarr/").items():
        path = tmp_path / name.removeprefix("weather/climate.zarr/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    group = zarr.open_group(tmp_path, mode="r")
    assert group.metadata.consolidated_metadata is not None
    assert np.array_equal(group["air_temperature"][:], temperature)
    assert np.array_equal(group["time"][:], times)
    assert group["time"].attrs["units"] == units  # of days: xarray reads no months
    assert group["air_temperature"].metadata.dimension_names == ("time", "latitude", "longitude")
    data = teaching["weather/temperature.grib2"]
    for month in (0, 6):
        length = int.from_bytes(data[8:16], "big")
        message = eccodes.codes_new_from_message(data[:length])
        assert eccodes.codes_get(message, "shortName") == "2t"
        assert eccodes.codes_get(message, "validityDate") == 20010115 + 100 * month
        values = np.asarray(eccodes.codes_get_values(message)).reshape(61, 120)
        assert eccodes.codes_get_array(message, "latitudes")[0] == -90
        eccodes.codes_release(message)
        assert np.abs(values - temperature[month]).max() < 0.01
        data = data[length:]
    assert not data


def test_the_film_moves(teaching):
    import av

    with av.open(io.BytesIO(teaching["films/flight.webm"])) as film:
        assert film.duration == 3_000_000
        frames = [frame.to_ndarray(format="gray").astype(int) for frame in film.decode(video=0)]
    assert len(frames) == 24
    assert np.abs(frames[0] - frames[-1]).mean() > 10
    assert np.abs(frames[0][:, 96:] - frames[-1][:, :-96]).mean() < np.abs(frames[0] - frames[-1]).mean() / 2


def test_the_drawings_are_drawn(teaching):
    from xml.etree import ElementTree

    root = ElementTree.fromstring(teaching["drawings/tide.svg"])  # noqa: S314 - made here
    assert (root.tag, root.get("width")) == ("{http://www.w3.org/2000/svg}svg", "480")
    with tifffile.TiffFile(io.BytesIO(teaching["microscope/cells.ome.tif"])) as tiff:
        assert tiff.is_ome
        (series,) = tiff.series
        assert (series.axes, series.shape, len(series.levels)) == ("ZCYX", (5, 3, 256, 256), 2)
        sharp = [np.abs(np.diff(plane[2].astype(int))).max() for plane in series.asarray()]
    assert sharp[2] == max(sharp)
    assert drawings.cells() == teaching["microscope/cells.ome.tif"]
    assert weather.zarr()["zarr.json"] == teaching["weather/climate.zarr/zarr.json"]
