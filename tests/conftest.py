"""What every test may lean on: a sandbox of its own, the connection to it, a store in memory."""

from __future__ import annotations

import os

import pytest

os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
for _name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_EC2_METADATA_DISABLED"]:
    del os.environ[_name]
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    """A running sandbox; what a test writes, it writes under a name of its own."""
    from s3magic.sandboxes import process

    with process.start(cache=tmp_path_factory.getbasetemp().parent / "s3magic-sandbox-cache") as box:
        yield box


@pytest.fixture
def connection(sandbox):
    """The sandbox's teacher, in use for one test."""
    import s3magic
    from s3magic.access import current

    teacher = sandbox.users["teacher"]
    yield s3magic.connect(
        "keys",
        access_key_id=teacher.access_key_id,
        secret_access_key=teacher.secret_access_key,
        endpoint_url=sandbox.endpoint_url,
        region="us-east-1",
    )
    current.forget()


@pytest.fixture
def memory():
    """An empty bucket in memory."""
    from s3magic.store.memory import MemoryStore

    return MemoryStore("teaching")
