"""What one may do: the lights, and policies; composes `access` and decides nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from s3magic.url import S3Url

if TYPE_CHECKING:
    from s3magic.access.lint import Finding
    from s3magic.access.permissions import PermissionReport


def check(
    url: S3Url | str, *, write: bool | Literal["full"] = False, output: S3Url | str | None = None
) -> PermissionReport:
    """Light the lights: what the connection in use may do at a URL.

    Parameters
    ----------
    url
        An object, a prefix or a pattern. It is listed, and one byte is read.
    write
        True to begin and abort an upload there under a random name; ``"full"`` to overwrite and
        delete a scratch object of our own as well. What is there is never touched, and nothing stays.
    output
        A folder that results shall go to; its Write light is tried, in the same way.

    Examples
    --------
    >>> import s3magic
    >>> s3magic.check("s3://teaching/iris/", output="s3://scratch/").output.state  # doctest: +SKIP
    'ok'
    """
    from s3magic.access import current, permissions
    from s3magic.access.policy import output_folder, partition_of

    parsed, target = S3Url.parse(url), None if output is None else output_folder(output)
    store = current.open_store(parsed)
    partition = partition_of(store.client.location.region)
    report = permissions.check(store, parsed, write=write, partition=partition)
    if target is None:
        return report
    return report.with_output(target, permissions.check_output(current.open_store(target), target, partition=partition))


def policy(
    url: S3Url | str,
    purpose: str,
    *,
    write: bool = False,
    output: S3Url | str | None = None,
    partition: str | None = None,
    kms_key: str | None = None,
    account: str | None = None,
    external_id: str | None = None,
) -> dict[str, Any]:
    """Return the IAM policy that allows one purpose at one place and no more; asks nobody.

    Parameters
    ----------
    url
        An object, a prefix or a pattern.
    purpose
        ``"browse"``, ``"thumbs"``, ``"mount"``, ``"link"``, ``"checksums"``, ``"stored-thumbnails"``
        or ``"delegated"``.
    write
        Whether objects at the URL shall be changed too.
    output
        A folder of its own that results go to.
    partition
        ``"aws"``, ``"aws-cn"`` or ``"aws-us-gov"``; that of the region in use when None.
    kms_key
        ARN of the key that objects are encrypted with, where they are.
    account, external_id
        For ``"delegated"``: the account (or the user or role) that may take on the role, and what it
        must say when it does; an ID is made when None.

    Returns
    -------
    dict
        The document, shown as JSON; for ``"delegated"`` a mapping of ``policy``, ``trust_policy`` and
        ``external_id``.

    Examples
    --------
    >>> import s3magic
    >>> s3magic.policy("s3://teaching/photos/", "browse", partition="aws")["Statement"][1]["Action"]
    ['s3:GetObject']
    """
    from uuid import uuid4

    from s3magic.access import current
    from s3magic.access import policy as policies

    if partition is None:
        chosen = current.chosen()
        partition = policies.partition_of(chosen.location.region if chosen else "")
    if account is not None and external_id is None:
        external_id = uuid4().hex
    return policies.policy(
        url,
        purpose,
        write=write,
        output=output,
        partition=partition,
        kms_key=kms_key,
        account=account,
        external_id=external_id,
    )


def lint_policy(document: Mapping[str, Any] | str) -> list[Finding]:
    """Find the common faults of a policy, each with its mend; takes a mapping or JSON text.

    Examples
    --------
    >>> import s3magic
    >>> wide = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::teaching/*"}]}
    >>> [finding.rule for finding in s3magic.lint_policy(wide)]
    ['every-action']
    """
    from s3magic.access.lint import lint

    return lint(document)
