"""Work with data: list, link and preview; composes those rooms and decides nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack, overload

from s3magic.api.identity import connection
from s3magic.errors import InvalidInput
from s3magic.url import S3Url

if TYPE_CHECKING:
    from s3magic.linking.adding.plan import LinkPlan
    from s3magic.linking.dataset import LinkedDataset
    from s3magic.linking.linked import SplitDatasets
    from s3magic.listing import Listing, Summary
    from s3magic.thumbnails.gallery import Gallery

AnyPath = str | PathLike[str]
Urls = S3Url | str | Sequence[S3Url | str]


class LinkWords(TypedDict, total=False):
    """The words of `link` that do not change what it returns."""

    checkout: bool
    replace: bool
    hash: Literal["auto", "read", "never"]
    read_limit: int
    bbox: tuple[float, float, float, float] | None
    match: str | None
    keep_prefix: bool
    import_: bool
    report: AnyPath | S3Url | None
    executor: Executor | None


def ls(url: S3Url | str, *, recursive: bool = False, limit: int = 1000) -> Listing:
    """List a bucket, a folder or a pattern, at most ``limit`` entries; says when there are more."""
    from s3magic.access import current
    from s3magic.listing import list_objects

    parsed = S3Url.parse(url)
    return list_objects(current.open_store(parsed), parsed, recursive=recursive, limit=limit)


def summary(url: S3Url | str, *, limit: int | None = None) -> Summary:
    """Count what lies under a URL: objects, bytes, types and storage classes, of all of them where no limit is given.

    A thousand objects are a request, and no more of them are held at once. An interrupt gives what
    was counted so far.
    """
    from s3magic.access import current
    from s3magic.listing import summarise

    parsed = S3Url.parse(url)
    return summarise(current.open_store(parsed), parsed, limit=limit)


@overload
def link(pattern: Urls, path: AnyPath, *, dry_run: Literal[True], **words: Unpack[LinkWords]) -> LinkPlan: ...
@overload
def link(pattern: Urls, path: AnyPath, *, split: Literal[True], **words: Unpack[LinkWords]) -> SplitDatasets: ...
@overload
def link(pattern: Urls, path: AnyPath, **words: Unpack[LinkWords]) -> LinkedDataset: ...
@overload
def link(
    pattern: Urls, path: AnyPath, *, split: bool, dry_run: bool, **words: Unpack[LinkWords]
) -> LinkedDataset | SplitDatasets | LinkPlan: ...
def link(
    pattern: Urls,
    path: AnyPath,
    *,
    checkout: bool = False,
    replace: bool = False,
    hash: Literal["auto", "read", "never"] = "auto",
    read_limit: int = 1_000_000_000,
    bbox: tuple[float, float, float, float] | None = None,
    match: str | None = None,
    keep_prefix: bool = False,
    split: bool = False,
    import_: bool = False,
    report: AnyPath | S3Url | None = None,
    dry_run: bool = False,
    executor: Executor | None = None,
) -> LinkedDataset | SplitDatasets | LinkPlan:
    """Record tiles by reference, in a folder that git can keep, without copying them.

    The same again does what is left to do; an interrupted or killed run is gone on with.

    Parameters
    ----------
    pattern
        One or several URLs: objects, folders, or patterns with ``*``, ``**``, ``{laz,tif}`` …
    path
        Folder of the dataset; made when it is not there.
    checkout
        Whether to download the tiles too.
    replace
        Make a new version of the dataset that is there: the result's ``changes`` tell what was
        added, changed and removed. Only what changed is read; the old version stays readable by
        its commit, and by the versions that the bucket keeps.
    hash
        ``"auto"``: the SHA-256 that S3 knows, else of bodies up to ``read_limit`` bytes in all;
        ``"read"``: of every body; ``"never"``: none, until the first fetch fills it in.
    bbox
        Keep only tiles that touch ``(west, south, east, north)``, in CRS84 degrees.
    match
        Keep only tiles whose name fits this glob.
    keep_prefix
        Keep the path below the folder that all URLs have in common, so that equal file names in
        several folders stay apart.
    split
        Put tiles that differ in type, CRS or schema into sub-folders of their own, instead of
        refusing them; the result is a sequence of datasets.
    import_
        Make ordinary copies, kept by git-lfs as any file is, instead of links.
    report
        The completion report of an S3 Batch Operations job that computed SHA-256: a CSV file, a
        folder of them, or their URL.
    dry_run
        Return the plan and do nothing.

    Raises
    ------
    LinkError
        When the tiles do not fit together; nothing is written then.
    TilesFailed
        When some tiles failed; the others are recorded.

    Examples
    --------
    >>> import s3magic
    >>> dataset = s3magic.link("s3://teaching/tiles/*.laz", "tiles")  # doctest: +SKIP
    """
    from s3magic.access import current
    from s3magic.linking import add, linked
    from s3magic.linking.adding.order import Order
    from s3magic.linking.git import sharing

    urls = [pattern] if isinstance(pattern, str | S3Url) else list(pattern)
    order = Order(
        patterns=tuple(S3Url.parse(url) for url in urls),
        checkout=checkout,
        replace=replace,
        hash=hash,
        read_limit=read_limit,
        match=match,
        bbox=bbox,
        keep_prefix=keep_prefix,
        split=split,
        import_=import_,
        report=report,
    )
    if dry_run:
        return add.plan(order, Path(path), opener=current.open_store)
    chosen = connection(order.patterns[0])
    access = {**chosen.location.to_json(), "anonymous": chosen.provider == "anonymous"}
    made = linked.link(order, Path(path), opener=current.open_store, access=access, executor=executor)
    sharing.offer(Path(path))
    return made


def thumbs(
    url: S3Url | str,
    *,
    size: int = 160,
    limit: int = 60,
    expires: int = 3600,
    match: str | None = None,
    var: str | None = None,
    time: int | None = None,
    level: int | None = None,
    bands: Sequence[int] | None = None,
    scale: Literal["shared", "each"] = "shared",
    sort: str = "name",
    filter: AnyPath | None = None,
    full: bool = False,
    suffix: str | None = None,
    output: S3Url | str | None = None,
    generate: bool = False,
    executor: Executor | None = None,
) -> Gallery:
    """Show what lies under a URL as a page of previews, reading a few kilobytes of each object.

    Parameters
    ----------
    size
        Longer side of a preview in pixels.
    limit
        Objects on a page.
    expires
        Seconds that a link made from the gallery lives.
    match
        Keep only objects whose name fits this glob.
    var, time, level
        Which variable of a grid to show, and which slice of it, counted from 0 or, where negative,
        from the end. An object that has none of it says what it has.
    bands
        Which bands of an image to show as red, green and blue, or which one, counted from 1.
    scale
        ``"shared"``: all pictures of one quantity have one scale of colours, so that they can be
        compared; ``"each"``: each picture has its own.
    sort
        ``"name"``, ``"size"``, ``"modified"`` or ``"type"``, the greatest first with a ``-`` before it.
    filter
        A text file, on disk or at an ``s3://`` URL, that chooses objects: on each line the path of
        one below the folder, or a prefix and a ``*``, and patterns as in a ``.gitignore`` that
        leave some of these out.
    full
        Whether to make each picture of the whole object, though there is a small one stored, or in it.
    suffix
        Where thumbnails are stored, below the folder: ``".lightly/thumbnails/[filename]_thumb.[extension]"``
        when None, and then used where the listing meets some; empty is as ``full``.
    output
        The folder that thumbnails are stored below, where it is another one.
    generate
        Whether to store first what is missing, for every object that the URL names. Again, it does the rest.
    executor
        Who works on that; threads of this process when None.

    Raises
    ------
    InvalidInput
        When an argument makes no sense; nothing was asked of S3 then.
    AccessDenied
        When thumbnails may not be stored; nothing was read then.

    Examples
    --------
    >>> import s3magic
    >>> gallery = s3magic.thumbs("s3://scratch/photos/", generate=True)  # doctest: +SKIP
    >>> print(gallery.generated)  # doctest: +SKIP
    12 thumbnails stored, 0 were there
    """
    from platformdirs import user_cache_path

    from s3magic.access import current
    from s3magic.api import storing
    from s3magic.formats.base import Look
    from s3magic.thumbnails.gallery import Gallery, check
    from s3magic.thumbnails.presign import LinkMaker

    parsed = S3Url.parse(url)
    if parsed.version_id and (parsed.is_prefix or parsed.is_pattern):
        raise InvalidInput(f"Only an object has versions: {parsed}", "Name one object, or leave the version out.")
    full = full or suffix == ""
    if full and (generate or output is not None):
        raise InvalidInput("Pictures of whole objects are not stored", "Leave out full, or generate and output.")
    if executor is not None and not generate:
        raise InvalidInput("An executor has nothing to do here", "It stores thumbnails: say generate, too.")
    colours = None if bands is None else tuple(bands)
    wanted = Look(var=var, time=time, level=level, bands=colours, whole=full)
    chosen = connection(parsed)
    check(size=size, limit=limit, expires=expires, scale=scale, sort=sort)
    root = storing.folder_of(parsed)
    shelf = None if full else storing.shelf(root, suffix=suffix, output=output, is_certain=generate)
    choice = None if filter is None else storing.choice(filter, root)
    generated = None
    if generate and shelf is not None:
        generated = storing.generate(
            parsed, shelf, match=match, choice=choice, size=size, wanted=wanted, executor=executor
        )
    return Gallery(
        parsed,
        opener=current.open_store,
        signer=LinkMaker(lambda bucket: chosen.store(bucket).client.location_for(bucket), chosen.credentials),
        size=size,
        limit=limit,
        expires=expires,
        match=match,
        wanted=wanted,
        scale=scale,
        sort=sort,
        shelf=shelf,
        choice=choice,
        generated=generated,
        cache=user_cache_path("s3magic") / "thumbs",
    )
