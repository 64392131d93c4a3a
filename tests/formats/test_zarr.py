"""Zarrs: a slice of a variable from few of their chunks, compared with all of the numbers."""

from __future__ import annotations

import io
import json
import pickle

import numpy as np
import pytest
import zarr
from more_samples import Files, files_of, refusal, wave, zarr_group
from PIL import Image

from s3magic.errors import InvalidInput, UnreadableFormat
from s3magic.formats import registry
from s3magic.formats.base import Look

ZARR = registry.find("a.zarr")


def likeness(preview, values):
    """How well the brightness of a picture follows rows and columns of numbers, 1 for perfectly."""
    pixels = np.asarray(Image.open(io.BytesIO(preview.image)).convert("RGBA")).astype(int)
    height, width = pixels.shape[:2]
    shown = pixels[..., 3] > 0
    wanted = np.asarray(Image.fromarray(values.astype(np.float32)).resize((width, height), Image.Resampling.BOX))
    return np.corrcoef((pixels[..., :3] @ (0.3, 0.6, 0.1))[shown], wanted[shown])[0, 1]


@pytest.mark.parametrize("version", [2, 3])
def test_a_slice_north_up(tmp_path, version):
    files = zarr_group(tmp_path, version=version)
    found = ZARR.preview(files)
    assert found.caption.startswith("tas (K), 3 x 36 x 72, time 0")
    globe = wave(np.linspace(87.5, -87.5, 36)[:, None], (2.5 + 5 * np.arange(72))[None, :])
    assert max(likeness(found, globe), likeness(found, np.roll(globe, 36, axis=1))) > 0.97
    chunks = [path for path in files.asked if path.startswith("tas/") and not path.endswith(("json", "y", "s", "p"))]
    assert len(set(chunks)) == 4
    info = ZARR.describe(files)
    assert (info.kind, info.format, info.dimensions) == ("grid", f"zarr-{version}", "72x36")
    assert info.crs84_extent == (-180.0, -90.0, 180.0, 90.0)
    assert info.details["variables"] == {"tas": "3 x 36 x 72 K"}


def test_a_look_chooses_variable_and_time(tmp_path):
    files = zarr_group(tmp_path)
    assert "time 2" in ZARR.preview(files, look=Look(var="tas", time=2)).caption
    with pytest.raises(InvalidInput, match="it has tas"):
        ZARR.preview(files, look=Look(var="pr"))


def test_of_a_huge_array_the_middle_is_shown(tmp_path):
    array = zarr.create_array(str(tmp_path), shape=(200_000, 300_000), chunks=(200, 200), dtype="f4", fill_value=0)
    array[99_000:101_000, 149_000:151_000] = np.add.outer(np.arange(2000), 3 * np.arange(2000))
    files = files_of(tmp_path)
    found = ZARR.preview(files)
    assert "the middle of it" in found.caption
    assert len(files.asked) < 80
    assert likeness(found, np.add.outer(np.arange(1600), 3 * np.arange(1600))) > 0.97
    assert ZARR.describe(files).details["variables"] == {"array": "200000 x 300000"}


def test_a_shard_is_read_in_part(tmp_path):
    chance = np.random.default_rng(1)
    array = zarr.create_array(str(tmp_path), shape=(8, 64, 64), chunks=(1, 64, 64), shards=(8, 64, 64), dtype="f4")
    values = chance.normal(size=(8, 64, 64)).astype("f4").cumsum(axis=2)
    array[:] = values
    files = files_of(tmp_path)
    assert likeness(ZARR.preview(files, size=64), values[0]) > 0.95
    assert files.bytes_read < sum(map(len, files.files.values())) / 3


def test_groups_within_groups(tmp_path):
    root = zarr.open_group(tmp_path, mode="w")
    for name in ("first", "second"):
        root.create_group(name).create_array("x", data=np.add.outer(np.arange(20.0), np.arange(30.0)))
    assert list(ZARR.describe(files_of(tmp_path)).details["variables"]) == ["first/x", "second/x"]


def test_numbers_that_stand_for_nothing_are_transparent(tmp_path):
    import base64
    import struct

    values = np.add.outer(np.arange(40.0), np.arange(40.0)).astype("f4")
    values[:20] = -5
    fill = base64.b64encode(struct.pack("<d", -5)).decode()
    zarr.open_group(tmp_path, mode="w").create_array("x", data=values, attributes={"_FillValue": fill})
    pixels = np.asarray(Image.open(io.BytesIO(ZARR.preview(files_of(tmp_path)).image)).convert("RGBA"))
    assert pixels[:75, :, 3].max() == 0
    assert pixels[85:, :, 3].min() == 255


class _Run:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def array(**changes):
    said = {"zarr_format": 2, "shape": [4, 4], "chunks": [4, 4], "dtype": "<f4", "compressor": None, "fill_value": 0,
            "order": "C", "filters": None}  # fmt: skip
    return json.dumps({**said, **changes}).encode()


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"zarr.json": b""},
        {"zarr.json": b"[]"},
        {"zarr.json": b"{"},
        {"zarr.json": b'{"zarr_format":3,"node_type":"group"}'},
        {"zarr.json": b'{"zarr_format":3,"node_type":"array"}'},
        {"zarr.json": b"[" * 100_000},
        {".zarray": array(dtype="|O", filters=[{"id": "json2"}]), "0.0": b"[1]"},
        {".zarray": array(compressor={"id": "no such codec"}), "0.0": b"x"},
        {".zarray": array(compressor={"id": "zlib"}), "0.0": b"no zlib"},
        {".zarray": array(), "0.0": b"too short"},
        {".zarray": array(shape=[2**40, 2**40], chunks=[2**40, 2**40]), "0.0": b"x"},
        {".zarray": array(shape=[-4, 4])},
        {".zarray": array(chunks=[0, 4])},
        {".zarray": array(dtype="nonsense")},
        {".zgroup": b'{"zarr_format":2}', ".zattrs": b'{"multiscales":[{"datasets":[{"path":"../../x"}]}]}'},
        {".zgroup": b'{"zarr_format":2}', ".zattrs": b'{"multiscales":[{"axes":["y","x"],"datasets":[{"path":"0"}]}]}'},
    ],
)
def test_hostile_and_broken_ones_are_refused(files):
    with pytest.raises(UnreadableFormat, match=r"a\.zarr") as error:
        ZARR.preview(Files(files))
    assert error.value.hint


@pytest.mark.parametrize(
    "said",
    [
        {"filters": [{"id": "pickle"}]},
        {"filters": [{"id": "PICKLE"}]},
        {"compressor": {"id": "pickle"}},
        {"dtype": "|O", "filters": [{"id": "pickle"}]},
        {"filters": [{"id": "delta", "dtype": "<f4"}, {"id": "\\u0070ickle"}]},
    ],
)
def test_no_pickle_is_ever_opened(tmp_path, said):
    made = tmp_path / "made"
    document = array(**said).replace(b"\\\\u", b"\\u")
    files = Files({".zarray": document, "0.0": pickle.dumps(_Run(made))})
    for question in (ZARR.describe, ZARR.preview):
        assert "pickle, which is not opened here" in refusal(question, files).hint.lower()
    for name in ("x", "attributes"):
        inner = json.dumps({"zarr_format": 3, "node_type": "group", "consolidated_metadata": {
            "metadata": {"zarr_format": {}, name: json.loads(document)}}}).encode()  # fmt: skip
        assert "pickle, which is not opened here" in refusal(ZARR.describe, Files({"zarr.json": inner})).hint.lower()
    assert not made.exists()


def test_every_missing_or_broken_part_is_told(tmp_path):
    whole = zarr_group(tmp_path, rows=12, columns=24, chunk=(1, 6, 12))
    for path in whole.files:
        for data in (None, b"", b"\xff" * 40, whole.files[path][: len(whole.files[path]) // 2]):
            files = {key: value for key, value in whole.files.items() if key != path}
            for question in (ZARR.describe, ZARR.preview):
                refusal(question, Files(files if data is None else {**files, path: data}))


def test_what_the_folder_refuses_comes_through(tmp_path):
    class Closed(Files):
        def read(self, path, start=0, stop=None):
            if path.startswith("tas/c"):
                raise PermissionError("not yours")
            return super().read(path, start, stop)

    with pytest.raises(PermissionError):
        ZARR.preview(Closed(zarr_group(tmp_path).files))
