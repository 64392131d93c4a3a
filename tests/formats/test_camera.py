from __future__ import annotations

import io

import numpy as np
import pytest
from format_samples import encoded, exif, photo
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from s3magic.formats import camera, jpeg, registry


def shot(*, sides=(160, 120), thumbnail=None, whole=(640, 480), **options):
    """A photograph with a thumbnail."""
    small = encoded(photo(*sides)) if thumbnail is None else thumbnail
    return encoded(photo(*whole), exif=exif(thumbnail=small, size=whole, **options))


def test_a_thumbnail_is_cut_out_as_it_is():
    small = encoded(photo(160, 120))
    preview, info = camera.cut(shot(thumbnail=small + b"\0\0", place=(51, -1)))
    assert preview.image == small
    assert (preview.width, preview.height, preview.media_type, preview.source) == (160, 120, "image/jpeg", "exif")
    assert preview.caption == "640 x 480 pixels, JPEG"
    assert info == registry.describe(io.BytesIO(shot(thumbnail=small + b"\0\0", place=(51, -1))), "a.jpg")


def test_it_shows_what_the_whole_picture_shows():
    preview, _ = camera.cut(shot())
    shown = np.asarray(Image.open(io.BytesIO(preview.image)).convert("RGB")).astype(int)
    whole = np.asarray(photo(640, 480).resize((160, 120)).convert("RGB")).astype(int)
    assert np.abs(shown - whole).mean() < 8


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"orientation": 6}, 160),
        ({"sides": (160, 120), "whole": (600, 400)}, 160),
        ({"sides": (60, 45)}, 160),
        ({"sides": (320, 240)}, 160),
        ({}, 400),
        ({"thumbnail": b"\xff\xd8\xff\xe0 no picture"}, 160),
        ({"thumbnail": encoded(photo(160, 120))[:-200]}, 160),
        ({"thumbnail": b""}, 160),
    ],
    ids="turned bars too-small too-large asked-larger broken cut-short none".split(),
)
def test_what_cannot_be_shown_as_it_is_is_left_to_a_decoder(options, size):
    assert camera.cut(shot(**options), size=size) is None


def test_where_the_block_ends_is_known_from_its_beginning():
    data = shot()
    end = jpeg.exif_end(data[:100])
    assert camera.cut(data[:end]) is not None
    assert camera.cut(data[: end - 100]) is None
    assert jpeg.exif_end(encoded(photo())) == 0


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_spoilt_bytes_never_raise(data):
    spoilt = bytearray(shot()[:9000])
    for _ in range(data.draw(st.integers(1, 8))):
        spoilt[data.draw(st.integers(2, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    found = camera.cut(bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))]))
    assert found is None or found[0].image.startswith(b"\xff\xd8")
