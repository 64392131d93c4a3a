"""Iris led to S3 and back; imports no Iris itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any

from s3magic.errors import MissingLibrary
from s3magic.loaded import loaded


def enable_iris() -> None:
    """Let Iris load from ``s3://`` URLs and save to them, now or once it is imported; ``%load_ext s3magic`` does it.

    `iris.load`, ``load_cube``, ``load_cubes`` and ``load_raw`` then take URLs wherever they take
    paths: of objects, of patterns such as ``s3://bucket/*.{nc,pp}``, of one version
    (``?versionId=…``), alone or in lists, paths among them. They are read through a mount of the
    bucket, so that data stay lazy. `iris.save` returns when one whole object is stored; it
    overwrites only what this process loaded or saved last, or what was there when it began.

    Raises
    ------
    MissingLibrary
        Where Iris is not installed, or is one that s3magic does not know its way in.

    Examples
    --------
    >>> import s3magic
    >>> s3magic.enable_iris()
    >>> import iris
    >>> cube = iris.load_cube("s3://teaching/iris/E1_north_america.nc")  # doctest: +SKIP
    """
    from s3magic.cubes import leading

    if "iris" in sys.modules:
        leading.begin(_ways(nullcontext))
    elif find_spec("iris") is None:
        raise MissingLibrary("Iris is not installed", "Install it: pip install 's3magic[iris]'.")
    else:
        leading.begin_later(_ways(nullcontext))


def await_iris(around: Callable[[], AbstractContextManager[object]]) -> None:
    """Do the same whether Iris is installed or not; what goes wrong becomes a warning.

    Parameters
    ----------
    around
        Gives what happens around loading and saving: how errors are shown.
    """
    from s3magic.cubes import leading

    leading.begin_later(_ways(around))


def disable_iris() -> None:
    """Give Iris back as it was; cubes that were loaded can be read as long as their mount is there."""
    leading = loaded("s3magic.cubes.leading")
    if leading is not None:  # else it never was led
        leading.end()


def _ways(around: Callable[[], AbstractContextManager[object]]) -> Any:
    from s3magic.cubes.seams import Ways

    return Ways(_load, _save, around)


def _load(urls: list[str]) -> list[str]:
    from s3magic.cubes import loading

    return loading.paths(urls)


def _save(target: str, write: Callable[[str], Any], words: Mapping[str, Any]) -> Any:
    from platformdirs import user_state_path

    from s3magic.cubes import saving

    return saving.save(target, write, words, folder=user_state_path("s3magic") / "unsaved")
