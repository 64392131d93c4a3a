"""Everything s3magic raises, as one tree; imports nothing and decides nothing.

Each error says in its message what happened and in ``hint`` what to do next, and is also the
builtin it specialises, so that plain ``except FileNotFoundError`` keeps working::

    S3MagicError
    ├── InvalidInput (ValueError)            the caller's words are wrong
    │   ├── InvalidUrl                       not an s3:// URL
    │   └── UnreadableFormat                 a file that is not what it claims to be
    ├── CredentialsError (PermissionError)
    │   ├── NoCredentials                    no provider found any
    │   ├── ExpiredCredentials               they were good once
    │   ├── InvalidCredentials               unknown key or wrong secret
    │   ├── AccessDenied                     known, but not allowed
    │   └── ClockSkew                        the clock of this machine is wrong
    ├── NotFound (FileNotFoundError)
    │   ├── NoSuchBucket
    │   └── NoSuchKey
    ├── ObjectChanged (OSError)              not the object that was pinned or opened
    ├── WrongRegion (ValueError)             the bucket lives elsewhere; ``.region`` says where
    ├── ArchivedObject (OSError)             must be restored before it can be read
    ├── Unreachable (ConnectionError)        endpoint down, name unknown, time-out
    ├── ServerError (OSError)                S3 failed, or answered what it may not
    ├── MissingLibrary (ImportError)         an extra is not installed
    ├── MissingProgram (FileNotFoundError)   a program is not installed
    ├── MountError (OSError)
    │   ├── FuseUnavailable                  no /dev/fuse, or no right to it
    │   ├── FolderNotEmpty                   the mount folder holds files
    │   └── MountBusy                        somebody still uses it; ``.holders`` says who
    ├── CopyError (OSError)                  a copy cannot be done as asked
    │   └── CopyFailed                       some objects failed, the others are done; ``.failures`` says why
    └── LinkError (ValueError)               a linked dataset cannot do what was asked
        └── TilesFailed                      some tiles failed, the others are done; ``.failures`` says why
"""

from __future__ import annotations


class S3MagicError(Exception):
    """Base of all errors of s3magic.

    Parameters
    ----------
    message
        What happened, in one line, without a full stop at the end of a URL.
    hint
        What the user can do about it, in one line.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def lines(self) -> list[str]:
        """Return the friendly lines: what happened, and what to do when that is known."""
        return [line for line in (self.message, self.hint) if line]

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.hint), self.__dict__


class InvalidInput(S3MagicError, ValueError):
    """The caller's words are wrong."""


class InvalidUrl(InvalidInput):
    """Not a URL of the form ``s3://bucket/key``."""


class UnreadableFormat(InvalidInput):
    """A file that is not what it claims to be, or is cut short."""


class CredentialsError(S3MagicError, PermissionError):
    """Who is asking is not settled, or not allowed."""


class NoCredentials(CredentialsError):
    """No provider of the chain found credentials."""


class ExpiredCredentials(CredentialsError):
    """The credentials were good once."""


class InvalidCredentials(CredentialsError):
    """The access key is unknown or the secret does not fit it."""


class AccessDenied(CredentialsError):
    """The identity is known but not allowed to do this; ``action`` and ``resource`` tell what it lacks, if known."""

    action: str | None = None
    resource: str | None = None


class ClockSkew(CredentialsError):
    """The clock of this machine differs too much from the server's."""


class NotFound(S3MagicError, FileNotFoundError):
    """There is nothing of that name."""


class NoSuchBucket(NotFound):
    """There is no such bucket."""


class NoSuchKey(NotFound):
    """There is no such object, or no such version of it."""


class ObjectChanged(S3MagicError, OSError):
    """The object is not the one that was opened or pinned."""


class WrongRegion(S3MagicError, ValueError):
    """The bucket lives in another region; ``region`` names it when the server told."""

    region: str | None = None


class ArchivedObject(S3MagicError, OSError):
    """The object is in an archive class and must be restored first."""


class Unreachable(S3MagicError, ConnectionError):
    """The endpoint does not answer."""


class ServerError(S3MagicError, OSError):
    """The server failed, or answered what it may not; ``status`` is its HTTP status, if any."""

    status: int | None = None


class MissingLibrary(S3MagicError, ImportError):
    """A Python library of an extra is not installed."""


class MissingProgram(S3MagicError, FileNotFoundError):
    """A program of the system is not installed."""


class MountError(S3MagicError, OSError):
    """A mount could not be made, kept or ended."""


class FuseUnavailable(MountError):
    """There is no FUSE here, or no right to use it."""


class FolderNotEmpty(MountError):
    """The folder to mount on already holds files."""


class MountTaken(MountError):
    """Another process was at the same folder just then."""


class MountBusy(MountError):
    """Somebody still uses the mount; ``holders`` lists ``(pid, command, path)``."""

    holders: tuple[tuple[int, str, str], ...] = ()


class LinkError(S3MagicError, ValueError):
    """A linked dataset cannot do what was asked."""


class TilesFailed(LinkError):
    """Some tiles failed and the others are done; ``failures`` lists ``(name, reason)``."""

    failures: tuple[tuple[str, str], ...] = ()


class CopyError(S3MagicError, OSError):
    """A copy cannot be done as it was asked for."""


class CopyFailed(CopyError):
    """Some objects failed and the others are done; ``failures`` lists ``(name, reason)``, ``report`` tells the rest."""

    failures: tuple[tuple[str, str], ...] = ()
    report: object = None
