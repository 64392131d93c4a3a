"""Whatever the bytes, the answer is a description, a picture or one of our errors; and it comes."""

from __future__ import annotations

import io
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from format_samples import cog, copc, encoded, exif, geotiff, las, netcdf3, netcdf4, photo, pp, temperatures
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3magic.errors import MissingLibrary, UnreadableFormat
from s3magic.formats import registry

SAMPLES = {
    "a.las": las(version="1.4", point_format=7, extra=[("height", "f4")]),
    "a.laz": las(compress=True),
    "b.copc.laz": copc(),
    "a.tif": geotiff(temperatures(), nodata=-1, compression="zlib"),
    "b.tif": cog(np.arange(90_000, dtype="u2").reshape(300, 300)),
    "a.nc": netcdf3(),
    "a.pp": pp(temperatures()),
    "a.jpg": encoded(photo(64, 48), exif=exif(thumbnail=encoded(photo(32, 24)), size=(64, 48), place=(1, 2))),
    "a.png": encoded(photo(64, 48), "PNG"),
    "a.gif": encoded(photo(64, 48), "GIF"),
    "a.webp": encoded(photo(64, 48), "WebP"),
}
PATIENT = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


def ask(data, name):
    """Ask for all there is; return how often the file was refused, with our own errors."""
    refused = []
    for question in (registry.find(name).describe, registry.find(name).preview):
        file = io.BytesIO(data)
        try:
            question(file)
        except (UnreadableFormat, MissingLibrary) as error:
            refused.append(error)
        assert not file.closed
    assert all(error.message and error.hint for error in refused)
    return len(refused)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_the_samples_are_sound(name):
    assert ask(SAMPLES[name], name) == 0


@pytest.mark.parametrize("name", sorted({*SAMPLES, "a.h5"}))
def test_empty_and_foreign_files_are_refused(name):
    for data in (b"", b"\0", b"hello world\n" * 100, bytes(5000)):
        assert ask(data, name) == 2


@pytest.mark.parametrize("name", sorted(SAMPLES))
@PATIENT
@given(st.data())
def test_cut_and_changed_files(name, data):
    sample = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(0, 6))):
        # The beginning is where the structure is.
        at = data.draw(st.one_of(st.integers(0, min(600, len(sample) - 1)), st.integers(0, len(sample) - 1)))
        piece = data.draw(
            st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\xff" * 8]))
        )
        sample[at : at + len(piece)] = piece
    ask(bytes(sample[: data.draw(st.one_of(st.just(len(sample)), st.integers(0, len(sample))))]), name)


@pytest.mark.parametrize(
    ("name", "magic"),
    [
        ("a.las", b"LASF"),
        ("a.tif", b"II*\0\x08\0\0\0"),
        ("a.tif", b"MM\0+\0\x08\0\0"),
        ("a.nc", b"CDF\x01"),
        ("a.nc", b"CDF\x05"),
        ("a.pp", b"\0\0\x01\0"),
        ("a.jpg", b"\xff\xd8\xff\xe1"),
        ("a.png", b"\x89PNG\r\n\x1a\n"),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8"),
    ],
)
@PATIENT
@given(noise=st.binary(max_size=600))
def test_noise_behind_a_good_beginning(name, magic, noise):
    ask(magic + noise, name)


def test_damaged_hdf5_is_refused(tmp_path):
    """In a process of its own: a fault of the C library must fail this test, not end the run."""
    (tmp_path / "a.nc").write_bytes(netcdf4(tmp_path / "made.nc"))
    code = """
        import io, pathlib, random, sys
        from s3magic.errors import UnreadableFormat
        from s3magic.formats import registry
        sample = pathlib.Path(sys.argv[1]).read_bytes()
        chance = random.Random(1)
        format_ = registry.find("a.nc")
        for turn in range(150):
            data = bytearray(sample[: len(sample) if turn % 3 else chance.randrange(len(sample))])
            for _ in range(chance.randrange(4)):
                at = chance.randrange(max(1, len(data)))
                data[at : at + 1] = bytes([chance.randrange(256)])
            for question in (format_.describe, format_.preview):
                try:
                    question(io.BytesIO(bytes(data)))
                except UnreadableFormat as error:
                    assert error.hint
        print("done")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "a.nc")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr[-2000:]
