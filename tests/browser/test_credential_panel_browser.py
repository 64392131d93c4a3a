"""The credential panel as a user meets it: in JupyterLab, by mouse and by keyboard."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
SECRET = "not-a-real-secret-but-nobody-may-see-it"


@pytest.fixture
def panel(lab):
    """Open a notebook with a sandbox and the panel, and return the page and the panel."""

    def open_panel(**window):
        lab.write_notebook("panel.ipynb", "%load_ext s3magic\nbox = %s3sandbox", "%s3creds")
        page = lab.open("panel.ipynb", **window)
        lab.run_all(page)
        shown = page.locator(".s3m-panel").first
        expect(shown).to_contain_text("user/teacher")
        shown.scroll_into_view_if_needed()
        return page, shown

    return open_panel


@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
def test_a_provider_is_chosen_and_its_lights_are_lit(panel, screenshots, look):
    page, shown = panel(dark=look == "dark", width=720 if look == "narrow" else 1280)
    url = shown.get_by_label("Try a URL")
    url.fill("s3://teaching/iris/")
    url.press("Enter")
    expect(shown.locator(".s3m-lamp").first).to_have_text(re.compile("List.*ok"))
    expect(shown.locator(".s3m-lamp").nth(1)).to_have_text(re.compile("Read.*ok"))
    shown.screenshot(path=screenshots / f"panel-{look}-teacher.png")
    shown.get_by_role("button", name="Keys").click()
    expect(shown.get_by_label("Secret access key")).to_be_visible()
    shown.get_by_role("button", name="More").click()
    expect(shown.get_by_label("Bucket in")).to_be_visible()
    shown.screenshot(path=screenshots / f"panel-{look}-keys.png")
    shown.get_by_role("button", name="Less").click()
    shown.get_by_role("button", name="Anonymous").click()
    expect(shown.get_by_label("Secret access key")).to_have_count(0)
    shown.get_by_role("button", name="Use", exact=True).click()
    expect(shown.locator(".s3m-who")).to_contain_text("anonymous")
    expect(shown.locator(".s3m-lamp").first).to_have_text(re.compile("List.*denied"))
    shown.screenshot(path=screenshots / f"panel-{look}-anonymous.png")
    page.screenshot(path=screenshots / f"panel-{look}-page.png")


def test_keys_are_typed_by_keyboard_alone_and_leave_no_trace(panel, lab, screenshots):
    page, shown = panel()
    keys = shown.get_by_role("button", name="Keys")
    keys.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("SANDBOXTEACHER")
    use = shown.get_by_role("button", name="Use", exact=True)
    use.press("Enter")
    expect(shown.get_by_role("alert")).to_contain_text("secret access key is missing")
    expect(shown).to_contain_text("user/teacher")
    shown.screenshot(path=screenshots / "panel-missing.png")
    shown.get_by_label("Access key ID").focus()
    page.keyboard.type("SANDBOXTEACHER")
    page.keyboard.press("Tab")
    page.keyboard.type(SECRET)
    page.keyboard.press("Tab")
    secret = shown.get_by_label("Secret access key")
    expect(secret).to_have_value("")
    expect(secret).to_have_attribute("placeholder", re.compile("received"))
    shown.screenshot(path=screenshots / "panel-typed.png")
    use.press("Enter")
    expect(shown).not_to_contain_text("user/teacher")
    expect(use).to_be_enabled()
    expect(secret).to_have_attribute("placeholder", re.compile("^\u200b$"))
    shown.screenshot(path=screenshots / "panel-wrong-secret.png")
    lab.command(page, "@jupyter-widgets/jupyterlab-manager:saveWidgetState")
    lab.command(page, "docmanager:save")
    saved = (lab.root / "panel.ipynb").read_text(encoding="utf-8")
    assert json.loads(saved)["metadata"]["widgets"]
    assert SECRET not in saved
    assert SECRET not in page.content()
    assert all(SECRET.encode() not in path.read_bytes() for path in lab.home.rglob("*") if path.is_file())


def test_the_panel_is_shown_twice_and_both_follow(panel, lab):
    page, _ = panel()
    lab.run_all(page)
    lab.command(page, "notebook:insert-cell-below")
    page.keyboard.press("Enter")
    page.keyboard.type("%s3creds")
    page.keyboard.press("Shift+Enter")
    panels = page.locator(".s3m-panel")
    expect(panels).to_have_count(2)
    panels.first.get_by_role("button", name="Anonymous").click()
    panels.first.get_by_role("button", name="Use", exact=True).click()
    for shown in panels.all():
        expect(shown.locator(".s3m-who")).to_contain_text("anonymous")
