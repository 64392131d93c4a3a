"""Folders opened one after another, as a walk through a tree does: many are listed by one request.

A listing without a delimiter tells all keys from one on; what it tells of each folder is sorted out
here. Asks no store.
"""

from __future__ import annotations

from s3magic.store.base import ListPage, ObjectInfo


def folders_within(page: ListPage, parent: str, first: str) -> dict[str, ListPage]:
    """Return what a page says of the folders that it holds whole.

    Parameters
    ----------
    page
        Listed without a delimiter, by the prefix ``parent`` and to begin after ``first``.
    first
        The folder in it that the page begins with. It is told of in any case but that in which the page
        does not hold all of it.

    Examples
    --------
    >>> keys = ["a/1/x", "a/1/y/z", "a/2/x"]
    >>> page = ListPage(tuple(ObjectInfo("", key, 1, "") for key in keys), (), "there is more")
    >>> {folder: found.prefixes for folder, found in folders_within(page, "a/", "a/1/").items()}
    {'a/1/': ('a/1/y/',), 'a/1/y/': ()}
    """
    objects: dict[str, list[ObjectInfo]] = {first: []}
    prefixes: dict[str, dict[str, None]] = {first: {}}
    for info in page.objects:
        folder = info.key[: info.key.rfind("/") + 1]
        if folder not in objects:
            _make(folder, parent, objects, prefixes)
        if folder != parent:
            objects[folder].append(info)
    last = page.objects[-1].key if page.objects and page.next_token is not None else ""
    return {
        folder: ListPage(tuple(objects[folder]), tuple(prefixes[folder]), None)
        for folder in objects
        if folder != parent and not last.startswith(folder)
    }


def _make(folder: str, parent: str, objects: dict[str, list[ObjectInfo]], prefixes: dict[str, dict[str, None]]) -> None:
    """Note a folder, and itself in the one above it."""
    objects[folder], prefixes[folder] = [], {}
    if folder != parent:
        above = folder[: folder.rfind("/", 0, -1) + 1]
        if above not in objects:
            _make(above, parent, objects, prefixes)
        prefixes[above][folder] = None
