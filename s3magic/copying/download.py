"""One object brought to disk: gathered beside its place, checked, and only then shown; large ones in pieces."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from s3magic.copying.entry import Entry
from s3magic.copying.place import Place
from s3magic.copying.proof import Proof, proof
from s3magic.errors import NotFound, ObjectChanged, ServerError
from s3magic.parallel import each
from s3magic.store.base import ObjectInfo, Store
from s3magic.store.body import body

SMALL = 8 << 20
"""Bytes of an object that comes in one request, its checksum with it."""
LARGE = 64 << 20
"""Bytes of an object from which on it comes in pieces, and a killed copy goes on with it."""
PIECE = 16 << 20
WORKERS = 4
"""Pieces of one object under way at once."""
Report = Callable[[int], None]


def download(store: Store, info: ObjectInfo, place: Place, name: str, *, over: Entry | None, report: Report) -> None:
    """Bring an object as it was listed; its name shows the whole of it, or what was there before.

    It comes ``over`` what was found there, and only if that is still as it was.

    Raises
    ------
    ObjectChanged, NoSuchKey, AccessDenied, ArchivedObject
        It cannot be had, or is another one than was listed.
    ServerError
        The bytes are not those that S3 has a checksum of.
    """
    part = place.part(info)
    try:
        if info.size <= SMALL:
            _at_once(store, info, part, report)
        elif info.size < LARGE:
            _in_order(store, info, part, report)
        else:
            _in_pieces(store, info, part, report)
        place.put(part, name, info.last_modified.timestamp() if info.last_modified else 0.0, over=over)
    except BaseException as error:
        if info.size < LARGE or isinstance(error, ObjectChanged | NotFound | ServerError):
            part.unlink(missing_ok=True)
            _notes(part).unlink(missing_ok=True)
        raise
    _notes(part).unlink(missing_ok=True)


def _at_once(store: Store, info: ObjectInfo, part: Path, report: Report) -> None:
    report(0)
    found = store.whole(info.key, most=info.size, version_id=info.version_id)
    if found is None or found[0].etag != info.etag:
        raise ObjectChanged(f"The object changed: {info.url}", "Copy again: it was replaced since it was listed.")
    told, data = found
    _check_size(info, len(data))
    known = proof(told)
    if known is not None:
        known.update(data)
        known.check(info.url)
    part.write_bytes(data)
    report(len(data))


def _in_order(store: Store, info: ObjectInfo, part: Path, report: Report) -> None:
    known = _proof(store, info)
    size = 0
    with part.open("wb") as file, closing(_body(store, info)) as chunks:
        for chunk in chunks:
            file.write(chunk)
            if known is not None:
                known.update(chunk)
            size += len(chunk)
            report(len(chunk))
    _check_size(info, size)
    if known is not None:
        known.check(info.url)


def _in_pieces(store: Store, info: ObjectInfo, part: Path, report: Report) -> None:
    """Bring the pieces that are not there yet; each is on the disk before it is noted."""
    known = _proof(store, info)
    count = -(-info.size // PIECE)
    is_new = not part.exists()
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    file, notes = os.open(part, flags, 0o666), os.open(_notes(part), flags, 0o666)
    try:
        if is_new or os.fstat(file).st_size != info.size:
            os.ftruncate(notes, 0)
            os.ftruncate(file, info.size)
        done = os.pread(notes, count, 0).ljust(count, b"\0")

        def bring(number: int) -> None:
            start = number * PIECE
            at, stop = start, min(start + PIECE, info.size)
            with closing(_body(store, info, start=start, stop=stop)) as chunks:
                for chunk in chunks:
                    at += _write(file, chunk, at)
                    report(len(chunk))
            os.fsync(file)
            os.pwrite(notes, b"\1", number)

        for number in range(count):
            if done[number]:
                report(min(PIECE, info.size - number * PIECE))
        left = [number for number in range(count) if not done[number]]
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="s3magic-piece") as pool:
            for outcome in each(bring, left, executor=pool, workers=WORKERS, to_the_end=True):
                if outcome.error is not None:
                    raise outcome.error
    finally:
        os.close(file)
        os.close(notes)
    if known is not None:
        known.read(part).check(info.url)


def _proof(store: Store, info: ObjectInfo) -> Proof | None:
    """Return the proof of an object that is too large to come with it; asked for where the listing told of one."""
    if info.checksum_type != "FULL_OBJECT" or info.checksums:
        return proof(info)
    told = store.head(info.key, version_id=info.version_id)
    return proof(told) if told.etag == info.etag else None


def _body(
    store: Store, info: ObjectInfo, *, start: int = 0, stop: int | None = None
) -> Generator[memoryview, None, None]:
    return body(store, info.key, size=info.size, etag=info.etag, start=start, stop=stop, version_id=info.version_id)


def _write(file: int, data: bytes | memoryview, at: int) -> int:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written
    return len(data)


def _notes(part: Path) -> Path:
    return part.with_suffix(".done")


def _check_size(info: ObjectInfo, size: int) -> None:
    if size != info.size:
        raise ServerError(f"{info.url} has {size} bytes where {info.size} were listed", "Check the endpoint.")
