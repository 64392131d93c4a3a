"""Files as they come from S3: read in ranges, every byte and request counted."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from s3magic.formats import registry
from s3magic.store.memory import MemoryStore
from s3magic.store.reader import RangeReader


@pytest.fixture
def reader():
    """A maker of readers: ``reader(data, name)``."""

    def make(data, name="file", **options):
        store = MemoryStore("teaching")
        return RangeReader(store, store.put(name, data), **options)

    return make


@pytest.fixture
def describe(reader):
    """``describe(data, name)`` through the registry."""
    return lambda data, name: registry.describe(reader(data, name), name)


@pytest.fixture
def preview(reader):
    """``preview(data, name)`` through the registry: the preview, and its pixels as RGBA."""

    def make(data, name, *, size=160):
        found = registry.find(name).preview(reader(data, name), size=size)
        image = Image.open(io.BytesIO(found.image))
        assert Image.MIME[image.format] == found.media_type
        assert image.size == (found.width, found.height)
        assert max(image.size) <= size
        return found, np.asarray(image.convert("RGBA")).astype(int)

    return make
