"""Tiles that do not fit together: refused with the odd ones named, or each kind in a folder of its own."""

from __future__ import annotations

import pytest

from s3magic.errors import LinkError, TilesFailed
from s3magic.linking.dataset import LinkedDataset


@pytest.fixture
def mixed(memory, laz, tif):
    """Three clouds in one CRS, one in another, one of another schema, two rasters, one of them with a sidecar."""
    for number in range(3):
        memory.put(f"m/a{number}.laz", laz(1754000.0 + 100 * number))
    memory.put("m/b.laz", laz(epsg=32760))
    memory.put("m/c.laz", laz(point_format=1))
    memory.put("m/d.tif", tif())
    memory.put("m/e.tif", tif(7.0))
    memory.put("m/d.tif.aux.xml", b"<PAMDataset/>")
    memory.put("m/readme.txt", b"read me")


def names(dataset):
    return [tile.name for tile in dataset.tiles]


@pytest.mark.usefixtures("mixed")
def test_each_kind_has_a_folder_that_says_what_it_holds(link):
    datasets = link("m/", split=True)
    assert {one.path.name: names(one) for one in datasets if "epsg-2193-" not in one.path.name} == {
        "file": ["readme.txt"],
        "point-cloud-epsg-2193": ["a0.laz", "a1.laz", "a2.laz"],
        "point-cloud-epsg-32760": ["b.laz"],
        "raster-epsg-4326": ["d.tif", "d.tif.aux.xml", "e.tif"],
    }
    (other,) = [one for one in datasets if "epsg-2193-" in one.path.name]
    assert names(other) == ["c.laz"]
    assert datasets["file"].info.selection == {"split": True}
    with pytest.raises(LinkError, match="No sub-folder 'grid'"):
        datasets["grid"]
    assert "5 datasets" in repr(datasets)
    assert "raster-epsg-4326" in datasets._repr_html_()
    assert not (link.path / ".s3link").exists()
    with pytest.raises(LinkError, match="No linked tiles in") as caught:
        LinkedDataset(link.path)
    assert "raster-epsg-4326" in caught.value.hint


@pytest.mark.usefixtures("mixed")
def test_a_sidecar_that_comes_later_joins_its_tile(link, memory):
    link("m/", split=True)
    memory.put("m/e.tif.aux.xml", b"<PAMDataset/>")
    datasets = link("m/", split=True)
    assert names(datasets["raster-epsg-4326"]) == ["d.tif", "d.tif.aux.xml", "e.tif", "e.tif.aux.xml"]


@pytest.mark.usefixtures("mixed")
def test_the_same_tiles_give_the_same_folders(link, tmp_path, tree):
    link("m/", split=True)
    before = tree(link.path)
    link("m/", split=True)
    assert tree(link.path) == before
    link("m/", split=True, path=tmp_path / "other")
    assert tree(tmp_path / "other") == before


@pytest.mark.usefixtures("mixed")
def test_what_comes_later_finds_its_folder(memory, laz, link):
    link("m/", split=True)
    memory.put("m/b2.laz", laz(epsg=32760))
    datasets = link("m/", split=True)
    assert len(datasets) == 5
    assert names(datasets["point-cloud-epsg-32760"]) == ["b.laz", "b2.laz"]


@pytest.mark.usefixtures("mixed")
def test_a_new_version_moves_a_tile_to_the_folder_it_fits_now(memory, laz, link):
    link("m/", split=True, checkout=True)
    memory.put("m/a1.laz", laz(epsg=32760))
    datasets = link("m/", split=True, replace=True, checkout=True)
    assert names(datasets["point-cloud-epsg-2193"]) == ["a0.laz", "a2.laz"]
    assert names(datasets["point-cloud-epsg-32760"]) == ["a1.laz", "b.laz"]
    assert not (link.path / "point-cloud-epsg-2193" / "a1.laz").exists()
    assert all(one.status().local.keys() == {"file"} for one in datasets)


@pytest.mark.usefixtures("mixed")
def test_one_bad_tile_costs_itself_alone(memory, link):
    memory.put("m/bad.laz", b"none")
    with pytest.raises(TilesFailed, match=r"bad\.laz"):
        link("m/", split=True)
    assert len(LinkedDataset(link.path / "point-cloud-epsg-2193").tiles) == 3


@pytest.mark.usefixtures("mixed")
def test_whole_and_split_do_not_mix(link):
    link("m/a*.laz")
    with pytest.raises(LinkError, match="is one dataset"):
        link("m/a*.laz", split=True)


def test_very_many_odd_tiles_are_counted(memory, laz, link):
    for number in range(14):
        memory.put(f"m/a{number:02}.laz", laz(1754000.0 + 100 * number))
    for number in range(13):
        memory.put(f"m/b{number:02}.laz", laz(epsg=32760))
    with pytest.raises(LinkError, match="and 3 more") as caught:
        link("m/")
    assert "b09.laz" in caught.value.message
    assert "b10.laz" not in caught.value.message
    assert "--split" in caught.value.hint
