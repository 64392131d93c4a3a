"""A tile of every format as a browser shows it, by day and by night; the pictures are kept for whoever looks."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

sys.path.insert(0, str(Path(__file__).parents[1] / "formats"))
import format_samples as plain
import more_samples as more

pytestmark = pytest.mark.browser


def write_samples(folder):
    """Put a file of each format into a folder; return how many."""
    folder.mkdir()
    y, x = np.mgrid[0:120, 0:160] / 40
    relief = (400 + 300 * np.sin(x) * np.cos(y)).astype("f4")
    relief[:20, :30] = -9999
    plain.netcdf4(folder / "months.nc")
    anomaly = np.sin(np.linspace(0, 6, 36))[:, None] * np.cos(np.linspace(0, 9, 72))[None, :]
    files = {
        "photo.jpg": plain.encoded(plain.photo()),
        "photo.png": plain.encoded(plain.photo(), "PNG"),
        "photo.webp": plain.encoded(plain.photo(), "WEBP"),
        "photo.gif": plain.encoded(plain.photo().quantize(), "GIF"),
        "relief_a.tif": plain.geotiff(relief, nodata=-9999),
        "relief_b.tif": plain.geotiff(np.where(relief < 0, relief, relief / 2 + 500), nodata=-9999),
        "cog.tif": plain.cog((relief * 10).clip(0).astype("u2")),
        "classic.nc": plain.netcdf3(),
        "field.pp": plain.pp(plain.temperatures()),
        "wind.pp": plain.pp(anomaly.astype("f4"), stash=2),
        "hills.las": plain.las(),
        "hills.laz": plain.las(compress=True),
        "hills.copc.laz": plain.copc(),
        "broken.laz": plain.las(compress=True)[:900],
        "notes.xyz": b"no format of ours",
        **more.samples(),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return len(files) + 1


def test_every_format_has_its_picture(lab, screenshots, tmp_path):
    count = write_samples(tmp_path / "samples")
    lab.write_notebook(
        "formats.ipynb",
        f"%load_ext s3magic\nimport s3magic\nbox = s3magic.sandbox(data={str(tmp_path / 'samples')!r})",
        "%s3thumbs s3://samples/",
        "%s3thumbs s3://teaching/iris/**/*.pp --match '{ensemble_00[0-3],*_2161-0[1-4],air_temp,E1*}*'",
    )
    page = lab.open("formats.ipynb", height=1900)
    lab.run_all(page)
    formats, fields = (page.locator(".s3m-view").nth(index) for index in (0, 1))
    expect(formats.locator(".s3m-slot")).to_have_count(count)
    expect(page.locator(".s3m-pending")).to_have_count(0)
    without = {
        name
        for name in formats.locator(".s3m-slot:not(:has(img)) .s3m-name").all_inner_texts()
        if name not in ("broken.laz", "notes.xyz")
    }
    assert not without
    widths = formats.locator("img").evaluate_all(
        "images => Promise.all(images.map(image => image.decode().then(() => image.naturalWidth, () => 0)))"
    )
    assert min(widths) > 30
    assert all(
        formats.locator("img").evaluate_all("images => images.map(image => image.alt.startsWith('Preview of '))")
    )
    # Ten fields of three quantities: three bars, and nothing in between.
    expect(fields.locator(".s3m-slot")).to_have_count(10)
    said = fields.locator(".s3m-scale").evaluate_all("bars => bars.map(bar => bar.ariaLabel.split(' from ')[0])")
    assert sorted(said) == [
        "Colours: air_temperature (K)", "Colours: surface_temperature (K)", "Colours: x_wind (m s-1)",
    ]  # fmt: skip
    for look in ("light", "dark"):
        lab.command(page, "apputils:change-theme", theme=f"JupyterLab {look.title()}")
        page.locator(f"body[data-jp-theme-light={'true' if look == 'light' else 'false'}]").wait_for(state="attached")
        for name, shown in (("formats", formats), ("fields", fields)):
            shown.screenshot(path=screenshots / f"{name}-{look}.png")


def test_notebook_7_shows_it_too(lab, screenshots):
    lab.write_notebook(
        "plain.ipynb", "%load_ext s3magic\nbox = %s3sandbox\n%s3thumbs s3://teaching/photos/alps-at-noon.jpg"
    )
    page = lab.open("plain.ipynb", at="notebooks")
    page.get_by_role("button", name="Restart the kernel and run all cells").click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    shown = page.locator(".s3m-view")
    shown.get_by_role("button", name="Open alps-at-noon.jpg").click()
    expect(shown.locator(".s3m-large")).to_contain_text("2400 x 1600")
    page.screenshot(path=screenshots / "gallery-notebook-7.png")
