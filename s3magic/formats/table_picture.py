"""The head of a table as a picture: a small grid in a tile, a table to read in the large view; reads no files."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw

from s3magic.formats.base import Preview
from s3magic.formats.drawing import encoded
from s3magic.formats.lettering import Font, fitted, font, width
from s3magic.formats.table import MOST_COLUMNS, Table

# A sheet of paper: the same on a light page and on a dark one.
_PAPER, _BAND, _HEAD = (255, 255, 255), (247, 249, 251), (228, 234, 241)
_INK, _FAINT, _LINE = (32, 38, 46), (112, 121, 131), (214, 221, 228)
_TYPES_FROM = 300
"""Pixels from which on there is room for a line of types."""
_LEAST_SMALL, _LEAST_LARGE = 3.5, 4.5
"""How wide a column is at least, in heights of a line, if it wants to be."""


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The measures of a picture: its letters, and the height of a line, all in pixels."""

    size: int
    face: Font
    bold: Font
    small: Font
    line: int
    pad: int
    has_types: bool


def draw(table: Table, *, size: int) -> Preview:
    """Return the first rows and columns of a table, as many as fit into a square."""
    letters = max(7, min(14, 9 + size // 160))
    sheet = _Sheet(
        size=size,
        face=font(letters),
        bold=font(letters, bold=True),
        small=font(letters - 2),
        line=round(letters * 1.55),
        pad=max(2, letters // 2),
        has_types=size >= _TYPES_FROM,
    )
    head = sheet.line + (round(sheet.line * 0.8) if sheet.has_types else sheet.pad // 2)
    rows = table.rows[: max(0, (size - head) // sheet.line)]
    image = Image.new("RGB", (size, min(size, head + max(1, len(rows)) * sheet.line + 1)), _PAPER)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, size, head), fill=_HEAD)
    for index in range(1, len(rows), 2):
        top = head + index * sheet.line
        pen.rectangle((0, top, size, top + sheet.line), fill=_BAND)
    left = 0
    for index, room in enumerate(_widths(table, rows, sheet) if table.columns else ()):
        if index:
            pen.line((left, 0, left, image.height), fill=_LINE)
        _draw_column(pen, table, rows, sheet, index=index, left=left, room=room, head=head)
        left += room
    pen.line((0, head, size, head), fill=_LINE)
    pen.rectangle((0, 0, size - 1, image.height - 1), outline=_LINE)
    return encoded(image.quantize(64), caption=f"{table.size}, {table.format}", source="head")


def _widths(table: Table, rows: tuple[tuple[str, ...], ...], sheet: _Sheet) -> list[int]:
    """Return the widths of the columns that are shown; together they are as wide as the picture.

    Cells come before names: a long name over short cells is cut. Where room is short, wide columns
    give way, so that more of them are seen.
    """
    margin = 2 * sheet.pad + 1
    cells, names = [], []
    for index, column in enumerate(table.columns[:MOST_COLUMNS]):
        texts = [width(row[index], sheet.face) for row in rows if index < len(row)]
        kind = width(column.type, sheet.small) if sheet.has_types else 0
        cells.append(max([kind, *texts]) + margin)
        names.append(width(column.name, sheet.bold) + margin)
    least = (_LEAST_LARGE if sheet.has_types else _LEAST_SMALL) * sheet.line
    wanted = [max(cell, min(name, least)) for cell, name in zip(cells, names, strict=True)]
    shown = 1
    while shown < len(wanted) and sum(min(room, least) for room in wanted[: shown + 1]) <= sheet.size:
        shown += 1
    widths = _shared(wanted[:shown], sheet.size)
    spare = sheet.size - sum(widths)
    if spare > 0:  # now to the names, and what is left then to all
        lacking = [max(0.0, name - room) for name, room in zip(names, widths, strict=False)]
        widths = [room + more for room, more in zip(widths, _shared(lacking, spare), strict=True)]
        spare = sheet.size - sum(widths)
        widths = [room + spare / shown for room in widths]
    edges = [round(sum(widths[:index])) for index in range(shown)] + [sheet.size]
    return [end - start for start, end in pairwise(edges)]


def _shared(wanted: list[float], room: float) -> list[float]:
    """Return what everybody gets of a room: what they want, the greediest less where it is too little."""
    given: dict[int, float] = {}
    for index in sorted(range(len(wanted)), key=lambda one: wanted[one]):
        given[index] = min(wanted[index], (room - sum(given.values())) / (len(wanted) - len(given)))
    return [given[index] for index in range(len(wanted))]


def _draw_column(
    pen: ImageDraw.ImageDraw,
    table: Table,
    rows: tuple[tuple[str, ...], ...],
    sheet: _Sheet,
    *,
    index: int,
    left: int,
    room: int,
    head: int,
) -> None:
    column = table.columns[index]
    inner = room - 2 * sheet.pad
    at_right = column.is_number

    def write(text: str, middle: float, face: Font, ink: tuple[int, int, int]) -> None:
        text = fitted(text, face, inner)
        x = left + room - sheet.pad if at_right else left + sheet.pad
        pen.text((x, middle), text, fill=ink, font=face, anchor="rm" if at_right else "lm")

    write(column.name, sheet.line / 2 + 1, sheet.bold, _INK)
    if sheet.has_types:
        write(column.type, sheet.line + sheet.line * 0.32, sheet.small, _FAINT)
    for number, row in enumerate(rows):
        if index < len(row):
            write(row[index], head + (number + 0.5) * sheet.line, sheet.face, _INK)
