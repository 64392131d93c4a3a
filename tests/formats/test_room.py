"""Room for decoded pictures: never more at once than there is, and nobody waits for ever."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from format_samples import cog, copc, encoded, las, netcdf3, photo

from s3magic.formats import registry
from s3magic.formats.room import DECODED, Room


def test_threads_hold_no_more_than_there_is_and_all_have_their_turn():
    room, lock, held, most = Room(10), threading.Lock(), [0], [0]

    def work(wanted):
        with room.take(wanted):
            with lock:
                held[0] += min(wanted, 10)
                most[0] = max(most[0], held[0])
            with lock:
                held[0] -= min(wanted, 10)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, [3, 4, 9, 100, 1] * 100, timeout=60))
    assert 4 <= most[0] <= 10


def test_what_is_held_is_given_back_after_an_error():
    room = Room(10)
    for _ in range(3):
        with pytest.raises(KeyError), room.take(10):
            raise KeyError


@pytest.mark.parametrize(
    ("name", "data", "least"),
    [
        ("a.png", encoded(photo(640, 480), "PNG"), 640 * 480 * 3),
        ("a.webp", encoded(photo(640, 480), "WebP"), 640 * 480 * 3),
        ("a.tif", cog(np.arange(90_000, dtype="u2").reshape(300, 300), overviews=0), 90_000 * 2),
        ("a.nc", netcdf3(), 36 * 72 * 8),
        ("a.las", las(), 34 * 100),
        ("a.copc.laz", copc(), 30 * 100),
    ],
)
def test_every_preview_of_data_takes_its_room(monkeypatch, name, data, least):
    taken, take = [], DECODED.take
    monkeypatch.setattr(DECODED, "take", lambda wanted: taken.append(wanted) or take(wanted))
    registry.find(name).preview(io.BytesIO(data))
    assert len(taken) == 1
    assert least <= taken[0] < 1 << 28
