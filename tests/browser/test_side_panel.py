"""The S3 side panel as a user meets it: it follows the notebook, and answers while a cell runs."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

SANDBOX = "%load_ext s3magic\nbox = %s3sandbox"
MOUNT = "import s3magic\nm = s3magic.mount('s3://teaching/', 's3/teaching')\nm"


def test_load_button_brings_s3magic_in(lab, panel):
    page, shown = panel("empty.ipynb", "")
    shown.get_by_role("button", name="Load s3magic").click()
    expect(shown.get_by_role("heading", name="Identity")).to_be_visible()
    expect(shown).to_contain_text("No credentials chosen yet")
    expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_contain_text("%load_ext s3magic")


def test_identity_and_mount_are_shown_and_the_mount_is_ended(lab, panel, screenshots, theme):
    page, shown = panel(f"{theme}.ipynb", SANDBOX, MOUNT, dark=theme == "dark")
    expect(shown).to_contain_text("not loaded")
    page.screenshot(path=screenshots / f"side-panel-{theme}-welcome.png")
    lab.run_all(page)
    expect(shown.locator(".s3magic-Name")).to_have_text("teacher")
    expect(shown.locator(".s3magic-Details")).to_contain_text("(sandbox)")
    mount = shown.get_by_role("listitem")
    expect(mount).to_contain_text("s3://teaching/")
    expect(mount).to_contain_text("mounted, read-only")
    live = page.locator(".jp-Notebook [class*=s3m-live]:visible")  # the card that a saved notebook keeps is hidden
    expect(live).to_have_count(1)
    expect(live).to_contain_text("read-only")
    page.screenshot(path=screenshots / f"side-panel-{theme}-mounted.png")
    folder = lab.root / "s3" / "teaching"
    assert os.path.ismount(folder)
    mount.get_by_role("button", name="Unmount s3://teaching/").press("Enter")
    expect(shown).to_contain_text("Nothing is mounted")
    assert not os.path.ismount(folder)
    expect(shown.get_by_role("heading", name="Mounts")).to_be_focused()
    page.screenshot(path=screenshots / f"side-panel-{theme}-unmounted.png")


def test_mount_opens_in_the_file_browser(lab, panel):
    page, shown = panel("browse.ipynb", SANDBOX, MOUNT)
    lab.run_all(page)
    shown.get_by_role("button", name="Show s3/teaching in the file browser").click()
    expect(page.locator("#filebrowser .jp-DirListing-item").get_by_text("iris")).to_be_visible()


def test_panel_answers_while_a_cell_runs(lab, panel):
    gate = lab.root / "gate"
    wait = f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.05)"
    page, shown = panel("busy.ipynb", SANDBOX, MOUNT, wait)
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    busy = page.locator(".jp-Notebook .jp-CodeCell").nth(2).locator(".jp-InputPrompt")
    expect(busy).to_have_text("[*]:")
    expect(shown.get_by_role("listitem")).to_contain_text("s3://teaching/")
    shown.get_by_role("treeitem", name="teaching", exact=True).click()
    expect(shown.get_by_role("treeitem", name="photos", exact=True)).to_be_visible()
    shown.get_by_role("button", name="Unmount s3://teaching/").click()
    expect(shown).to_contain_text("Nothing is mounted")
    shown.get_by_role("button", name="Refresh").click()
    expect(busy).to_have_text("[*]:")
    gate.touch()
    expect(busy).to_have_text("[3]:")


def test_without_subshells_the_panel_says_that_the_kernel_is_busy(lab, panel):
    gate = lab.root / "late-gate"
    wait = f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.05)"
    lab.set_up("apputils-extension/kernels-settings", {"commsOverSubshells": "disabled"})
    try:
        page, shown = panel("late.ipynb", SANDBOX, wait)
        page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        expect(shown).to_contain_text("The kernel is busy. This is what it told last.")
        expect(shown.get_by_role("treeitem")).to_have_text("Loading …")
        gate.touch()
        expect(shown.get_by_role("treeitem", name="teaching", exact=True)).to_be_visible()
        expect(shown).not_to_contain_text("The kernel is busy")
    finally:
        lab.set_up("apputils-extension/kernels-settings", {})


def test_reload_restores_the_panel(lab, panel):
    page, shown = panel("reload.ipynb", SANDBOX, MOUNT)
    lab.run_all(page)
    expect(shown.get_by_role("listitem")).to_be_visible()
    page.reload()
    page.get_by_text("| Idle").first.wait_for()
    lab.command(page, "s3magic:show-panel")
    expect(shown.get_by_role("listitem")).to_contain_text("s3://teaching/")
    expect(shown.locator(".s3magic-Name")).to_have_text("teacher")
    shown.get_by_role("button", name="Unmount s3://teaching/").click()
    expect(shown).to_contain_text("Nothing is mounted")


def test_busy_mount_is_kept_and_the_error_says_who_holds_it(lab, panel, screenshots):
    page, shown = panel("held.ipynb", SANDBOX, MOUNT, "held = open(next((m / 'tables').glob('*.csv')))")
    lab.run_all(page)
    shown.get_by_role("button", name="Unmount s3://teaching/").click()
    expect(shown.get_by_role("alert")).to_contain_text("teaching")
    expect(shown.get_by_role("listitem")).to_contain_text("mounted")
    page.screenshot(path=screenshots / "side-panel-busy-mount.png")
    shown.get_by_role("button", name="Dismiss").click()
    expect(shown.get_by_role("alert")).to_have_count(0)


def test_panel_follows_restart_and_the_notebook_in_front(lab, panel):
    page, shown = panel("one.ipynb", SANDBOX)
    lab.run_all(page)
    expect(shown.locator(".s3magic-Name")).to_have_text("teacher")
    lab.write_notebook("two.ipynb", "1 + 1")
    lab.command(page, "docmanager:open", path="two.ipynb")
    expect(shown.locator(".s3magic-Document")).to_have_text("two.ipynb")
    expect(shown).to_contain_text("not loaded")
    lab.command(page, "docmanager:open", path="one.ipynb")
    expect(shown.locator(".s3magic-Name")).to_have_text("teacher")
    page.evaluate("window.jupyterapp.serviceManager.contents.rename('one.ipynb', 'uno.ipynb')")
    expect(shown.locator(".s3magic-Document")).to_have_text("uno.ipynb")
    page.evaluate("void window.jupyterapp.commands.execute('kernelmenu:restart')")
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    expect(shown.get_by_role("button", name="Load s3magic")).to_be_visible()
    expect(shown.get_by_role("treeitem")).to_have_count(0)


def test_panel_follows_a_console(lab, panel):
    page, shown = panel("beside.ipynb", "1 + 1")
    page.evaluate("void window.jupyterapp.commands.execute('console:create', {kernelPreference: {name: 'python3'}})")
    expect(shown.locator(".s3magic-Document")).to_contain_text("Console")
    shown.get_by_role("button", name="Load s3magic").click()
    expect(shown.get_by_role("heading", name="Identity")).to_be_visible()
    expect(page.locator(".jp-CodeConsole")).to_contain_text("%load_ext s3magic")


def test_notebook_7_has_the_panel_too(lab, panel, screenshots):
    pytest.importorskip("notebook")
    page, shown = panel("seven.ipynb", "")
    page.goto(page.url.partition("/lab")[0] + "/notebooks/seven.ipynb")
    page.locator(".lm-MenuBar-itemLabel").get_by_text("View").click()
    page.locator(".lm-Menu-itemLabel").get_by_text("Left Sidebar").hover()
    page.locator(".lm-Menu-itemLabel").get_by_text("S3").click()
    shown.get_by_role("button", name="Load s3magic").click()
    shown.get_by_role("button", name="Start sandbox").click()
    expect(shown.locator(".s3magic-Name")).to_have_text("teacher")
    shown.get_by_role("treeitem", name="teaching", exact=True).click()
    tables = shown.get_by_role("treeitem", name="tables", exact=True)
    tables.click(button="right")
    page.screenshot(path=screenshots / "side-panel-notebook-7.png")
    page.locator(".s3magic-Menu").get_by_text("Insert Code", exact=True).click()
    expect(page.locator(".jp-Notebook")).to_contain_text("m = s3magic.mount('s3://teaching/tables/')")
