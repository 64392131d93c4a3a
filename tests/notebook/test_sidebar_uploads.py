"""Files that the side panel uploads: in pieces, whole or not at all, and never over what is there."""

from __future__ import annotations

import os
import secrets

import pytest

import s3magic
from s3magic.errors import AccessDenied, InvalidInput, InvalidUrl, NoSuchKey, ObjectChanged
from s3magic.notebook import sidebar_uploads
from s3magic.notebook.sidebar_uploads import Uploads


@pytest.fixture
def uploads(connection):
    made = Uploads()
    yield made
    folder = made._folder
    made.close()
    assert not folder.exists()


@pytest.fixture
def key():
    return f"uploads/{secrets.token_hex(6)}.csv"


def test_a_file_in_pieces_is_stored_whole(uploads, connection, key):
    store, data = connection.store("scratch"), os.urandom(300_000)
    first = uploads.take(bucket="scratch", key=key, size=len(data), data=data[:100_000])
    assert first["is_stored"] is False
    with pytest.raises(NoSuchKey):
        store.head(key)
    second = uploads.take(upload_id=first["upload_id"], data=data[100_000:200_000])
    assert second["received"] == 200_000
    assert uploads.take(upload_id=first["upload_id"], data=data[200_000:])["is_stored"] is True
    assert store.get(key) == data
    assert store.head(key).content_type == "text/csv"
    assert list(uploads._folder.iterdir()) == []


def test_an_empty_file_is_stored(uploads, connection, key):
    assert uploads.take(bucket="scratch", key=key, size=0)["is_stored"] is True
    assert connection.store("scratch").head(key).size == 0


def test_what_is_there_is_left_as_it_is(uploads, connection, key):
    store = connection.store("scratch")
    store.put(key, b"mine")
    with pytest.raises(ObjectChanged, match="already"):
        uploads.take(bucket="scratch", key=key, size=5, data=b"yours")
    assert store.get(key) == b"mine"


def test_what_came_meanwhile_is_left_as_it_is(uploads, connection, key):
    store = connection.store("scratch")
    begun = uploads.take(bucket="scratch", key=key, size=10, data=b"yours")
    store.put(key, b"mine")
    with pytest.raises(ObjectChanged, match="already"):
        uploads.take(upload_id=begun["upload_id"], data=b"yours")
    assert store.get(key) == b"mine"
    assert list(uploads._folder.iterdir()) == []


def test_what_is_given_up_leaves_nothing(uploads, connection, key):
    begun = uploads.take(bucket="scratch", key=key, size=10, data=b"half")
    uploads.take(upload_id=begun["upload_id"], is_given_up=True)
    assert list(uploads._folder.iterdir()) == []
    with pytest.raises(InvalidInput, match="given up"):
        uploads.take(upload_id=begun["upload_id"], data=b"more")
    with pytest.raises(NoSuchKey):
        connection.store("scratch").head(key)


def test_uploads_that_nobody_ends_do_not_pile_up(uploads, key):
    for number in range(12):
        uploads.take(bucket="scratch", key=f"{key}{number}", size=10, data=b"half")
    assert len(list(uploads._folder.iterdir())) == 8


def test_who_may_not_write_is_told(uploads, sandbox, key):
    student = sandbox.users["student"]
    s3magic.connect(
        "keys",
        access_key_id=student.access_key_id,
        secret_access_key=student.secret_access_key,
        endpoint_url=sandbox.endpoint_url,
        region="us-east-1",
    )
    with pytest.raises(AccessDenied):
        uploads.take(bucket="teaching", key=key, size=1, data=b"x")
    assert list(uploads._folder.iterdir()) == []


@pytest.mark.parametrize("name", ["", "folder/", "x" * 1025])
def test_what_is_no_name_is_refused(uploads, name):
    with pytest.raises((InvalidInput, InvalidUrl)):
        uploads.take(bucket="scratch", key=name, size=1, data=b"x")


def test_what_does_not_fit_is_refused_before_it_comes(uploads, key, monkeypatch):
    monkeypatch.setattr(sidebar_uploads, "_MARGIN", 1 << 62)
    with pytest.raises(InvalidInput, match="do not fit"):
        uploads.take(bucket="scratch", key=key, size=1, data=b"x")


def test_more_bytes_than_told_are_refused(uploads, connection, key):
    with pytest.raises(InvalidInput, match="3 bytes came"):
        uploads.take(bucket="scratch", key=key, size=2, data=b"xyz")
