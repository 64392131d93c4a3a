"""What an add knows of each tile, in one file on disk, so that tiles by the hundred thousand take no memory.

Some tables outlive a kill (`drafts`: what was described), the others are made anew by each run
(`survey`: what was found; `state`: what is recorded, and what shall be). Decides nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from s3magic.errors import LinkError
from s3magic.linking.records import manifest

_PAGE = 500
_TOGETHER = 64  # rows of one statement: some builds of SQLite take no more than 999 values
_CACHE = 500  # kB of each database: rows come and go in their order, few are looked at again
_NAMES = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_LASTING = (
    "create table kind (number integer primary key, type text, crs text, schema text);",
    """create table described (
    name text primary key, hash text, kind int, url text, etag text, size int, version text, shard text, format text,
    sidecars text, content text, is_unhashed int, line text
);""",
)
_PASSING = """
create temp table found (
    url text primary key, name text, shard text, size int, etag text, modified text, class text, version text,
    checksum_type text, checksums text, algorithms text, pin text, is_asked int, is_chosen int, is_raster int,
    owner text, sidecars text default '[]', is_sidecar int default 0, is_fresh int default 0
);
create temp table state (
    shard text, name text, part text, url text, etag text, size int, version text, format text, sidecars text,
    content text, is_unhashed int, was text, now text, primary key (shard, name, part)
) without rowid;
create temp table failed (name text primary key) without rowid;
create temp table home (kind integer primary key, part text);
create temp table reading (number integer primary key, shard text, name text, part text, size int, content text);
create temp table folder (name text primary key, url text) without rowid;
"""


class Ledger:
    """The tables of one add; used by one thread.

    Parameters
    ----------
    path
        Where they are kept; None for a file that is gone in the end, whatever happens.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._database = self._opened()
        self._database.create_function("hashed", 3, manifest.hashed_line, deterministic=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        with closing(self._database):
            if self._path is not None and not self.some("select 1 from described"):
                forget(self._path)
        if self._path is None and isinstance(error, sqlite3.OperationalError):
            raise LinkError(
                f"No room to note what was found: {error}", "Let TMPDIR name a folder with room in it."
            ) from error

    def _opened(self) -> sqlite3.Connection:
        """Open the file; what is no ledger of this kind gives way to a new one."""
        if self._path is not None and self._path.exists():
            # A ledger has none. One that came with a clone could name any file, which SQLite would delete.
            _beside(self._path, "-journal").unlink(missing_ok=True)
            try:
                database = _connected(self._path)
                if _is_ours(database):
                    database.executescript(_PASSING)
                    return database
                database.close()
            except sqlite3.DatabaseError as error:  # no database, or a damaged one
                if isinstance(error, sqlite3.OperationalError):
                    raise
        if self._path is not None:
            forget(self._path)
        database = _connected(self._path)
        database.executescript(f"{''.join(_LASTING)}{_PASSING}")
        return database

    def write(self, statement: str, *values: object) -> int:
        """Carry out a statement, which holds from then on; return how many rows it changed."""
        return self._database.execute(statement, values).rowcount

    def write_all(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Carry out a statement for each row: for all of them or, when it fails, for none."""
        with self._database:
            self._database.execute("begin")
            self._database.executemany(statement, rows)

    def put(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Carry out a statement that ends in ``values`` for many rows at once, which hold from then on.

        Row by row each would wait for the interpreter, which other threads take meanwhile.
        """
        for start in range(0, len(rows), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            places = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
            self._database.execute(f"{statement} {places}", [value for row in some for value in row])

    def rows(self, question: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield the answer row by row."""
        return self._database.execute(question, values)

    def row(self, question: str, *values: object) -> tuple[Any, ...]:
        """Return the first row of an answer that has one."""
        found: tuple[Any, ...] = self._database.execute(question, values).fetchone()
        return found

    def some(self, question: str, *values: object) -> bool:
        """Tell whether an answer has a row."""
        return self._database.execute(f"{question} limit 1", values).fetchone() is not None

    def pages(self, question: str, *, after: object = "") -> Iterator[tuple[Any, ...]]:
        """Yield an answer row by row, some hundreds read at a time, so that the tables may be written to meanwhile.

        The question orders by its first column, which no two rows share, and asks for what comes after ``?``.
        """
        last = after
        while page := self._database.execute(f"{question} limit {_PAGE}", (last,)).fetchall():
            yield from page
            last = page[-1][0]


def forget(path: Path) -> None:
    """Remove a ledger; whoever has it open can go on reading."""
    for ending in ("", "-wal", "-journal"):
        _beside(path, ending).unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    """Return a file of SQLite's that belongs to a ledger."""
    return path.with_name(path.name + ending)


def _is_ours(database: sqlite3.Connection) -> bool:
    """Tell whether a file that was there is a whole ledger of this kind."""
    made = database.execute("select sql from sqlite_master where sql is not null")
    if sorted(f"{sql};".casefold() for (sql,) in made) != sorted(one.casefold() for one in _LASTING):
        return False
    return bool(database.execute("pragma quick_check").fetchone() == ("ok",))


def _connected(path: Path | None) -> sqlite3.Connection:
    """Open a file that nobody else opens: its folder is held by who writes."""
    where = "" if path is None else f"{path.absolute().as_uri()}?nolock=1"
    database = sqlite3.connect(where, uri=path is not None, isolation_level=None)
    try:
        # What was written holds whatever becomes of the process; the last of it may go with the power, nothing breaks.
        for setting in (
            "locking_mode = exclusive",
            "journal_mode = wal",
            "synchronous = normal",
            "trusted_schema = off",
            f"main.cache_size = {-_CACHE}",
            f"temp.cache_size = {-_CACHE}",
        ):
            database.execute(f"pragma {setting}").fetchall()
    except BaseException:
        database.close()
        raise
    return database


def as_json(names: Sequence[str]) -> str:
    """Return names as SQLite's functions for JSON write them."""
    return _NAMES.encode(names) if names else "[]"
