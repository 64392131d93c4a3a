"""A gallery as a user meets it: in JupyterLab, by mouse and by keyboard, and in the notebook that is kept."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
CELLS = (
    "%load_ext s3magic\nbox = %s3sandbox",
    "g = %s3thumbs s3://teaching/{broken,cogs,photos}/*.{tif,jpg} --limit 8\ng",
)


@pytest.fixture
def gallery(lab):
    """Open a notebook with a gallery of the sandbox, and return the page and the gallery."""

    def open_gallery(**window):
        lab.write_notebook("gallery.ipynb", *CELLS)
        page = lab.open("gallery.ipynb", **window)
        lab.run_all(page)
        shown = page.locator(".s3m-gallery", has=page.get_by_role("textbox", name="Filter"))
        expect(shown.locator(".s3m-slot")).to_have_count(8)
        expect(shown.locator(".s3m-pending")).to_have_count(0)
        shown.scroll_into_view_if_needed()
        return page, shown

    return open_gallery


def decoded(picture) -> int:
    """Width of a picture as the browser decoded it; 0 when it could not."""
    return picture.evaluate("image => image.decode().then(() => image.naturalWidth, () => 0)")


@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
def test_tiles_are_filtered_opened_and_paged(gallery, screenshots, look):
    page, shown = gallery(dark=look == "dark", width=640 if look == "narrow" else 1280)
    pictures = shown.locator(".s3m-slot img")
    assert all(decoded(pictures.nth(index)) > 50 for index in range(pictures.count()))
    expect(shown).to_contain_text("Not readable as TIFF")
    page.screenshot(path=screenshots / f"gallery-{look}-tiles.png")
    shown.get_by_role("textbox", name="Filter").fill("relief")
    expect(shown.locator(".s3m-slot:visible")).to_have_count(4)
    shown.get_by_role("button", name="Open relief_0_0.tif").click()
    large = shown.locator(".s3m-large")
    expect(large).to_contain_text("geotiff/cog")
    assert decoded(large.locator("img")) > 400
    page.screenshot(path=screenshots / f"gallery-{look}-large.png")
    shown.get_by_role("button", name="Close").click()
    expect(large).to_be_hidden()
    shown.get_by_role("textbox", name="Filter").fill("")
    shown.get_by_role("button", name="More").click()
    expect(shown.locator(".s3m-slot:visible")).to_have_count(13)
    expect(shown.get_by_role("button", name="More")).to_be_hidden()


def test_the_keyboard_is_enough(gallery):
    page, shown = gallery()
    shown.get_by_role("button", name="Open plain.tif").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(shown).to_contain_text("1 selected")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(shown.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Enter")
    expect(shown.get_by_role("button", name="Open plain.tif")).to_be_focused()


def test_a_link_is_made_by_a_click_and_is_not_kept(gallery, lab):
    page, shown = gallery()
    shown.get_by_role("button", name="Open plain.tif").click()
    expect(shown.get_by_label("link")).to_have_count(0)
    shown.get_by_role("button", name="Get link").click()
    expect(shown.get_by_label("link")).to_have_value(re.compile("X-Amz-Signature="))
    link = shown.get_by_label("link").input_value()
    assert page.request.get(link).body()[:4] in (b"II*\0", b"MM\0*")
    expect(shown).to_contain_text("save the notebook after that")
    shown.get_by_role("button", name="Close").click()
    expect(shown.get_by_label("link")).to_have_count(0)
    lab.command(page, "docmanager:save")
    assert "X-Amz" not in (lab.root / "gallery.ipynb").read_text()


def test_a_kept_notebook_shows_its_pictures_without_a_kernel(gallery, lab, screenshots):
    page, _ = gallery()
    kept = page.locator("[class^=saved-s3m-live]")
    expect(kept).to_be_hidden()
    lab.command(page, "docmanager:save")
    lab.close_pages()
    page = lab.open("gallery.ipynb")
    kept = page.locator("[class^=saved-s3m-live]")
    expect(kept.locator("figure:visible")).to_have_count(8)
    assert decoded(kept.locator("img").first) > 50
    expect(page.get_by_text("Error displaying widget")).to_be_hidden()
    page.screenshot(path=screenshots / "gallery-kept.png")
