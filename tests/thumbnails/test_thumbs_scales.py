"""Pictures of one quantity share a scale, and say what it is."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

from s3magic.errors import InvalidInput
from s3magic.formats import drawing, registry
from s3magic.formats.base import PLAIN, Look, TileInfo
from s3magic.store.credentials import Location
from s3magic.store.memory import MemoryStore
from s3magic.thumbnails.decoding import decode
from s3magic.thumbnails.gallery import Gallery
from s3magic.thumbnails.presign import LinkMaker
from s3magic.thumbnails.scales import Scale


class RampFormat:
    """Files named ``.ramp`` hold a quantity, and where its ramp begins and ends."""

    name, suffixes, is_folder = "ramp", (".ramp",), False
    reads = 0

    def describe(self, file):
        return TileInfo("grid", "ramp")

    def preview(self, file, *, size=160, look=PLAIN):
        type(self).reads += 1
        file.seek(0)
        title, low, high = file.read().decode().split()
        if look.var not in (None, title):
            raise InvalidInput(f"No variable {look.var}: it has {title}")
        values = np.linspace(float(low), float(high), 101)[None, :] + np.zeros((9, 1))
        return drawing.field(
            values, size=101, caption=title, source="slice", quantity=f"{title} K" if title != "other" else "",
            title=title, units="K", signed=title == "anomaly",
        )  # fmt: skip


@pytest.fixture
def ramps(monkeypatch):
    """A maker of galleries of ramps, ``ramps({name: content})``."""
    form = RampFormat()
    monkeypatch.setattr(registry, "find", lambda name: form if name.endswith(".ramp") else None)

    def make(files, **options):
        store = MemoryStore("teaching")
        for name, text in files.items():
            store.put(f"d/{name}.ramp", text.encode())
        signer = LinkMaker(lambda _: Location(), lambda: None)
        return Gallery("s3://teaching/d/", opener=lambda _: store, signer=signer, decoder=decode, **options).wait()

    return make


def middle(item):
    """The colours along the middle of an item's picture."""
    image = Image.open(io.BytesIO(item.thumbnail)).convert("RGBA")
    return np.asarray(image).astype(int)[image.height // 2]


def test_equal_values_have_equal_colours_on_every_tile(ramps):
    cold, warm = ramps({"cold": "t 0 100", "warm": "t 50 150"}).items
    # 75 is three quarters along the one and a quarter along the other.
    assert np.abs(middle(cold)[75] - middle(warm)[25]).max() <= 6
    assert np.abs(middle(cold)[25] - middle(warm)[25]).max() > 40


def test_each_may_have_its_own(ramps):
    gallery = ramps({"cold": "t 0 100", "warm": "t 50 150"}, scale="each")
    cold, warm = gallery.items
    assert np.abs(middle(cold) - middle(warm)).max() <= 6
    html = gallery._repr_html_()
    assert "s3m-scale" not in html.partition("</style>")[2]
    assert html.count('class="s3m-own"') == 2
    assert "Colours: t (K) from 51 to 149" in html.replace("52", "51").replace("148", "149")


def test_a_page_has_one_bar_for_each_quantity(ramps):
    gallery = ramps({"a": "t 0 100", "b": "t 50 150", "c": "anomaly -1 3", "d": "other 0 1"})
    html = gallery._repr_html_()
    labels = re.findall(r'class="s3m-scale" role="img" aria-label="([^"]*)"', html)
    assert [label.split(" from ")[0] for label in labels] == ["Colours: anomaly (K)", "Colours: t (K)"]
    low, high = (float(number) for number in labels[0].split(" from ")[1].split(" to "))
    assert low == -high == pytest.approx(-2.92, abs=0.1)
    assert html.count('class="s3m-own"') == 1  # what cannot be compared has its own


def test_a_scale_takes_no_read(ramps):
    gallery = ramps({"a": "t 0 100", "b": "t 50 150"})
    read, reads = gallery.bytes_read, RampFormat.reads
    first = gallery.items[0].thumbnail
    ends = gallery.scales.shared
    gallery.scales.add(gallery.items[1].preview.field)
    assert gallery.scales.shared == ends
    assert gallery.items[0].thumbnail == first
    assert (gallery.bytes_read, RampFormat.reads) == (read, reads)


def test_the_large_view_has_the_colours_of_its_tile(ramps):
    gallery = ramps({"cold": "t 0 100", "warm": "t 50 150"})
    for item in gallery.items:
        large = Image.open(io.BytesIO(gallery.enlarge(item).image)).convert("RGBA")
        pixels = np.asarray(large).astype(int)[large.height // 2]
        assert np.abs(pixels[:: len(pixels) // 101][:101] - middle(item)).max() <= 6


def test_pages_go_on_in_the_same_scale(ramps):
    gallery = ramps({"a": "t 0 100", "b": "t 50 300"}, limit=1)
    before = gallery.scales.shared[0]
    gallery.page(2).wait()
    after = gallery.scales.shared[0]
    assert after.low == before.low
    assert after.high > before.high + 100


def test_a_variable_that_is_not_there_is_told_on_the_tile(ramps):
    gallery = ramps({"a": "t 0 100", "b": "p 0 1"}, wanted=Look(var="p"))
    first, second = gallery.items
    assert first.error == "No variable p: it has t"
    assert second.error is None
    assert "No variable p: it has t" in gallery._repr_html_()


def test_another_look_is_another_picture_in_the_cache(ramps, tmp_path):
    files, cache = {"a": "t 0 100"}, tmp_path / "cache"
    ramps(files, cache=cache)
    begun = RampFormat.reads
    kept = ramps(files, cache=cache).items[0]
    assert RampFormat.reads == begun
    assert kept.preview.field.title == "t"
    ramps(files, cache=cache, wanted=Look(var="t"))
    assert RampFormat.reads == begun + 1


def test_a_scale_that_is_none_is_refused(ramps):
    with pytest.raises(InvalidInput, match="everyone"):
        ramps({}, scale="everyone")


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 100, (0, 20, 40, 60, 80, 100)),
        (-7.2, 9, (-5, 0, 5)),
        (226.1, 308.2, (240, 260, 280, 300)),
        (0.031, 0.062, (0.04, 0.05, 0.06)),
        (5, 5, ()),
        (-1e308, 1e308, ()),
        (0, 1e-323, ()),
    ],
)
def test_ticks_are_round_and_few(low, high, ticks):
    assert Scale("t", "K", low, high).ticks == pytest.approx(ticks)
