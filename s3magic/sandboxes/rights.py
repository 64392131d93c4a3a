"""Whether somebody may do something: policies of users, roles, sessions and buckets, weighed together.

After "Policy evaluation logic" of the IAM User Guide, for identities, sessions, resources and two accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from s3magic.sandboxes.actions import Need
from s3magic.sandboxes.policy import allows, judge
from s3magic.sandboxes.users import ACCOUNT, Caller, Document, Role


def may(
    caller: Caller | None, need: Need, *, bucket: Iterable[Document] = (), around: Mapping[str, str] | None = None
) -> bool:
    """Tell whether somebody, None for the anonymous, has a right.

    Parameters
    ----------
    bucket
        The policies of the bucket that is asked about.
    around
        Values of condition keys that are about the request as a whole.
    """
    context = {**(around or {}), **(caller.context if caller else {}), **need.context}
    own = _own(caller, need.action, need.resource, context) if caller else None
    names = _named(caller) if caller else ()
    given = judge(bucket, need.action, resource=need.resource, names=names, context=context)
    if own is False or given is False:
        return False
    if caller is not None and caller.account != ACCOUNT:
        return own is True and given is True
    return own is True or given is True


def may_assume(caller: Caller, role: Role, context: Mapping[str, str]) -> bool:
    """Tell whether somebody may take on a role: its trust policy says so, and mostly their own must too."""
    known = {**context, **caller.context}
    action = "sts:AssumeRole"
    if not allows([role.trust], action, resource=role.arn, names=(*caller.names, *_whole(caller)), context=known):
        return False
    own = _own(caller, action, role.arn, known)
    by_name = allows([role.trust], action, resource=role.arn, names=caller.names, context=known)
    return own is True or (own is None and by_name and caller.account == ACCOUNT)


def _whole(caller: Caller) -> tuple[str, ...]:
    """Return the names of somebody's whole account."""
    return caller.account, f"arn:aws:iam::{caller.account}:root"


def _named(caller: Caller) -> tuple[str, ...]:
    """Return what a bucket's policy may call somebody: within an account, its root stands for nobody else."""
    return caller.names if caller.account == ACCOUNT else (*caller.names, *_whole(caller))


def _own(caller: Caller, action: str, resource: str, context: Mapping[str, str]) -> bool | None:
    own = judge(caller.policies, action, resource=resource, context=context)
    if own and caller.limit is not None:
        limited = judge([caller.limit], action, resource=resource, context=context)
        return own if limited else False if limited is False else None
    return own
