"""What every test may lean on: a sandbox of its own, the connection to it, a store in memory."""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
for _name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_EC2_METADATA_DISABLED"]:
    del os.environ[_name]
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a run in a script's background begins with ignored


@pytest.fixture(scope="session")
def teaching_data(tmp_path_factory):
    """The folder where sandboxes keep the teaching data: only the first of a run makes it, which takes seconds."""
    folder = tmp_path_factory.getbasetemp().parent / "s3magic-sandbox-cache"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def own_cache(tmp_path, monkeypatch, teaching_data):
    """A cache of the test's own, in which there is nothing but the teaching data."""
    kept = tmp_path / "cache" / "s3magic"
    kept.mkdir(parents=True)
    (kept / "sandbox").symlink_to(teaching_data)
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept.parent))


@pytest.fixture(scope="session")
def sandbox(teaching_data):
    """A running sandbox; what a test writes, it writes under a name of its own."""
    from s3magic.sandboxes import process

    with process.start(cache=teaching_data) as box:
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
def own_mounts(monkeypatch):
    """Records of mounts in a folder of their own; whatever is mounted there is gone after the test."""
    from s3magic import api

    folder = Path(tempfile.mkdtemp(prefix="s3m-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    api.unmount(all=True, force=True)
    shutil.rmtree(folder)


@pytest.fixture
def memory():
    """An empty bucket in memory."""
    from s3magic.store.memory import MemoryStore

    return MemoryStore("teaching")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A file of a certificate of 127.0.0.1 that nobody vouches for, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    alone = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    draft = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    draft = draft.add_extension(alone, critical=False)
    draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = draft.sign(key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    path.write_bytes(made.public_bytes(encoding) + private)
    return path


class Odd:
    """A store that does other than it should at one method."""

    def __init__(self, store, **methods):
        self._store = store
        self._methods = methods

    def __getattr__(self, name):
        true = getattr(self._store, name)
        return (lambda *a, **w: self._methods[name](true, *a, **w)) if name in self._methods else true


@pytest.fixture
def odd():
    """Make a store whose methods of some names are others: ``odd(store, put=lambda true, *a, **w: …)``."""
    return Odd
