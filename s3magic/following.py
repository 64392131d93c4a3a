"""Mounts that follow when somebody else is chosen to ask S3: which do, which stay, and what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3magic.access import current, per_url
from s3magic.errors import S3MagicError
from s3magic.loaded import loaded

if TYPE_CHECKING:
    from s3magic.access.connection import Connection
    from s3magic.url import S3Url


def lead(new: Connection, former: Connection | None, *, within: S3Url | None = None) -> None:
    """Let the mounts of this kernel that a connection serves now ask as it does, and note it there.

    Their caches are dropped: what they hold was another's to see. A connection that is the former
    one again, keys and all, changes nothing for them.

    Parameters
    ----------
    new, former
        What serves from now on, and what did before.
    within
        A place that only mounts inside are led; None for all.
    """
    manager = loaded("s3magic.mounting.manager")
    if manager is None or former is None or new is former or _is_same(new, former):
        return  # nothing was mounted, or nothing changes

    def is_meant(url: S3Url) -> bool:
        return (within is None or per_url.covers(within, url)) and (per_url.find(url) or current.chosen()) is new

    moved, left = manager.move(is_meant, location=new.location, attach=new.attach)
    told = [f"Mounted as this identity now: {', '.join(moved)}."] if moved else []
    told += [f"As before, being of another store or in use elsewhere: {', '.join(left)}."] if left else []
    told = [sentence for sentence in told if sentence not in new.note]  # a connection may come back again and again
    new.note = " ".join([*([new.note] if new.note else []), *told])


def _is_same(new: Connection, former: Connection) -> bool:
    if new.choice != former.choice or new.location != former.location:
        return False
    try:
        mine, theirs = new.credentials(), former.credentials()
    except S3MagicError:  # the former may have ended, which is why another was chosen
        return False
    return (mine and mine.access_key_id) == (theirs and theirs.access_key_id)
