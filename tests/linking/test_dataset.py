"""The dataset as an object: opened again, shown as a card."""

from __future__ import annotations

import os

import pytest

from s3magic.errors import LinkError
from s3magic.linking.dataset import LinkedDataset


@pytest.mark.usefixtures("clouds")
def test_a_dataset_is_opened_by_its_folder(link):
    made = link("tiles/*.laz")
    again = LinkedDataset(str(made.path))
    assert again.tiles == made.tiles
    assert os.fspath(again) == str(made.path)
    assert len(again.footprints()["features"]) == 5
    assert repr(again) == f"<LinkedDataset {str(made.path)!r}: 5 point-cloud tiles, {sum_text(made)}>"


def sum_text(dataset):
    return f"{sum(tile.size for tile in dataset.tiles) / 1000:.1f} kB"


def test_what_is_no_dataset_is_told(tmp_path):
    with pytest.raises(LinkError, match="No linked tiles in"):
        LinkedDataset(tmp_path)


@pytest.mark.usefixtures("clouds")
def test_the_card_tells_what_is_there(link):
    dataset = link("tiles/*.laz")
    dataset.fetch(match="t[01]*")
    card = dataset._repr_html_()
    assert "5 (5 laz-1.2)" in card
    assert "NZGD2000 / New Zealand Transverse Mercator 2000" in card
    assert "2 files, 3 pointers" in card
    assert card.count("<svg") == 1
    assert "s3://teaching/tiles/*.laz" in card


def test_the_card_escapes_what_comes_from_s3(memory, link, tmp_path):
    memory.put("x/<script>.txt", b"x")
    card = link("x/*", hash="never", path=tmp_path / "<b>")._repr_html_()
    assert "<b>" not in card
    assert "1, filled in when fetched" in card
    assert "<svg" not in card
