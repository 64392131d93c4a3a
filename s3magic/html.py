"""Small pieces of HTML that results show themselves with; escapes everything, follows the theme."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """<style>
.s3m{font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.5;
color:var(--jp-ui-font-color1,inherit);max-width:60em}
.s3m-card{border:1px solid var(--jp-border-color2,#8884);border-radius:6px;padding:.6em .9em;margin:.2em 0}
.s3m-title{font-weight:600;font-size:14px;margin-bottom:.3em;overflow-wrap:anywhere}
.s3m-note{color:var(--jp-ui-font-color2,#777)}
.s3m table{border-collapse:collapse;margin:.2em 0}
.s3m th{text-align:left!important;font-weight:500;color:var(--jp-ui-font-color2,#777);padding:.15em 1.2em .15em 0}
.s3m td{text-align:left!important;padding:.15em 1.2em .15em 0;vertical-align:top;overflow-wrap:anywhere}
.s3m td.s3m-number{text-align:right!important;font-variant-numeric:tabular-nums;white-space:nowrap}
.s3m-ok{color:var(--jp-success-color1,#2e7d32)}
.s3m-bad{color:var(--jp-error-color1,#c62828)}
.s3m-warn{color:var(--jp-warn-color1,#b26a00)}
</style>"""


def card(title: str, rows: Iterable[tuple[str, object]] = (), body: str = "") -> str:
    """Return a framed card: a title, name and value rows, and a body that is already HTML."""
    lines = "".join(f"<tr><th>{escape(name)}</th><td>{cell(value)}</td></tr>" for name, value in rows)
    table_ = f"<table>{lines}</table>" if lines else ""
    return f'{STYLE}<div class="s3m s3m-card"><div class="s3m-title">{escape(title)}</div>{table_}{body}</div>'


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> str:
    """Return a table with a note below it; numbers stand to the right."""
    head = "".join(f"<th>{escape(name)}</th>" for name in headers)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=s3m-number' if isinstance(value, int | float) else ''}>{cell(value)}</td>" for value in row
        )
        + "</tr>"
        for row in rows
    )
    below = f'<div class="s3m-note">{escape(note)}</div>' if note else ""
    return f'{STYLE}<div class="s3m"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}</div>'


class Markup(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


def cell(value: object) -> str:
    """Return a value as HTML: `Markup` as it is, all else escaped."""
    return value if isinstance(value, Markup) else escape(str(value))


def bytes_text(size: float) -> str:
    """Return a number of bytes for people: ``1.5 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def counted(count: int, thing: str) -> str:
    """Return how many there are of a thing, for people: ``1 tile``, ``1,234 tiles``."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def count_text(count: int) -> str:
    """Return a whole number with its thousands apart, for people: ``1 234 567``."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def number_text(value: float) -> str:
    """Return a number with four digits that count, for people: ``0.0312``, ``273.2``, ``49850``."""
    text = f"{value:.4g}"
    return f"{value:.0f}" if "e+" in text and abs(value) < 1e7 else text
