"""Links that open without credentials: how long they may live and what they show of themselves; signs nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self

from s3magic.errors import ExpiredCredentials, InvalidInput
from s3magic.store.credentials import CredentialSource, Location
from s3magic.store.signing import MAX_EXPIRES, presign
from s3magic.url import S3Url

_SHOWN = {
    **{suffix: f"image/{suffix}" for suffix in ("avif", "bmp", "gif", "jpeg", "png", "tiff", "webp")},
    "jpg": "image/jpeg",
    "tif": "image/tiff",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "wav": "audio/wav",
    "mov": "video/quicktime",
    "mp4": "video/mp4",
    "ogv": "video/ogg",
    "webm": "video/webm",
}
"""The types, by the ending of a name, in which nothing can be that a browser would carry out."""


class SignedUrl(str):
    """A link as text, good wherever a URL is taken; its repr leaves the signature out.

    Attributes
    ----------
    expires_at : datetime or None
        When the link dies, the end of the credentials considered; None for a plain link, which
        lives as long as the object is public.
    """

    __slots__ = ("expires_at",)
    expires_at: datetime | None

    def __new__(cls, url: str, expires_at: datetime | None = None) -> Self:
        """Make a link from its text and its end."""
        self = super().__new__(cls, url)
        self.expires_at = expires_at
        return self

    @property
    def url(self) -> str:
        """The whole link as plain text, signature included."""
        return str.__str__(self)

    def __repr__(self) -> str:
        plain, signed, _ = self.partition("?")
        until = f", until {self.expires_at:%Y-%m-%d %H:%M} UTC" if self.expires_at else ""
        return f"SignedUrl({plain + ('?…' if signed else '')!r}{until})"


class Signer(Protocol):
    """Makes a link for one object."""

    def __call__(self, url: S3Url, *, expires: int) -> SignedUrl:
        """Return a link that lives for at most ``expires`` seconds."""
        ...


class LinkMaker:
    """A `Signer` for one connection; it keeps no link.

    Pictures, films and sounds open in the browser, as what their names say they are; everything
    else is downloaded. So no page or drawing, whatever it is called and whatever type it was stored
    with, runs its scripts as if it were the bucket's own site.

    Parameters
    ----------
    locate
        Gives where a bucket lives, its own region included.
    credentials
        Asked once for each link, so that its end is that of the keys that signed it.

    Examples
    --------
    >>> make = LinkMaker(lambda bucket: Location(region="eu-west-2"), lambda: None)
    >>> make(S3Url.parse("s3://public/a.tif"), expires=60)
    SignedUrl('https://public.s3.eu-west-2.amazonaws.com/a.tif')
    """

    def __init__(self, locate: Callable[[str], Location], credentials: CredentialSource) -> None:
        self._locate = locate
        self._credentials = credentials

    def __call__(self, url: S3Url, *, expires: int, download: bool = False) -> SignedUrl:
        """See `Signer`; a plain link when the connection is anonymous. With ``download`` pictures are saved, too.

        Raises
        ------
        InvalidInput
            When ``expires`` is not between one second and seven days.
        ExpiredCredentials
            When the credentials are at their end already.
        """
        check_expires(expires)
        credentials, now = self._credentials(), datetime.now(UTC)
        lifetime = expires
        if credentials is not None and credentials.expires is not None:
            lifetime = min(expires, int((credentials.expires - now).total_seconds()))
            if lifetime < 1:
                raise ExpiredCredentials("The credentials have expired", "Sign in again, then run %s3creds.")
        shown = None if download else _SHOWN.get(url.key.rpartition(".")[2].lower())
        link = presign(
            self._locate(url.bucket),
            credentials,
            url.bucket,
            url.key,
            expires=lifetime,
            disposition=None if shown else "attachment",
            content_type=shown,
            version_id=url.version_id,
        )
        return SignedUrl(link, None if credentials is None else now + timedelta(seconds=lifetime))


def check_expires(expires: int) -> int:
    """Return a lifetime in seconds; raise `InvalidInput` when S3 would not honour it."""
    if isinstance(expires, bool) or not isinstance(expires, int) or not 0 < expires <= MAX_EXPIRES:
        raise InvalidInput(
            f"A link cannot live for {expires!r} s", "Choose between one second and seven days (604800)."
        )
    return expires
