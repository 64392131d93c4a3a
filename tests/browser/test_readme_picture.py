"""The first teaching notebook beside the side panel, as the README shows it, and the panel by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
expect.set_options(timeout=120_000)

EXAMPLE = Path(__file__).parents[2] / "examples" / "exploring-a-bucket.ipynb"


def test_the_first_notebook_runs_beside_the_panel(lab, panel, screenshots, theme):
    cells = [cell for cell in json.loads(EXAMPLE.read_text())["cells"] if cell["cell_type"] == "code"]
    code = ["".join(cell["source"]) for cell in cells]
    assert code[-1].startswith("del cubes")
    page, shown = panel(f"{theme}-example.ipynb", *code[:-1], dark=theme == "dark", width=1440)
    lab.run_all(page)
    expect(shown.get_by_role("listitem").filter(has_text="s3://teaching/iris/")).to_contain_text("mounted")
    expect(shown.get_by_role("listitem").filter(has_text="tiles")).to_contain_text("fetched")
    teaching = shown.get_by_role("treeitem", name="teaching", exact=True)
    teaching.click()
    expect(shown.get_by_role("treeitem", name="tiles", exact=True)).to_be_visible()
    notebook = page.locator(".jp-Notebook")
    expect(notebook.get_by_text("air_temperature").first).to_be_visible()
    assert notebook.get_by_text("Traceback").count() == 0
    pictures = notebook.get_by_role("button", name="Open alps-at-noon.jpg")
    pictures.scroll_into_view_if_needed()
    expect(pictures).to_be_visible()
    page.screenshot(path=screenshots / f"readme-{theme}.png")

    teaching.click(button="right")
    page.locator(".s3magic-Menu").get_by_text("Check Access", exact=True).click()
    expect(shown.get_by_role("list", name="What you may do")).to_be_visible()
    shown.screenshot(path=screenshots / f"panel-{theme}.png")
