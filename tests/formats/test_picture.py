from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from format_samples import encoded, exif, photo
from PIL import Image

from s3magic.errors import UnreadableFormat
from s3magic.formats import jpeg, registry
from s3magic.formats.base import Look
from s3magic.formats.picture import _MOST_PIXELS


@pytest.mark.parametrize(
    ("format_", "options"),
    [("JPEG", {}), ("PNG", {}), ("GIF", {}), ("WebP", {}), ("WebP", {"lossless": True}), ("WebP", {"exif": exif()})],
)
def test_describes_any_picture(reader, format_, options):
    file = reader(encoded(photo(), format_, **options) + bytes(1 << 20), "a.png")
    info = registry.describe(file, "a.png")  # what it is shows in its first bytes, not in its name
    assert (info.kind, info.format, info.dimensions) == ("picture", format_.lower(), "640x480")
    assert file.requests == 1


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "WebP"])
@pytest.mark.parametrize("size", [160, 320])
def test_previews_look_like_the_picture(preview, format_, size):
    found, pixels = preview(encoded(photo(), format_), f"a.{format_.lower()}", size=size)
    assert (found.width, found.height, found.source) == (size, size * 3 // 4, "whole")
    assert found.caption == f"640 x 480 pixels, {format_}"
    expected = np.asarray(photo().resize((size, size * 3 // 4)).convert("RGBA")).astype(int)
    assert np.abs(pixels - expected).mean() < 8


def test_the_cameras_thumbnail_comes_first(reader):
    small = encoded(photo(160, 120))
    data = encoded(photo(4000, 3000), exif=exif(thumbnail=small, size=(4000, 3000)), quality=95)
    file = reader(data, "a.jpg")
    found = registry.find("a.jpg").preview(file)
    assert (found.source, found.width, found.height) == ("exif", 160, 120)
    assert found.caption == "4000 x 3000 pixels, JPEG"
    assert (file.requests, file.bytes_read) == (1, 32 << 10)
    assert registry.find("a.jpg").preview(reader(data, "a.jpg"), size=320).source == "exif"


def progressive(mode="RGB", *, width=1600, height=1200, **options):
    """A grainy photograph that becomes clearer the more of it there is."""
    picture = np.asarray(photo(width, height), np.int16)
    grain = np.random.default_rng(7).normal(0, 12, (height, width, 1)).astype(np.int16)
    grainy = Image.fromarray(np.clip(picture + grain, 0, 255).astype(np.uint8))
    return encoded(grainy.convert(mode), progressive=True, quality=90, **options)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_the_first_scans_of_a_progressive_jpeg_are_enough(reader, mode, orientation):
    data = progressive(mode, exif=exif(orientation=orientation))
    file = reader(data, "a.jpg", block=16 << 10, around=0)
    found = registry.find("a.jpg").preview(file, size=150)
    assert found.source == "overview"
    assert file.bytes_read < len(data) / 5
    assert (found.width < found.height) is (orientation == 6)
    whole = registry.find("a.jpg").preview(io.BytesIO(data), size=150, look=Look(whole=True))
    assert (whole.source, whole.caption) == ("whole", found.caption)
    assert np.abs(pixels_of(found) - pixels_of(whole)).mean() < 3


@pytest.mark.parametrize("cut", [0.03, 0.3, 0.999])
def test_a_progressive_jpeg_is_read_whole_where_its_first_scans_are_not_enough(preview, cut):
    data = progressive()
    assert preview(data, "a.jpg", size=160)[0].source == "whole", "an eighth of it is too small"
    with pytest.raises(UnreadableFormat):
        preview(data[: int(len(data) * cut)], "a.jpg", size=160)


def test_scans_that_make_no_sense_are_passed_over(preview):
    data = progressive()
    scan = data.index(b"\xff\xda")
    assert jpeg.first_scans(data)
    for place, byte in ((scan + 5, 9), (data.index(b"\xff\xc2") + 10, 9), (scan + 11, 1), (scan + 2, 255)):
        changed = bytearray(data)
        changed[place] = byte
        assert jpeg.first_scans(bytes(changed)) == b""
        with suppress(UnreadableFormat):
            assert preview(bytes(changed), "a.jpg", size=150)[0].source == "whole"


def pixels_of(found):
    return np.asarray(Image.open(io.BytesIO(found.image)).convert("RGB")).astype(int)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("from_exif", [True, False])
def test_pictures_stand_upright(preview, describe, orientation, from_exif):
    thumbnail = encoded(photo(160, 120)) if from_exif else None
    data = encoded(photo(), exif=exif(orientation=orientation, thumbnail=thumbnail, size=(640, 480)))
    found, pixels = preview(data, "a.jpg")
    turned = orientation > 4
    assert (found.source == "exif") is from_exif
    assert (found.width < found.height) is turned
    assert found.caption.startswith("480 x 640" if turned else "640 x 480")
    assert describe(data, "a.jpg").dimensions == ("480x640" if turned else "640x480")
    # Where the red corner, at the top left of the stored picture, must be seen.
    bottom, right = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}[
        orientation
    ]
    height, width = pixels.shape[:2]
    corner = pixels[height * (1 + 2 * bottom) // 4, width * (1 + 2 * right) // 4]
    assert corner[0] > 180
    assert corner[2] < 80


def test_bars_around_a_thumbnail_are_cut_off(preview):
    small = Image.new("RGB", (160, 120))
    small.paste((200, 200, 200), (0, 7, 160, 113))
    data = encoded(photo(600, 400), exif=exif(thumbnail=encoded(small), size=(600, 400)))
    found, pixels = preview(data, "a.jpg")
    assert (found.width, found.height) == (160, 106)
    assert pixels[1:-1, :, :3].min() > 120


def test_a_broken_thumbnail_is_passed_over(preview):
    block = exif(thumbnail=b"\xff\xd8\xff\xe0 no picture", size=(640, 480))
    assert preview(encoded(photo(), exif=block), "a.jpg")[0].source == "whole"


def test_broken_exif_is_passed_over(preview, describe):
    for block in (b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", exif(orientation=3)[:20], exif(orientation=99)):
        data = encoded(photo(), exif=block)
        assert describe(data, "a.jpg").dimensions == "640x480"
        assert preview(data, "a.jpg")[0].source == "whole"


@pytest.mark.parametrize(("place", "expected"), [((-36, 174), (174.5, -36.5)), ((51, -1), (-1.5, 51.5))])
def test_the_place_it_was_taken(describe, place, expected):
    lon, lat = expected
    assert describe(encoded(photo(), exif=exif(place=place)), "a.jpg").crs84_extent == (lon, lat, lon, lat)
    assert describe(encoded(photo(), "PNG", exif=exif(place=place)), "a.png").crs84_extent == (lon, lat, lon, lat)
    assert describe(encoded(photo()), "a.jpg").crs84_extent is None


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_every_mode_is_drawn(preview, mode):
    image = photo().convert("L").convert("I").convert("I;16") if mode == "I;16" else photo().convert(mode)
    format_ = "JPEG" if mode == "CMYK" else "PNG"
    found, pixels = preview(encoded(image, format_), f"a.{format_.lower()}")
    assert found.width == 160
    assert pixels[..., :3].std() > 10


def test_transparency_stays(preview):
    image = Image.new("RGBA", (100, 100), (10, 20, 30, 0))
    image.paste((10, 20, 30, 255), (0, 0, 100, 50))
    _, pixels = preview(encoded(image, "PNG"), "a.png", size=100)
    assert pixels[:45, :, 3].min() > 250
    assert pixels[55:, :, 3].max() < 5


def png(width, height):
    """A PNG whose header promises a size, with hardly any pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("side", [100_000, 2**31 - 1])
def test_absurd_sizes_are_refused(preview, side):
    with pytest.raises(UnreadableFormat, match=r"Too large to draw: a\.png"):
        preview(png(side, side), "a.png")


def test_an_absurd_webp_is_refused(preview):
    data = bytearray(encoded(photo(), "WebP", exif=exif()))
    data[24:30] = (16000).to_bytes(3, "little") * 2
    assert _MOST_PIXELS < 16001**2
    with pytest.raises(UnreadableFormat, match="16001 x 16001"):
        preview(bytes(data), "a.webp")


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "WebP"])
def test_pictures_cut_short_are_told(preview, format_):
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 255, (200, 200, 3), dtype=np.uint8))
    data = encoded(noise, format_)
    name = f"a.{format_.lower()}"
    with pytest.raises(UnreadableFormat, match=name) as error:
        preview(data[: len(data) // 2], name)
    assert error.value.hint
