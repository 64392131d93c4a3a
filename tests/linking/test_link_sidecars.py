"""Sidecars: the .aux.xml of a raster is linked, fetched and dropped with it."""

from __future__ import annotations

import warnings

import pytest

from s3magic.errors import AccessDenied, LinkError, ServerError, TilesFailed, UnreadableFormat
from s3magic.linking.dataset import LinkedDataset
from s3magic.store.memory import MemoryStore

PAM = b'<PAMDataset><PAMRasterBand band="1"><Description>height</Description></PAMRasterBand></PAMDataset>'


@pytest.fixture
def rasters(memory, tif):
    for number in range(3):
        memory.put(f"cogs/t{number}.tif", tif(float(number), 50.0))
    memory.put("cogs/t1.tif.aux.xml", PAM)
    memory.put("cogs/notes.aux.xml", b"of nobody")


@pytest.mark.usefixtures("rasters")
@pytest.mark.parametrize("pattern", ["cogs/*.tif", "cogs/t?.{tif,tif.aux.xml}", "cogs/t1.tif"])
def test_a_sidecar_comes_along_whether_named_or_not(link, pattern):
    dataset = link(pattern, checkout=True)
    tiles = {tile.name: tile for tile in dataset.tiles}
    assert tiles["t1.tif"].sidecars == ("t1.tif.aux.xml",)
    sidecar = tiles["t1.tif.aux.xml"]
    assert sidecar.is_sidecar
    assert (sidecar.format, sidecar.oid_from, sidecar.size) == ("pam", "head", len(PAM))
    assert "notes.aux.xml" not in tiles
    assert (dataset.info.type, dataset.info.format) == ("raster", tiles["t1.tif"].format)
    assert (dataset.path / "t1.tif.aux.xml").read_bytes() == PAM
    assert dataset.status().remote == {"ok": len(tiles)}


@pytest.mark.usefixtures("rasters")
def test_fetching_a_raster_fetches_its_sidecar(link):
    dataset = link("cogs/*.tif")
    assert dataset.fetch(match="t1.tif").fetched == ("t1.tif", "t1.tif.aux.xml")
    assert dataset.fetch(bbox=(1.1, 49.1, 1.9, 49.9)).present == ("t1.tif", "t1.tif.aux.xml")
    assert dataset.fetch(match="t0.tif").fetched == ("t0.tif",)


@pytest.mark.usefixtures("rasters")
def test_a_sidecar_is_chosen_by_its_raster(link, tmp_path):
    names = [tile.name for tile in link("cogs/*.tif", bbox=(1.1, 49.1, 1.9, 49.9)).tiles]
    assert names == ["t1.tif", "t1.tif.aux.xml"]
    assert len(link("cogs/*.tif", match="t0*", path=tmp_path / "other").tiles) == 1


@pytest.mark.usefixtures("rasters")
def test_sidecars_are_no_tiles_to_people(link):
    dataset = link("cogs/*.tif")
    assert len(dataset.footprints()["features"]) == 3
    assert "3 (3 " in dataset._repr_html_()
    assert "3 raster tiles" in repr(dataset)


@pytest.mark.usefixtures("rasters")
def test_a_new_version_takes_sidecars_that_came_changed_and_went(memory, link):
    link("cogs/*.tif")
    memory.delete("cogs/t1.tif.aux.xml")
    memory.put("cogs/t2.tif.aux.xml", PAM)
    dataset = link("cogs/*.tif", replace=True)
    assert dataset.changes.added == ("t2.tif.aux.xml",)
    assert dataset.changes.removed == ("t1.tif.aux.xml",)
    assert dataset.changes.changed == ("t1.tif", "t2.tif")
    memory.delete("cogs/t2.tif")
    dataset = link("cogs/*.tif", replace=True)
    assert [tile.name for tile in dataset.tiles] == ["t0.tif", "t1.tif"]


@pytest.mark.usefixtures("rasters")
def test_what_belongs_to_nobody_is_a_file_like_any_other(link):
    with pytest.raises(LinkError, match=r"notes\.aux\.xml: a file"):
        link("cogs/")


def test_a_raster_that_cannot_be_read_leaves_no_sidecar_behind(tif, link):
    class Failing(MemoryStore):
        def stream(self, key, **options):
            if key == "cogs/a.tif":
                raise ServerError("The server fails", "Wait.")
            return super().stream(key, **options)

    store = Failing("teaching")
    for name in ("a.tif", "b.tif"):
        store.put(f"cogs/{name}", tif(degrees=8) + bytes(40_000))
        store.put(f"cogs/{name}.aux.xml", PAM)
    with pytest.raises(TilesFailed, match=r"a\.tif: The server fails"):
        link("cogs/*.tif", store=store, hash="read")
    assert [tile.name for tile in LinkedDataset(link.path).tiles] == ["b.tif", "b.tif.aux.xml"]


def test_who_may_not_look_for_a_sidecar_goes_without(tif, link):
    class Closed(MemoryStore):
        def head(self, key, **options):
            if key.endswith(".aux.xml"):
                raise AccessDenied("May not look", "Ask.")
            return super().head(key, **options)

    store = Closed("teaching")
    store.put("cogs/a.tif", tif())
    assert link("cogs/a.tif", store=store).tiles[0].sidecars == ()


@pytest.mark.usefixtures("rasters")
def test_a_kept_prefix_keeps_a_sidecar_beside_its_raster(link):
    dataset = link("cogs/*.tif", "cogs/../x".replace("../x", "t1.tif"), keep_prefix=True)
    assert LinkedDataset(dataset.path).tiles[2].name == "t1.tif.aux.xml"


def test_a_sidecar_tells_the_place_that_its_raster_lacks(memory, link, tmp_path):
    import numpy
    import rasterio
    from rasterio.transform import from_origin

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is not georeferenced is what is wanted
        file = rasterio.open(tmp_path / "a.tif", "w", "GTiff", 40, 30, 1, dtype="uint8", PROFILE="BASELINE")
        file.crs, file.transform = "EPSG:2193", from_origin(1570000, 5190000, 2, 2)
        file.write(numpy.zeros((1, 30, 40), "uint8"))
        file.close()
    for name in ("a.tif", "a.tif.aux.xml"):
        memory.put(f"x/{name}", (tmp_path / name).read_bytes())
    dataset = link("x/*.tif")
    with rasterio.open(tmp_path / "a.tif") as file:
        assert dataset.tiles[0].bounds == tuple(file.bounds)
        assert rasterio.crs.CRS.from_wkt(dataset.info.crs) == file.crs
    assert dataset.tiles[0].format == "geotiff"
    assert 172 < dataset.tiles[0].crs84_extent[0] < 173
    memory.put("x/a.tif.aux.xml", b"<html>no sidecar")
    with pytest.raises(UnreadableFormat, match=r"a\.tif\.aux\.xml"):
        link("x/*.tif", replace=True, path=tmp_path / "other")
