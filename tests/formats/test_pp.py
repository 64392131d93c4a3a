from __future__ import annotations

import struct

import numpy as np
import pytest
from format_samples import pp, temperatures

from s3magic.errors import UnreadableFormat
from s3magic.formats import registry


@pytest.mark.parametrize("order", [">", "<"])
def test_describes_the_first_field(describe, order):
    info = describe(pp(temperatures(), order=order), "a.pp")
    assert (info.kind, info.format, info.dimensions) == ("grid", "pp", "72x36")
    assert info.crs84_extent == (-180.0, -90.0, 180.0, 90.0)
    assert info.details["variables"] == {"m01s03i236": "36 x 72 K"}


def test_an_unknown_field_goes_by_its_code(describe):
    assert describe(pp(temperatures(), stash=12345), "a.pp").details["variables"] == {"m01s12i345": "36 x 72"}


def test_draws_north_up_and_leaves_missing_cells_out(preview):
    values = temperatures()
    values[0, :] = -1e30
    found, pixels = preview(pp(values), "a.pp")
    assert found.caption.startswith("air_temperature (K), 36 x 72, 25")
    assert (found.width, found.height) == (160, 80)
    assert (pixels[-1, :, 3] == 0).all()
    assert pixels[2, 80, 0] > pixels[-6, 80, 0]


def test_a_rotated_pole_is_undone(describe):
    data = pp(temperatures(21, 21), lbcode=101, north=(-1.1, 0.1), east=(358.9, 0.1), pole=(37.5, 177.5))
    west, south, east, north = describe(data, "a.pp").crs84_extent
    assert ((west + east) / 2, (south + north) / 2) == pytest.approx((-2.5, 52.5), abs=0.1)


def test_uneven_grids_bring_their_coordinates(describe):
    def vector(kind, values):
        return struct.pack(f">i{len(values)}f", 1000 * len(values) + kind, *values)

    extra = vector(1, np.arange(72) * 2.0) + vector(2, np.arange(36) * 1.0)
    data = pp(temperatures(), north=(0.0, 0.0), east=(0.0, 0.0), extra=extra)
    assert describe(data, "a.pp").crs84_extent == (-1.0, -0.5, 143.0, 35.5)
    assert describe(pp(temperatures(), north=(0.0, 0.0)), "a.pp").crs84_extent is None


def test_packed_fields_are_described_but_not_drawn(describe, preview):
    data = pp(temperatures(), lbpack=1)
    assert describe(data, "a.pp").dimensions == "72x36"
    with pytest.raises(UnreadableFormat, match="Packed") as error:
        preview(data, "a.pp")
    assert "iris" in error.value.hint


def test_a_header_costs_one_request(reader):
    file = reader(pp(temperatures(500, 500)), "a.pp")
    registry.describe(file, "a.pp")
    assert (file.requests, file.bytes_read) == (1, 32 << 10)


@pytest.mark.parametrize("data", [b"", b"abc", pp(temperatures())[:200], pp(temperatures())[:1000], bytes(500)])
def test_broken_files_are_told(describe, data):
    with pytest.raises(UnreadableFormat, match=r"a\.pp"):
        describe(data, "a.pp")


@pytest.mark.parametrize("shape", [(1 << 25, 2), (2, 1 << 25), (-1, 10)])
def test_a_field_that_claims_more_than_there_is_is_refused(describe, shape):
    data = bytearray(pp(temperatures()))
    struct.pack_into(">2i", data, 4 + 4 * 17, *shape)
    with pytest.raises(UnreadableFormat) as caught:
        describe(bytes(data), "a.pp")
    assert "cannot be true" in caught.value.hint
