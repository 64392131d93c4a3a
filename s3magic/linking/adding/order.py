"""What is to be linked and how, as one thing; checks words and decides nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

from s3magic.errors import LinkError
from s3magic.linking.records import footprints
from s3magic.linking.records.manifest import Box, DatasetInfo
from s3magic.linking.records.redirects import place
from s3magic.url import S3Url

READ_LIMIT = 1_000_000_000
_HASH = ("auto", "read", "never")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An add as it was asked for.

    Parameters
    ----------
    patterns
        What to link: objects, folders or patterns.
    checkout
        Download the tiles too.
    replace
        Make a new version of the dataset that is there.
    hash
        ``"auto"`` takes the SHA-256 S3 knows and reads bodies up to ``read_limit`` bytes in all,
        ``"read"`` reads every body, ``"never"`` leaves tiles unhashed until they are fetched.
    match, bbox
        Take only tiles whose name fits a pattern, or that touch ``(west, south, east, north)``.
    keep_prefix
        Let names keep their path below the folder that all patterns have in common.
    split
        Put tiles that do not fit together into sub-folders of their own.
    import_
        Make ordinary copies instead of links.
    report
        A completion report of S3 Batch Operations that holds hashes: a file, folder or URL.
    """

    patterns: tuple[S3Url, ...]
    checkout: bool = False
    replace: bool = False
    hash: str = "auto"
    read_limit: int = READ_LIMIT
    match: str | None = None
    bbox: Sequence[float] | None = None
    keep_prefix: bool = False
    split: bool = False
    import_: bool = False
    report: str | PathLike[str] | S3Url | None = None

    def __post_init__(self) -> None:
        if self.hash not in _HASH:
            raise LinkError(f"hash={self.hash!r} is not known", "Choose auto, read or never.")
        if self.read_limit < 0:
            raise LinkError(f"read_limit={self.read_limit} is less than nothing", "Give bytes, such as 1_000_000_000.")
        if not self.patterns:
            raise LinkError("Nothing to link", "Give at least one URL, such as s3://bucket/tiles/*.laz.")
        if self.bbox is not None:
            footprints.check_box(self.bbox)

    @property
    def box(self) -> Box | None:
        """The box that tiles must touch."""
        return footprints.check_box(self.bbox) if self.bbox is not None else None

    @property
    def brings(self) -> bool:
        """Whether content comes too."""
        return self.checkout or self.import_

    @property
    def selection(self) -> dict[str, object]:
        """What ``dataset.json`` says of the choice of tiles."""
        given: dict[str, object] = {
            "match": self.match,
            "bbox": list(self.box) if self.box else None,
            "keepPrefix": self.keep_prefix,
            "split": self.split,
        }
        return {name: value for name, value in given.items() if value}


def renewal(info: DatasetInfo, *, hash: str = "auto", read_limit: int = READ_LIMIT) -> Order:  # noqa: A002
    """Return the order that makes a new version of a dataset, of what its sources name now."""
    chosen = dict(info.selection)
    return Order(
        patterns=tuple(S3Url.parse(place(source, info.redirects)) for source in info.sources),
        replace=True,
        hash=hash,
        read_limit=read_limit,
        match=chosen.get("match"),  # type: ignore[arg-type]
        bbox=chosen.get("bbox"),  # type: ignore[arg-type]
        keep_prefix=bool(chosen.get("keepPrefix")),
        import_=info.imported,
    )
