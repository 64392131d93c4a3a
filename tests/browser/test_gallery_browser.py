"""A gallery as a user meets it: in JupyterLab, by mouse and by keyboard, and in the notebook that is kept."""

from __future__ import annotations

import re

import nbformat
import pytest
from ipywidgets import Widget
from nbformat.sign import NotebookNotary
from playwright.sync_api import expect

from s3magic.notebook.gallery_view import GalleryWidget

pytestmark = pytest.mark.browser
WIDGET = "application/vnd.jupyter.widget-view+json"
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
        shown = page.locator(".s3m-view")
        expect(shown.locator(".s3m-slot")).to_have_count(8)
        expect(shown.locator(".s3m-pending")).to_have_count(0)
        shown.scroll_into_view_if_needed()
        return page, shown

    return open_gallery


def decoded(picture) -> int:
    """Width of a picture as the browser decoded it; 0 when it could not."""
    return picture.evaluate("image => image.decode().then(() => image.naturalWidth, () => 0)")


def test_tiles_are_filtered_opened_and_paged(gallery, screenshots, look):
    page, shown = gallery(dark=look != "light", width=640 if look == "narrow" else 1280)
    pictures = shown.locator(".s3m-slot img")
    assert all(decoded(pictures.nth(index)) > 50 for index in range(pictures.count()))
    expect(shown).to_contain_text("Not readable as TIFF")
    page.screenshot(path=screenshots / f"gallery-{look}-tiles.png")
    shown.get_by_role("searchbox", name="Filter").fill("relief")
    expect(shown.locator(".s3m-slot:visible")).to_have_count(4)
    shown.get_by_role("button", name="Open relief_0_0.tif").click()
    large = shown.locator(".s3m-large")
    expect(large).to_contain_text("geotiff/cog")
    assert decoded(large.locator("img")) > 400
    page.screenshot(path=screenshots / f"gallery-{look}-large.png")
    shown.get_by_role("button", name="Close").click()
    expect(large).to_be_hidden()
    shown.get_by_role("searchbox", name="Filter").fill("")
    shown.get_by_role("combobox", name="Sort by").select_option("size")
    names = shown.locator(".s3m-slot .s3m-name").all_inner_texts()
    assert (names[0], names[-1]) == ("alps-at-noon.jpg", "empty.jpg")
    shown.get_by_role("button", name="Next page").click()
    expect(shown).to_contain_text("page 2 of 2")
    expect(shown.locator(".s3m-slot:visible")).to_have_count(5)
    expect(shown.locator(".s3m-pending")).to_have_count(0)
    expect(shown.get_by_role("button", name="Next page")).to_be_hidden()


def test_the_keyboard_is_enough(gallery):
    page, shown = gallery()
    shown.get_by_role("searchbox", name="Filter").focus()
    for _ in range(5):  # over the tools to the first tile
        page.keyboard.press("Tab")
    expect(shown.get_by_role("button", name="Open empty.jpg")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    expect(shown.get_by_role("button", name="Open plain.tif")).to_be_focused()
    page.keyboard.press("Space")
    expect(shown).to_contain_text("1 selected")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(shown.get_by_text("1 selected")).to_be_hidden()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(shown.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(shown.get_by_role("button", name="Open plain.tif")).to_be_focused()
    page.keyboard.press("Control+a")
    expect(shown).to_contain_text("8 selected")
    shown.get_by_role("button", name="Link").click()
    expect(shown.get_by_label("line for a cell")).to_have_value(re.compile(r"^%s3link add s3://teaching/.* linked$"))
    shown.get_by_role("button", name="Select none").click()
    expect(shown.get_by_text("8 selected")).to_be_hidden()
    expect(shown.get_by_role("checkbox", checked=True)).to_have_count(0)
    assert page.locator(".jp-Cell").count() == 2  # no key reached the notebook


def keep_state(lab, name):
    """Write the widget's state into a notebook, as a run by nbclient does; it stays as trusted as it was."""
    path = lab.root / name
    notebook = nbformat.read(path, 4)
    identity = re.search(r"saved-(s3m-live-\w+)", path.read_text())[1]
    outputs = [output for cell in notebook.cells for output in cell.outputs if WIDGET in output.get("data", {})]
    widget = GalleryWidget(where="s3://teaching/", measures="", identity=identity)
    state = Widget.get_manager_state(widgets=[widget, widget.layout])
    state["state"][outputs[0].data[WIDGET]["model_id"]] = state["state"].pop(widget.model_id)
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": state}
    nbformat.write(notebook, path)
    NotebookNotary(data_dir=str(lab.data)).sign(nbformat.read(path, 4))


def test_no_link_outlives_its_page_and_the_pictures_outlive_the_kernel(gallery, lab, screenshots, tmp_path):
    page, shown = gallery()
    kept = page.locator("[class^=saved-s3m-live]")
    expect(kept).to_be_hidden()
    shown.get_by_role("button", name="Open alps-at-noon.jpg").click()
    expect(shown.get_by_label("link")).to_have_count(0)
    shown.get_by_role("button", name="Get link").click()
    expect(shown.get_by_label("link")).to_have_value(re.compile("X-Amz-Signature="))
    link = shown.get_by_label("link").input_value()
    assert page.request.get(link).body()[:3] == b"\xff\xd8\xff"

    large = shown.locator(".s3m-large img")
    shown.get_by_role("button", name="Original").click()
    expect(large).to_have_attribute("src", re.compile("X-Amz-Signature="))
    assert decoded(large) == 2400
    shown.get_by_role("button", name="Close").click()
    page.route("**/*X-Amz-Signature=*", lambda route: route.abort())  # as on a hub far from the store
    shown.get_by_role("button", name="Open alps-at-noon.jpg").click()
    shown.get_by_role("button", name="Original").click()
    expect(shown).to_contain_text("came through the kernel: 1600 x 1067 pixels")
    assert decoded(large) == 1600
    page.screenshot(path=screenshots / "gallery-through-the-kernel.png")

    lab.command(page, "docmanager:save")
    written = (lab.root / "gallery.ipynb").read_text()
    assert "X-Amz" not in written
    assert len(written) < 400_000
    lab.close_pages()
    keep_state(lab, "gallery.ipynb")
    page = lab.open("gallery.ipynb")
    kept = page.locator("[class^=saved-s3m-live]")
    expect(kept.locator("figure:visible")).to_have_count(8)
    assert decoded(kept.locator("img").first) > 50
    expect(page.get_by_text("Error displaying widget")).to_be_hidden()
    expect(page.locator(".s3m-view:visible")).to_have_count(0)
    page.screenshot(path=screenshots / "gallery-kept.png")

    from nbconvert import HTMLExporter

    exported = tmp_path / "gallery.html"
    exported.write_text(HTMLExporter().from_filename(str(lab.root / "gallery.ipynb"))[0])
    page.context.set_offline(True)
    page.goto(exported.as_uri())
    figures = page.locator("[class^=saved-s3m-live] figure:visible")
    expect(figures).to_have_count(8)
    assert decoded(figures.locator("img").first) > 50
    page.screenshot(path=screenshots / "gallery-exported.png", full_page=True)
