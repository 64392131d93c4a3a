"""Which errno a failure becomes: the one place where errors of s3magic turn into errors of a file system."""

from __future__ import annotations

import errno

from s3magic import errors

_ERRNO: tuple[tuple[type[Exception], int], ...] = (
    (errors.NotFound, errno.ENOENT),
    (errors.ArchivedObject, errno.ENODATA),
    (errors.ExpiredCredentials, errno.EKEYEXPIRED),
    (errors.CredentialsError, errno.EACCES),
    (errors.Unreachable, errno.EHOSTDOWN),
    (TimeoutError, errno.ETIMEDOUT),
)


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
