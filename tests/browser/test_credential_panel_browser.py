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


def test_a_provider_is_chosen_and_its_lights_are_lit(panel, screenshots, look):
    page, shown = panel(dark=look != "light", width=720 if look == "narrow" else 1280)
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
    expect(shown.get_by_label("Reads a second")).to_be_hidden()
    shown.get_by_role("button", name="Pace").click()
    shown.get_by_label("Reads a second").fill("0")
    expect(shown.locator(".s3m-fault")).to_contain_text("more than 0")
    shown.get_by_label("Reads a second").fill("500")
    expect(shown.locator(".s3m-fault")).not_to_contain_text("more than 0")
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
    lab.command(page, "@jupyter-widgets/jupyterlab-manager:saveWidgetState")  # a switch that every test shares
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


def in_next_cell(page, lab, source):
    lab.command(page, "notebook:insert-cell-below")
    page.keyboard.press("Enter")
    page.keyboard.type(source)
    page.keyboard.press("Shift+Enter")
    page.get_by_text("| Idle").first.wait_for()


def test_an_order_made_by_keyboard_is_the_order_that_is_explained(panel, lab, screenshots, look):
    page, shown = panel(dark=look != "light", width=620 if look == "narrow" else 1280, height=1400)
    endpoint = shown.get_by_label("Endpoint URL").input_value()
    assert endpoint.startswith("http://127.0.0.1:")
    shown.get_by_role("button", name="More").click()  # which also takes the focus from the cell that has just run
    expect(shown.get_by_role("button", name="Less")).to_be_visible()
    for name, provider in (("Environment", "environment"), ("Process", "process"), ("Anonymous", "anonymous")):
        shown.get_by_role("button", name=name, exact=True).click()
        shown.get_by_role("button", name=f"Add {provider}").click()
        expect(shown.get_by_role("button", name=f"Remove {provider}")).to_be_visible()
    first, second, third = (shown.locator(".s3m-order .s3m-row").nth(place) for place in range(3))
    third.get_by_role("button", name="Move anonymous up").focus()
    page.keyboard.press("Enter")
    expect(second.get_by_role("button", name="Move anonymous up")).to_be_focused()
    page.keyboard.press("Enter")
    expect(first.get_by_role("button", name="Move anonymous up")).to_be_disabled()
    expect(third).to_contain_text("3. process")  # the rows change their words one after the other
    shown.get_by_role("button", name="Remove process").press("Enter")
    expect(shown.get_by_role("button", name="Remove process")).to_have_count(0)
    shown.screenshot(path=screenshots / f"order-{look}.png")
    shown.get_by_role("button", name="Use this order").click()
    expect(shown.locator(".s3m-who")).to_contain_text("anonymous")
    shown.get_by_role("button", name="Why this identity").click()
    expect(shown.locator(".s3m-steps")).to_contain_text("not asked")
    shown.get_by_role("button", name="Copy as").click()
    shown.get_by_label("Copy as").select_option("rclone")
    expect(shown.get_by_label("Lines to paste")).to_have_value(re.compile("rclone lsf"))
    shown.get_by_role("button", name="Less").click()
    shown.get_by_label("Try a URL").fill("s3://teaching/iris/")
    shown.get_by_role("button", name="Writing too").click()
    shown.get_by_label("Output to").fill("s3://scratch/out/")
    shown.get_by_role("button", name="Check").click()
    expect(shown.get_by_label("Policy that is missing")).to_have_value(re.compile("s3:ListBucket"))
    shown.screenshot(path=screenshots / f"whole-{look}.png")
    in_next_cell(page, lab, "from s3magic.access import current; current.chosen().explain()")
    told = page.locator(".jp-OutputArea-output table").last
    expect(told).to_contain_text(re.compile("anonymous.*found.*environment.*not asked", re.DOTALL))
    expect(told).not_to_contain_text("process")


def test_a_field_is_judged_while_one_types(panel, screenshots):
    _, shown = panel()
    shown.get_by_role("button", name="More").click()
    shown.get_by_role("button", name="Role", exact=True).click()
    shown.get_by_label("External ID").press_sequentially("x")
    expect(shown.get_by_role("status").filter(has_text="too short")).to_be_visible()
    shown.screenshot(path=screenshots / "role-fault.png")
    shown.get_by_label("External ID").press_sequentially("y")
    expect(shown.get_by_text("too short")).to_have_count(0)
