"""The live card of a mount."""

from __future__ import annotations

import threading
import time

import pytest
from IPython.utils.capture import capture_output

from s3magic import api
from s3magic.notebook import extension, mount_card
from s3magic.notebook.mount_card import MountCard


@pytest.fixture
def mounted(connection, own_mounts, tmp_path):
    with api.mount("s3://public/", tmp_path / "m") as mount:
        yield mount


def eventually(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.02)


def test_a_card_follows_what_is_read_and_ends_with_the_mount(mounted):
    card = MountCard(mounted, pause=0.05)
    (mounted / "README.txt").read_bytes()
    fetched = mounted.stats()["requests"]
    eventually(lambda: f"in {fetched} requests" in card.widget.value)
    eventually(lambda: "/s fetched" in card.widget.value)
    assert all(word in card.widget.value for word in ("cache", "memory", "read-only", str(mounted.path)))
    mounted.unmount()
    eventually(lambda: not card.is_live)
    assert "unmounted" in card.widget.value


def test_a_card_that_is_closed_asks_no_more(mounted):
    card = MountCard(mounted, pause=0.05)
    assert card.is_live
    card.widget.close()
    eventually(lambda: not card.is_live)
    assert mounted.state == "mounted"


def test_a_mount_is_displayed_as_a_widget_and_as_what_a_saved_notebook_keeps(shell, mounted):
    with capture_output() as shown:
        extension._show_mount(mounted)
    live, saved = shown.outputs
    assert live.data.keys() == {"text/plain", "application/vnd.jupyter.widget-view+json"}
    assert "read-only" in saved.data["text/html"]


def test_only_the_latest_card_of_a_mount_is_renewed(shell, mounted):
    for _ in range(3):
        with capture_output():
            extension._show_mount(mounted)
    eventually(lambda: sum(thread.name == "s3magic-mount-card" for thread in threading.enumerate()) == 1)


def test_without_widgets_a_mount_is_displayed_as_html(shell, mounted, monkeypatch):
    import sys

    import s3magic.notebook as room

    monkeypatch.setitem(sys.modules, mount_card.__name__, None)
    monkeypatch.delattr(room, "mount_card")
    with capture_output() as shown:
        extension._show_mount(mounted)
    (output,) = shown.outputs
    assert output.data.keys() == {"text/plain", "text/html"}
    assert "read-only" in output.data["text/html"]
