"""Videos: the first key frame, compared with that of the whole file decoded."""

from __future__ import annotations

import io
import struct

import av
import numpy as np
import pytest
from more_samples import scene, video
from PIL import Image

from s3magic.errors import UnreadableFormat
from s3magic.formats import registry
from s3magic.formats.video import duration


def first_frame(data, size):
    """The first frame of all that a plain reading of the file gives, made small by Pillow."""
    with av.open(io.BytesIO(data)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.asarray(Image.fromarray(frames[0]).resize(size)).astype(int)


def without_badge(pixels):
    return pixels[: pixels.shape[0] * 3 // 4, :, :3]


@pytest.mark.parametrize(
    ("container", "codec", "name", "format_", "title"),
    [
        ("mp4", "mpeg4", "a.mp4", "mp4/mpeg4", "MPEG-4"),
        ("mp4", "libx264", "a.m4v", "mp4/h264", "H.264"),
        ("mov", "mpeg4", "a.mov", "quicktime/mpeg4", "MPEG-4"),
        ("webm", "libvpx", "a.webm", "webm/vp8", "VP8"),
        ("matroska", "mpeg4", "a.mkv", "matroska/mpeg4", "MPEG-4"),
    ],
)
def test_the_first_frame(preview, describe, container, codec, name, format_, title):  # noqa: PLR0917
    data = video([scene(320, 240, shift) for shift in range(16)], container=container, codec=codec)
    found, pixels = preview(data, name)
    assert (found.width, found.height, found.source) == (160, 120, "frame")
    assert found.caption == f"320 x 240 pixels, 0:02, {title}"
    assert np.abs(without_badge(pixels) - without_badge(first_frame(data, (160, 120)))).mean() < 6
    info = describe(data, name)
    assert (info.kind, info.format, info.dimensions) == ("video", format_, "320x240")
    assert (info.details["duration"], info.details["frames a second"]) == ("0:02", 8.0)


def test_small_videos_are_not_made_larger(preview):
    found, _ = preview(video(), "a.mp4", size=800)
    assert (found.width, found.height) == (64, 48)


def test_little_is_read_though_the_index_stands_at_the_end(reader):
    chance = np.random.default_rng(1)
    noise = [chance.integers(0, 255, (240, 320, 3), dtype=np.uint8) for _ in range(40)]
    data = video(noise, codec="mpeg4", rate=4, b="8000000")
    assert data.find(b"moov") > data.find(b"mdat")
    assert len(data) > 2_000_000
    file = reader(data, "a.mp4", block=64 << 10)
    found = registry.find("a.mp4").preview(file)
    assert "0:10" in found.caption
    assert file.bytes_read < len(data) / 5
    whole = registry.find("a.mp4").preview(io.BytesIO(data))
    assert whole.image == found.image


def test_a_black_beginning_is_passed_over(preview):
    black = [np.zeros((48, 64, 3), np.uint8)] * 12
    data = video([*black, *[scene()] * 52], g="4")
    _, pixels = preview(data, "a.mp4")
    assert np.abs(without_badge(pixels) - without_badge(scene().astype(int))).mean() < 12
    _, pixels = preview(video(black * 4), "a.mp4")  # all black: then that is how it looks
    assert pixels[..., :3].max() < 20


def test_a_playlist_under_a_videos_name_opens_nothing(preview, tmp_path):
    (tmp_path / "other.mp4").write_bytes(video())
    for text in (
        f"#EXTM3U\n#EXTINF:1,\nfile://{tmp_path}/other.mp4\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{tmp_path}/other.mp4'\n",
        f"v=0\nc=IN IP4 127.0.0.1\n{tmp_path}",
    ):
        for name in ("a.mp4", "a.mkv"):
            with pytest.raises(UnreadableFormat, match="Not readable as video"):
                preview(text.encode(), name)


def test_what_is_no_picture_is_told(preview, describe):
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(UnreadableFormat, match="Not readable as video") as error:
        preview(out.getvalue(), "a.mp4")
    assert "no video" in error.value.hint
    data = video()
    with pytest.raises(UnreadableFormat):
        describe(data[: len(data) // 2], "a.mp4")  # its index is in the half that is missing


def test_what_was_filmed_upright_stands_upright(preview):
    one, minus = 0x10000, 0xFFFF0000
    data = video()
    flat = struct.pack(">9I", one, 0, 0, 0, one, 0, 0, 0, 1 << 30)
    for matrix, turns in (((0, one, 0, minus, 0), -1), ((minus, 0, 0, 0, minus), 2), ((0, minus, 0, one, 0), 1)):
        at = data.index(flat, data.index(b"tkhd"))
        turned = struct.pack(">9I", *matrix, 0, 48 << 16, 0, 1 << 30)
        found, pixels = preview(data[:at] + turned + data[at + 36 :], "a.mp4")
        wanted = np.rot90(scene(), turns).astype(int)
        assert pixels.shape[:2] == wanted.shape[:2]
        assert found.caption.startswith("64 x 48" if turns == 2 else "48 x 64")
        assert np.abs(without_badge(pixels) - without_badge(wanted)).mean() < 12


def test_lengths_of_time():
    assert [duration(seconds) for seconds in (0.4, 59.6, 754, 3725.4)] == ["0:00", "1:00", "12:34", "1:02:05"]
