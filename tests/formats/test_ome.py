"""Microscope pictures, compared with all of their numbers."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from more_samples import cells, files_of, ome_tiff, ome_zarr, refusal
from PIL import Image

from s3magic.errors import InvalidInput
from s3magic.formats import registry
from s3magic.formats.base import Look

CYAN, MAGENTA, YELLOW = (0, 1, 1), (1, 0, 1), (1, 1, 0)
BLUE, GREEN, RED = (0, 0, 1), (0, 1, 0), (1, 0, 0)


def likeness(pixels, stack, depth, colours):
    """How well each colour of a picture follows the channels that shine in it, 1 for perfectly; the least of them."""
    height, width = pixels.shape[:2]
    total = np.zeros((height, width, 3))
    for channel, colour in zip(stack[depth].astype(float), colours, strict=True):
        low, high = np.percentile(channel, (1, 99.8))
        small = Image.fromarray(np.clip((channel - low) / (high - low), 0, 1).astype(np.float32))
        layer = np.asarray(small.resize((width, height), Image.Resampling.BOX))
        total += layer[..., None] * np.array(colour)
    return min(
        np.corrcoef(pixels[..., band].ravel(), np.clip(total[..., band], 0, 1).ravel())[0, 1] for band in range(3)
    )


@pytest.mark.parametrize("levels", [0, 1, 2])
@pytest.mark.parametrize("tile", [64, 0])
def test_the_middle_depth_in_the_colours_of_its_channels(preview, describe, levels, tile):
    stack = cells(256, 5)
    data = ome_tiff(stack, levels=levels, tile=tile, Channel={"Name": ["DAPI", "Actin", "Dots"]}, PhysicalSizeX=0.65)
    found, pixels = preview(data, "a.ome.tif", size=64)
    assert found.caption == "256 x 256 pixels, 3 channels, DAPI, Actin, Dots, depth 2 of 5"
    assert found.source == ("overview" if levels else "whole")
    assert likeness(pixels, stack, 2, (CYAN, MAGENTA, YELLOW)) > 0.75
    info = describe(data, "a.ome.tif")
    assert (info.format, info.dimensions) == ("ome-tiff", "256x256")
    assert info.details["channels"] == ["DAPI", "Actin", "Dots"]
    assert (info.details["depths"], info.details["pixel"]) == (5, "0.65 µm")


def test_a_look_chooses_channels_and_depth(reader):
    stack = np.stack([cells(128, 1)[0][:, :: 1 if depth else -1] for depth in range(3)])
    data = ome_tiff(stack)

    def pixels(**wanted):
        found = registry.find("a.ome.tif").preview(reader(data, "a.ome.tif"), size=64, look=Look(**wanted))
        return np.asarray(Image.open(io.BytesIO(found.image)).convert("RGB")).astype(int)

    assert likeness(pixels(level=0), stack, 0, (CYAN, MAGENTA, YELLOW)) > 0.75
    assert likeness(pixels(level=-1), stack, 2, (CYAN, MAGENTA, YELLOW)) > 0.75
    assert likeness(pixels(bands=(3, 2, 1)), stack[:, ::-1], 1, (RED, GREEN, BLUE)) > 0.75
    grey = pixels(bands=(2,))
    assert np.ptp(grey, axis=-1).max() < 12
    for wanted, said in (
        ({"level": 3}, "No level 3 in a.ome.tif: it has 3 of them"),
        ({"time": 1}, "No time 1"),
        ({"bands": (4,)}, "No channel 4 in a.ome.tif: it has channels 1 to 3"),
    ):
        with pytest.raises(InvalidInput, match=said):
            pixels(**wanted)


def test_colours_are_those_of_the_file(preview):
    signed = [
        int.from_bytes(bytes(colour), "big", signed=True)
        for colour in ((255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255))
    ]
    _, pixels = preview(ome_tiff(cells(), Channel={"Color": signed}), "a.ome.tif", size=64)
    assert likeness(pixels, cells(), 1, (RED, GREEN, BLUE)) > 0.75


def test_pictures_in_colour_stay_as_they_are(preview):
    stack = (cells(128, 1)[0].transpose(1, 2, 0) // 16).astype(np.uint8)
    found, pixels = preview(ome_tiff(stack, axes="YXS"), "a.ome.tif", size=64)
    assert found.caption == "128 x 128 pixels, 3 bands"
    small = np.asarray(Image.fromarray(stack).resize((64, 64))).astype(int)
    assert np.abs(pixels[..., :3] - small).mean() < 12


def test_of_many_large_planes_only_a_few_are_looked_at(reader):
    stack = np.repeat(cells(256, 1), 200, axis=0)[:, :1] + np.arange(200, dtype=np.uint16)[:, None, None, None]
    data = ome_tiff(stack, levels=0, tile=256)
    file = reader(data, "a.ome.tif", block=16 << 10, first_block=16 << 10, around=0, limit=4_000_000)
    found = registry.find("a.ome.tif").preview(file, size=64)
    assert "of 200" in found.caption
    assert file.bytes_read < len(data) / 4


@pytest.mark.parametrize(
    "text",
    [
        "<OME", '<OME><Image><Pixels SizeC="x"/></Image></OME>', "<OME/>",
        '<OME><Image><Pixels SizeZ="999999999"/></Image></OME>',
        '<!DOCTYPE a [<!ENTITY b "c">]><OME><Image><Pixels/></Image></OME>',
        '<OME><Image><Pixels DimensionOrder="ZZZ"/></Image></OME>',
        '<OME><Image><Pixels SizeC="1000000"/></Image></OME>',
        '<OME><Image><Pixels><TiffData IFD="99999999999" PlaneCount="99999999999"/></Pixels></Image></OME>',
    ],
)  # fmt: skip
def test_nonsense_in_its_description_makes_it_a_plain_picture_or_none(describe, text):
    out = io.BytesIO()
    tifffile.imwrite(out, cells(64, 1)[0, 0], description=text, metadata=None)
    assert describe(out.getvalue(), "a.tif").dimensions == "64x64"
    refused = refusal(registry.find("a.tif").preview, out)
    assert refused is None or "planes" in refused.message


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_ome_zarr_by_its_smallest_level(tmp_path, version):
    files = ome_zarr(tmp_path, version=version)
    found = registry.find(files.name).preview(files, size=64)
    assert found.caption == "256 x 256 pixels, 3 channels, DAPI, GFP, RFP, depth 1 of 3"
    assert (found.source, found.width) == ("overview", 64)
    assert not [path for path in files.asked if path.startswith(("0/c/", "1/c/", "0/0", "1/0"))]
    pixels = np.asarray(Image.open(io.BytesIO(found.image)).convert("RGB")).astype(int)
    assert likeness(pixels, cells(256), 1, (BLUE, GREEN, RED)) > 0.75
    info = registry.find(files.name).describe(files)
    assert (info.format, info.dimensions) == (f"ome-zarr-{3 if version == '0.5' else 2}", "256x256")
    assert info.details["channels"] == ["DAPI", "GFP", "RFP"]


def test_the_first_image_of_a_plate(tmp_path):
    import zarr

    ome_zarr(tmp_path / "A" / "1" / "0")
    root = zarr.open_group(tmp_path, mode="a")
    root.attrs["ome"] = {"plate": {"wells": [{"path": "A/1"}, {"path": "A/2"}]}}
    root.require_group("A/1").attrs["ome"] = {"well": {"images": [{"path": "0"}]}}
    files = files_of(tmp_path, "plate.ome.zarr")
    assert registry.find(files.name).preview(files).caption.endswith("depth 1 of 3, first well")
    assert registry.find(files.name).describe(files).details["shown"] == "first well"
