"""The tree of the side panel as a user meets it: opened, paged, filtered, and its menu at work."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

SANDBOX = "%load_ext s3magic\nbox = %s3sandbox"
MANY = """import s3magic
from concurrent.futures import ThreadPoolExecutor
store = s3magic.api.connection().store("scratch")
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda n: store.put(f"many/tile_{n:04}.txt", b"x"), range(205)))
    list(pool.map(lambda name: store.put(f"odd/{name}", b"x" * 4321), [
        "<img src=x onerror=window.hacked=1>.png", "line\\nbreak.txt", "\\u202egpj.exe", "عربي.txt", "n" * 1000,
        "a [b]*.laz", "folder/inside.txt"]))"""
WHO = """s3magic.connect("keys", access_key_id=box.users["{0}"].access_key_id,
    secret_access_key=box.users["{0}"].secret_access_key, endpoint_url=box.endpoint_url, region="us-east-1")"""


def item(shown, name):
    return shown.get_by_role("treeitem", name=name, exact=True)


def choose(page, node, entry):
    """Take an entry of a node's menu."""
    node.click(button="right")
    page.locator(".s3magic-Menu").get_by_text(entry, exact=True).click()


def cell(page, number):
    return page.locator(".jp-Notebook .jp-CodeCell").nth(number)


def walk_by_keys(page, shown, start):
    start.press("m")  # as typed in a list of files
    expect(item(shown, "many")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(item(shown, "many")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowRight")
    expect(item(shown, "tile_0000.txt")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(item(shown, "many")).to_have_attribute("aria-expanded", "false")


def test_a_bucket_is_opened_paged_filtered_and_used(lab, panel, screenshots):
    page, shown = panel("tree.ipynb", SANDBOX, MANY)
    lab.run_all(page)
    item(shown, "scratch").click()
    item(shown, "many").click()
    expect(item(shown, "tile_0199.txt")).to_be_visible()
    expect(item(shown, "tile_0200.txt")).to_have_count(0)
    shown.get_by_role("treeitem", name="More …").click()
    expect(item(shown, "tile_0204.txt")).to_be_attached()
    expect(shown.get_by_role("treeitem", name="More …")).to_have_count(0)
    item(shown, "many").click()

    item(shown, "teaching").click()
    item(shown, "photos").click()
    photo = item(shown, "alps-at-noon.jpg")
    expect(photo.locator(".s3magic-Size")).to_have_text(re.compile(r"^\d+(\.\d)? [kM]B$"))
    page.screenshot(path=screenshots / "tree.png")
    photo.click(button="right")
    page.screenshot(path=screenshots / "tree-menu.png")
    page.keyboard.press("Escape")

    walk_by_keys(page, shown, photo)
    shown.get_by_role("searchbox", name="Filter by name").fill("alps")
    expect(item(shown, "many")).to_have_count(0)
    expect(shown.get_by_role("treeitem")).to_have_count(3)
    page.screenshot(path=screenshots / "tree-filter.png")

    choose(page, photo, "Insert Code")
    expect(cell(page, 2)).to_contain_text("Image.open(m / 'alps-at-noon.jpg')")
    expect(cell(page, 2).locator(".jp-InputPrompt")).to_have_text("[ ]:")
    shown.get_by_role("searchbox", name="Filter by name").press("Escape")
    choose(page, item(shown, "photos"), "Mount")
    expect(cell(page, 3)).to_contain_text("%s3mount s3://teaching/photos/")
    expect(shown.get_by_role("listitem")).to_contain_text("mounted, read-only")
    assert os.path.ismount(lab.root / "s3" / "teaching" / "photos")

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(page, photo, "Copy Presigned URL")
    expect(shown.get_by_role("status").last).to_contain_text("; it ends ")
    page.screenshot(path=screenshots / "tree-link.png")
    link = page.evaluate("navigator.clipboard.readText()")
    assert page.request.get(link).body()[:3] == b"\xff\xd8\xff"
    with page.expect_download() as saved:
        choose(page, photo, "Download")
    assert saved.value.suggested_filename == "alps-at-noon.jpg"
    choose(page, item(shown, "teaching"), "Check Access")
    expect(shown.get_by_role("list", name="What you may do at s3://teaching/")).to_contain_text("Read")
    page.screenshot(path=screenshots / "tree-lights.png")
    lab.command(page, "docmanager:save")
    assert "X-Amz" not in (lab.root / "tree.ipynb").read_text()


def test_what_is_denied_says_so_and_pins_outlive_a_reload(lab, panel, screenshots):
    page, shown = panel("pins.ipynb", SANDBOX, "import s3magic\n" + WHO.format("student"))
    lab.run_all(page)
    expect(shown.locator(".s3magic-Name")).to_have_text("student")
    expect(shown.locator(".s3magic-Words")).to_contain_text("buckets")
    expect(shown.get_by_role("treeitem")).to_have_count(0)
    page.screenshot(path=screenshots / "tree-denied.png")
    shown.get_by_role("button", name="Retry").press("Enter")
    expect(shown.locator(".s3magic-Words").get_by_role("button", name="Pin a bucket")).to_be_focused()
    for url in ("https://teaching/photos", "s3://teaching/photos", "private"):
        page.keyboard.press("Escape")
        shown.get_by_role("button", name="Pin a bucket").first.click()
        shown.get_by_role("textbox", name="URL of the bucket").fill(url)
        page.keyboard.press("Enter")
        expect(shown.locator(".s3magic-Notice")).to_have_text(re.compile("^Not an S3 URL" if "https" in url else "^$"))
    expect(item(shown, "private")).to_be_focused()
    page.keyboard.press("Enter")
    failure = shown.locator(".s3magic-mod-failure")
    expect(failure).to_contain_text("Retry")
    failure.click()
    expect(failure).to_contain_text("private")
    item(shown, "teaching/photos/").click()
    expect(item(shown, "alps-at-noon.jpg")).to_be_visible()
    page.screenshot(path=screenshots / "tree-pins.png")
    page.reload()
    page.get_by_text("| Idle").first.wait_for()
    lab.command(page, "s3magic:show-panel")
    item(shown, "teaching/photos/").click()
    expect(item(shown, "alps-at-noon.jpg")).to_be_visible()
    choose(page, item(shown, "private"), "Check Access")
    may = shown.get_by_role("list", name="What you may do at s3://private/")
    expect(may).to_be_visible()
    for name in ("teaching/photos/", "private"):
        choose(page, item(shown, name), "Unpin")
        expect(item(shown, name)).to_have_count(0)
    lab.command(page, "notebook:insert-cell-below")
    page.keyboard.press("Enter")
    page.keyboard.insert_text(WHO.format("teacher"))
    page.keyboard.press("Shift+Enter")
    expect(shown.locator(".s3magic-Name")).to_have_text("teacher")
    expect(may).to_have_count(0)


def test_hostile_names_are_shown_safely_and_files_uploaded(lab, panel, screenshots, tmp_path):
    busy = "dataset = s3magic.link('s3://teaching/tiles/*.laz', 'tiles')\nm = s3magic.mount('s3://teaching/photos/')"
    page, shown = panel("odd.ipynb", SANDBOX, MANY, busy, dark=True)
    lab.run_all(page)
    item(shown, "scratch").click()
    item(shown, "odd").click()
    for name in ("<img src=x onerror=window.hacked=1>.png", "line‹000A›break.txt", "‹202E›gpj.exe", "عربي.txt"):
        expect(item(shown, name)).to_be_visible()
    assert page.evaluate("window.hacked") is None
    assert shown.locator(".s3magic-Tree img").count() == 0
    longest = item(shown, "n" * 1000)
    assert longest.bounding_box()["height"] < 30
    assert longest.bounding_box()["width"] <= shown.bounding_box()["width"]
    page.screenshot(path=screenshots / "tree-odd.png")

    fresh = tmp_path / "fresh.bin"
    fresh.write_bytes(os.urandom(5_000_000))  # more pieces than one
    more = tmp_path / "more.bin"
    more.touch()
    for files in ([fresh], [fresh, more]):
        with page.expect_file_chooser() as chooser:
            choose(page, item(shown, "odd"), "Upload Files …")
        chooser.value.set_files(files)
        expect(shown.locator(".s3magic-Notice")).to_contain_text(re.compile("Stored fresh.bin|already"))
        expect(item(shown, "fresh.bin")).to_contain_text("5.0 MB")
    expect(shown.locator(".s3magic-Notice")).to_contain_text("Stored 1 file, 1 not.")
    expect(item(shown, "more.bin")).to_be_visible()

    tiles = shown.get_by_role("listitem").filter(has_text=" fetched")
    tiles.get_by_role("button", name="Check tiles on S3").click()
    expect(tiles).to_contain_text("On S3:")
    (lab.root / "s3" / "teaching" / "photos" / "alps-at-noon.jpg").read_bytes()
    expect(shown.locator(".s3magic-Rate")).to_contain_text(re.compile(r"[kM]B read in \d+ request"))
    page.screenshot(path=screenshots / "tree-sections.png")
    tiles.get_by_role("button", name="Fetch the tiles").click()
    expect(cell(page, 3)).to_contain_text("%s3link fetch")
    expect(tiles.get_by_role("button", name="Fetch the tiles")).to_have_count(0)
