"""The public functions, a module for each purpose; each composes the rooms below."""

from __future__ import annotations

from s3magic.api.copies import copy
from s3magic.api.cubes import disable_iris, enable_iris
from s3magic.api.data import link, ls, summary, thumbs
from s3magic.api.identity import connect, connection, forget, saved_choices
from s3magic.api.mounting import mount, mounts, unmount
from s3magic.api.permission import check, lint_policy, policy
from s3magic.api.spending import stats
from s3magic.api.teaching import sandbox

__all__ = [
    "check",
    "connect",
    "connection",
    "copy",
    "disable_iris",
    "enable_iris",
    "forget",
    "link",
    "lint_policy",
    "ls",
    "mount",
    "mounts",
    "policy",
    "sandbox",
    "saved_choices",
    "stats",
    "summary",
    "thumbs",
    "unmount",
]
