"""Which errno a failure becomes."""

from __future__ import annotations

import errno
import os

import pytest

from s3magic import errors
from s3magic.mounting.failures import errno_of


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (errors.NoSuchKey("x"), errno.ENOENT),
        (errors.NoSuchBucket("x"), errno.ENOENT),
        (errors.AccessDenied("x"), errno.EACCES),
        (errors.NoCredentials("x"), errno.EACCES),
        (errors.ExpiredCredentials("x"), errno.EKEYEXPIRED),
        (errors.ArchivedObject("x"), errno.ENODATA),
        (errors.Unreachable("x"), errno.EHOSTDOWN),
        (errors.ObjectChanged("x"), errno.EIO),
        (errors.ServerError("x"), errno.EIO),
        (TimeoutError(), errno.ETIMEDOUT),
        (OSError(errno.ESTALE, "x"), errno.ESTALE),
        (ValueError("x"), errno.EIO),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else errno.errorcode[value],
)
def test_each_failure_has_the_errno_that_says_most(error, number):
    assert errno_of(error) == number


def test_every_error_of_ours_becomes_an_errno_that_has_words():
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert os.strerror(errno_of(kind("x"))).startswith("Unknown") is False
