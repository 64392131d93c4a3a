"""Which errno a failure becomes, and back: where errors of s3magic turn into errors of a file system."""

from __future__ import annotations

import errno
from pathlib import Path

from s3magic import errors

_ERRNO: tuple[tuple[type[Exception], int], ...] = (
    (errors.NotFound, errno.ENOENT),
    (errors.ArchivedObject, errno.ENODATA),
    (errors.ExpiredCredentials, errno.EKEYEXPIRED),
    (errors.CredentialsError, errno.EACCES),
    (errors.Unreachable, errno.EHOSTDOWN),
    (TimeoutError, errno.ETIMEDOUT),
)

_KINDS: dict[int, type[errors.S3MagicError]] = {
    errno.EKEYEXPIRED: errors.ExpiredCredentials,
    errno.EACCES: errors.CredentialsError,
    errno.EHOSTDOWN: errors.Unreachable,
    errno.ETIMEDOUT: errors.Unreachable,
}
_HINTS: dict[type[errors.S3MagicError], str] = {
    errors.ExpiredCredentials: "Choose again with %s3creds or s3magic.connect(...).",
    errors.CredentialsError: "Choose who may, with %s3creds or s3magic.connect(...).",
    errors.Unreachable: "Check the endpoint and the network, then try again.",
}


def errno_of(error: Exception) -> int:
    """Return the errno that tells a program most about a failure; ``EIO`` where none says more.

    An `OSError` raised with an errno keeps it. An object that changed while it was open is an
    ``EIO``, as the contract of a mount says: no other errno of a read is understood everywhere.

    Examples
    --------
    >>> import os
    >>> os.strerror(errno_of(errors.ExpiredCredentials("The credentials ended")))
    'Key has expired'
    """
    for kind, number in _ERRNO:
        if isinstance(error, kind):
            return number
    if isinstance(error, OSError) and not isinstance(error, errors.S3MagicError) and error.errno:
        return error.errno
    return errno.EIO


def error_of(error: OSError, path: Path) -> errors.S3MagicError:
    """Return what a mount said by an errno about one of its folders, as it would have said it itself.

    Examples
    --------
    >>> import errno
    >>> error_of(OSError(errno.EHOSTDOWN, "Host is down"), Path("s3/teaching/iris")).lines()[0]
    'The mount cannot look into s3/teaching/iris: Host is down'
    """
    kind = _KINDS.get(error.errno or 0, errors.MountError)
    hint = _HINTS.get(kind, "Unmount it, and mount again.")
    return kind(f"The mount cannot look into {path}: {error.strerror}", hint)
