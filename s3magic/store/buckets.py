"""The buckets of an account, as far as its server tells; opens none of them."""

from __future__ import annotations

from xml.etree import ElementTree

from s3magic.errors import ServerError
from s3magic.store.client import Client, Request


def list_buckets(client: Client) -> list[str]:
    """Return the names of the buckets that whoever asks owns; they need not be allowed to read them.

    Raises `AccessDenied` when they may not know, as they often may not.
    """
    body = client.send(Request("GET", "")).body
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - expat bounds entities itself
    except ElementTree.ParseError as error:
        raise ServerError("The list of buckets is not XML", "Is the endpoint really an S3 server?") from error
    return [name.text or "" for name in root.iterfind("{*}Buckets/{*}Bucket/{*}Name")]
