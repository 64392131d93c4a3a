"""Clients of the sandbox, each of its users, closed when a test ends."""

from __future__ import annotations

import uuid
from contextlib import ExitStack

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config


@pytest.fixture
def client(sandbox):
    """Give a boto3 client of a user by name; None for the anonymous."""
    with ExitStack() as stack:

        def make(user="teacher", *, service="s3", **changes):
            keys = sandbox.users[user] if user else None
            config = Config(
                signature_version="s3v4" if user else UNSIGNED,
                s3={"addressing_style": "path"},
                retries={"max_attempts": 1},
            )
            words = {
                "endpoint_url": sandbox.endpoint_url,
                "region_name": "us-east-1",
                "aws_access_key_id": keys.access_key_id if keys else None,
                "aws_secret_access_key": keys.secret_access_key if keys else None,
                "aws_session_token": keys.session_token if keys else None,
                "config": config,
            }
            made = boto3.client(service, **{**words, **changes})
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def s3(client):
    """The teacher's client."""
    return client("teacher")


@pytest.fixture
def prefix():
    """A place in ``scratch`` that no other test uses."""
    return f"{uuid.uuid4().hex}/"
