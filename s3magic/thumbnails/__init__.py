"""Previews of objects: a few kilobytes of each, a page of many, links made on demand; no object is ever changed."""

SORTS = ("name", "-name", "size", "-size", "modified", "-modified", "type", "-type")
"""The orders a gallery can have, the greatest first with ``-``."""

TEMPLATE = ".lightly/thumbnails/[filename]_thumb.[extension]"
"""Where Lightly keeps thumbnails, below the folder that is looked at."""
