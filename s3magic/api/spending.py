"""What was asked of S3, and what that costs; counts nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s3magic.usage import Usage


def stats(*, all: bool = False) -> Usage:
    """Tell what was asked of S3: requests, bytes and their rough price.

    Everything counts that this process asked through s3magic, and its mounts; what boto3 and other
    libraries ask by themselves does not, nor what the workers of a cluster do.

    Parameters
    ----------
    all
        Tell it of everything since the process began. Else of the last cell of the notebook that
        used S3, or of this one so far; where there are no cells it is the same.

    Examples
    --------
    >>> import s3magic
    >>> s3magic.stats().cost < 0.01
    True
    """
    from s3magic import usage

    return usage.of_session() if all else usage.cells.usage()
