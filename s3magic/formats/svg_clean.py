"""SVG made harmless: nothing that runs, nothing from elsewhere, nothing that grows without end; draws nothing.

What is kept is a tree of SVG's own elements. References may lead to other parts of the same file,
as long as following all of them stays bounded: ten shapes that use ten shapes that use ten shapes
are soon more than any memory holds.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree

from s3magic.formats.watch import WatchedFile

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_DROPPED = frozenset({
    "script", "foreignObject", "iframe", "audio", "video", "canvas", "handler", "discard", "animate", "animateColor",
    "animateMotion", "animateTransform", "mpath", "set", "metadata", "title", "desc",
})  # fmt: skip
_PICTURE = re.compile(r"data:image/(png|jpe?g|gif|webp);base64,", re.IGNORECASE)
_LINK = re.compile(r"url\(\s*(['\"]?)#([^()'\"\s]*)\1\s*\)", re.IGNORECASE)
_CLASSES = re.compile(r"\s*\.[\w-]+(\s*,\s*\.[\w-]+)*\s*")
_ENTITY = re.compile(rb"<!ENTITY\s+(%|\S+\s+(SYSTEM|PUBLIC)\b|\S+\s+(\"[^\"&]*&[^\"]*\"|'[^'&]*&[^']*'))")
_MOST_ELEMENTS, _MOST_DRAWN, _DEEPEST = 50_000, 200_000, 100
_MOST_TEXT = 8_000_000
_MOST_PIXELS = 16_000_000


def clean(raw: bytes, *, box: tuple[float, float] | None = None, size: tuple[int, int] | None = None) -> str:
    """Return an SVG document without all that a still picture has no need of.

    Parameters
    ----------
    box
        Width and height that the drawing has in its own measure.
    size
        Width and height in pixels that it is to get.

    Raises
    ------
    ValueError
        When it is no SVG, refers to itself, or would grow beyond all bounds.
    xml.etree.ElementTree.ParseError
        When it is no XML.
    """
    if _ENTITY.search(raw):
        raise ValueError("its entities stand for other entities or files")
    builder = _Cleaner()
    parser = ElementTree.XMLParser(target=builder)  # noqa: S314 - entities are looked at above, and expat bounds them
    parser.feed(raw)
    root = parser.close()
    if root is None or root.tag != f"{_SVG}svg":
        raise ValueError("it is no SVG document")
    _check_growth(root, builder.rules)
    if box and "viewBox" not in root.attrib:
        root.set("viewBox", f"0 0 {box[0]:g} {box[1]:g}")
    if size:
        root.attrib |= {"width": str(size[0]), "height": str(size[1])}
    text = ElementTree.tostring(root, encoding="unicode")
    if len(text) > _MOST_TEXT:
        raise ValueError("its entities make it too large")
    return text


class _Cleaner:
    """Builds a tree of what may stay, while the document is read; so neither depth nor number ever get large."""

    def __init__(self) -> None:
        self.rules: dict[str, set[str]] = {}
        self._builder = ElementTree.TreeBuilder()
        self._dropping = 0
        self._depth = 0
        self._count = 0
        self._pixels = 0
        self._style: list[str] | None = None

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > _DEEPEST or self._count > _MOST_ELEMENTS:
            raise ValueError("it is nested too deep or has too many parts")
        name = tag.removeprefix(_SVG)
        if self._dropping or name == tag or name in _DROPPED:
            self._dropping += 1
            return
        if name == "style":
            self._style = []
        kept = {key: value for key, value in attributes.items() if self._may_stay(key, value)}
        self._builder.start(tag, kept)

    def end(self, tag: str) -> None:
        self._depth -= 1
        if self._dropping:
            self._dropping -= 1
            return
        if self._style is not None:
            self._builder.data(self._clean_style("".join(self._style)))
            self._style = None
        self._builder.end(tag)

    def data(self, text: str) -> None:
        if self._dropping:
            return
        if self._style is not None:
            self._style.append(text)
        else:
            self._builder.data(text)

    def close(self) -> ElementTree.Element | None:
        try:
            return self._builder.close()
        except AssertionError:  # nothing was kept, or it ends in the middle
            return None

    def _may_stay(self, name: str, value: str) -> bool:
        if name in ("href", _XLINK):
            return value.startswith("#") or self._is_small_picture(value)
        if name.startswith("{"):
            return name == _SPACE
        if name.lower().startswith("on"):
            return False
        return _links(value) is not None

    def _is_small_picture(self, value: str) -> bool:
        """Whether a link holds a picture itself, which leaves room for the others."""
        from s3magic.formats import picture  # noqa: PLC0415 - few drawings hold photographs

        mark = _PICTURE.match(value)
        if mark is None:
            return False
        try:
            file = io.BytesIO(base64.b64decode(value[mark.end() :]))
            width, height = (picture.describe(WatchedFile(file)).dimensions or "").split("x")
        except (binascii.Error, EOFError, OSError, SyntaxError, ValueError):
            return False
        self._pixels += int(width) * int(height)
        return self._pixels <= _MOST_PIXELS

    def _clean_style(self, text: str) -> str:
        """Return a style sheet of plain rules; links stay where they are bound to classes, and are noted then."""
        kept = []
        first, *commented = text.split("/*")
        for rule in (first + "".join(part.partition("*/")[2] for part in commented)).split("}")[:-1]:
            before, is_rule, body = rule.rpartition("{")
            selector, targets = before.rpartition("{")[2], _links(body)
            if not is_rule or "@" in selector or "\\" in body or targets is None:
                continue
            if targets and not _CLASSES.fullmatch(selector):
                continue
            for name in selector.split(",") if targets else ():
                self.rules.setdefault(name.strip().lstrip("."), set()).update(targets)
            kept.append(f"{selector.strip()}{{{body}}}")
        return "\n".join(kept)


def _links(text: str) -> list[str] | None:
    """Return the ids that a text refers to; None where it may refer to anything else."""
    found = [name for _, name in _LINK.findall(text)]
    return found if len(found) == text.lower().count("url(") else None


def _check_growth(root: ElementTree.Element, rules: Mapping[str, Iterable[str]]) -> None:
    """Raise `ValueError` where following all references would draw too much or never end."""
    by_id: dict[str, ElementTree.Element] = {}
    for one in root.iter():
        by_id.setdefault(one.get("id", ""), one)  # of several with one id the first is meant
    known: dict[ElementTree.Element, tuple[int, int]] = {}
    under_way: set[ElementTree.Element] = set()

    def weigh(element: ElementTree.Element, above: int) -> tuple[int, int]:
        """Return how many elements one stands for, and how deep they are nested."""
        if element in known:
            return known[element]
        if element in under_way:
            raise ValueError("it refers to itself")
        if above > 2 * _DEEPEST:
            raise ValueError("it is nested too deep")
        under_way.add(element)
        weight, depth = 1, 0
        parts = [(child, 1) for child in element]
        parts += [(by_id[name], times) for name, times in _references(element, rules) if name in by_id]
        for part, times in parts:
            more, deeper = weigh(part, above + 1)
            weight, depth = weight + times * more, max(depth, deeper)
        if weight > _MOST_DRAWN or depth > 2 * _DEEPEST:
            raise ValueError("it would grow beyond all bounds")
        under_way.remove(element)
        known[element] = weight, depth + 1
        return known[element]

    weigh(root, 0)


def _references(element: ElementTree.Element, rules: Mapping[str, Iterable[str]]) -> list[tuple[str, int]]:
    """Return the ids that an element refers to, and how often each of them is drawn."""
    found: list[tuple[str, int]] = []
    for name, value in element.attrib.items():
        if name in ("href", _XLINK) and value.startswith("#"):
            found.append((value[1:], 1))
        elif "url(" in value.lower():
            corners = (len(element.get("d", "")) + len(element.get("points", ""))) // 4
            times = 1 + corners if "marker" in name or "marker" in value else 1
            found += [(target, times) for target in _links(value) or ()]
    for name in element.get("class", "").split():
        found += [(target, 1) for target in rules.get(name, ())]
    return found
