"""What a saved notebook keeps of a widget: a page beside it, hidden while the widget lives; knows no widget's content.

A notebook that is opened without its kernel, sent to somebody or turned into HTML has no widgets.
"""

from __future__ import annotations

from uuid import uuid4

from ipywidgets import DOMWidget


def new_identity() -> str:
    """Return a class of CSS that one live widget bears, and by which its page knows that it lives."""
    return f"s3m-live-{uuid4().hex[:12]}"


def live(widget: DOMWidget, text: str) -> dict[str, object]:
    """Return what displays a widget, and the text for those who have none."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"text/plain": text, "application/vnd.jupyter.widget-view+json": view}


def page(html: str, identity: str) -> dict[str, object]:
    """Return what displays the page that is kept, right below the widget that bears ``identity``."""
    alive, saved, child = f":has(.{identity})", f"saved-{identity}", ".jp-OutputArea-child"
    alone = f"body:not({alive}) {child}:has(+ {child} .{saved})"  # JupyterLab's note that the widgets are gone
    rules = f"<style>body{alive} .{saved},{alone}{{display:none}}</style>"
    return {"text/plain": "", "text/html": f'{rules}<div class="{saved}">{html}</div>'}
