"""What every format must keep, whatever the file: the same answer each time, few bytes, and our own errors alone.

Files that are cut or changed are asked in a process of their own, where a fault of a C library fails
the test and does not end the run. ``S3MAGIC_EVERY=10`` cuts at every tenth byte, 3,000 times at most
(`make prove-formats`).
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
import textwrap
import tracemalloc

import pytest
import test_broken_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from more_samples import Files, ome_zarr, refusal, samples, zarr_group

from s3magic.errors import UnreadableFormat
from s3magic.formats import registry
from s3magic.thumbnails.preview import READ_LIMIT

SAMPLES = {**test_broken_files.SAMPLES, **samples()}
NAMES = sorted(SAMPLES)
EVERY = int(os.environ.get("S3MAGIC_EVERY", "0"))
FEW = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_file_gives_the_same_answer_within_the_cap(reader, name):
    format_ = registry.find(name)
    file = reader(SAMPLES[name], name, block=64 << 10, limit=READ_LIMIT)
    first = format_.describe(file), format_.preview(file)
    assert file.bytes_read <= READ_LIMIT
    again = io.BytesIO(SAMPLES[name])
    again.name = name
    assert (format_.describe(again), format_.preview(again)) == first


@pytest.mark.parametrize("size", [16, 161, 1024])
@pytest.mark.parametrize("name", NAMES)
def test_no_picture_is_larger_than_it_may_be(preview, name, size):
    found, pixels = preview(SAMPLES[name], name, size=size)
    assert 1 <= min(found.width, found.height) <= max(found.width, found.height) <= size
    assert pixels[..., 3].any()


@pytest.mark.parametrize("name", NAMES)
def test_empty_and_foreign_files_are_refused(name):
    format_ = registry.find(name)
    foreign = [b"", b"\0", bytes(5000), bytes(range(128, 256)) * 40]
    for data in foreign:
        for question in (format_.describe, format_.preview):
            if refusal(question, io.BytesIO(data)) is None:
                assert data == foreign[-1]  # high letters without control characters may be a text
                assert name.endswith((".csv", ".gz"))


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.ndjson", "a.svg", "a.tsv.gz"])
@FEW
@given(noise=st.binary(max_size=400))
def test_noise_is_refused_or_shown(name, noise):
    for data in (noise, SAMPLES[name][: len(SAMPLES[name]) // 2] + noise):
        for question in (registry.find(name).describe, registry.find(name).preview):
            refusal(question, io.BytesIO(data))


def test_cut_and_changed_files_raise_nothing_else(tmp_path):
    for name in NAMES:
        (tmp_path / name).write_bytes(SAMPLES[name])
    code = """
        import pathlib, random, sys, warnings
        from s3magic.errors import UnreadableFormat
        from s3magic.formats import registry
        from s3magic.store.memory import MemoryStore
        from s3magic.store.reader import RangeReader
        warnings.simplefilter("error")
        store = MemoryStore("teaching")
        chance, every = random.Random(1), int(sys.argv[2])
        for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
            sample, format_ = path.read_bytes(), registry.find(path.name)
            step = max(every, len(sample) // 3000) if every else max(10, len(sample) // 12)
            cases = [sample[:end] for end in range(0, len(sample), step)]
            for _ in range(1000 if every else 30):
                data = bytearray(sample)
                for _ in range(chance.randrange(1, 5)):
                    at = chance.choice([chance.randrange(min(600, len(data))), chance.randrange(len(data))])
                    length = chance.choice([1, 1, 4])
                    piece = bytes(chance.choice([255, 0, chance.randrange(256)]) for _ in range(length))
                    data[at : at + len(piece)] = piece
                cases.append(bytes(data))
            shown = 0
            for data in cases:
                for question in (format_.describe, format_.preview):
                    try:
                        question(RangeReader(store, store.put(path.name, data)))
                        shown += 1
                    except UnreadableFormat as error:
                        assert error.message and error.hint
                    except BaseException as error:
                        pathlib.Path(f"{path}.bad").write_bytes(data)
                        raise SystemExit(f"{path.name}: {error!r}") from error
            print(f"{path.name}: asked {2 * len(cases)} times, shown {shown}", flush=True)
    """
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(code), str(tmp_path), str(EVERY)],
        capture_output=True,
        text=True,
        timeout=6000,
        check=False,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == len(NAMES)


@pytest.mark.parametrize("make", [zarr_group, ome_zarr])
def test_a_folder_gives_the_same_answer_each_time_within_the_cap(tmp_path, make):
    made = make(tmp_path)
    format_ = registry.find(made.name)
    first = Files(made.files, made.name)
    answers = [(format_.describe(files), format_.preview(files)) for files in (first, Files(made.files, made.name))]
    assert answers[0] == answers[1]
    assert first.bytes_read < READ_LIMIT


@pytest.mark.parametrize("name", NAMES)
def test_answers_can_be_handed_from_a_process_to_another(name):
    file = io.BytesIO(SAMPLES[name])
    for answer in (registry.find(name).describe(file), registry.find(name).preview(file)):
        assert pickle.loads(pickle.dumps(answer)) == answer  # noqa: S301 - made here
        assert answer.to_json()


def tiff_of(side, *, tile):
    """A TIFF that says it is of a size, with no pixels at all."""
    tags = [(256, side), (257, side), (258, 8), (259, 8), (262, 1), (277, 1)]
    tags += [(322, tile), (323, tile), (324, 8), (325, 8)] if tile else [(273, 8), (278, side), (279, 8)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags))
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("tile", [0, 256, 1 << 31])
@pytest.mark.parametrize("side", [100_000, 2**32 - 1])
def test_a_tiff_of_ten_thousand_million_pixels_is_refused(preview, side, tile):
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFormat, match=f"Too large to draw: a.tif has {side} x {side} pixels"):
            preview(tiff_of(side, tile=tile), "a.tif")
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packing", ["zlib", "lzw", "zstd", "packbits"])
def test_a_tile_that_unpacks_to_more_than_it_should_is_bounded(packing):
    """In a process of its own, for what a C library takes is not seen from here."""
    code = f"""
        import io, resource
        import numpy as np, tifffile
        from s3magic.errors import UnreadableFormat
        from s3magic.formats import registry
        out = io.BytesIO()
        dark = np.zeros((8192, 8192), np.uint8)
        tifffile.imwrite(out, dark, metadata=None, rowsperstrip=8192, compression={packing!r})
        data = bytearray(out.getvalue())
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            tags = {{tag.code: (tag.valueoffset, tag.dtype) for tag in tiff.pages[0].tags}}
        for code in (256, 257, 278):
            at, kind = tags[code]
            data[at : at + (2 if kind == 3 else 4)] = (64).to_bytes(2 if kind == 3 else 4, "little")
        registry.find("a.tif").describe(io.BytesIO(data))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            registry.find("a.tif").preview(io.BytesIO(data))
        except UnreadableFormat:
            pass
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 250_000, "kilobytes"
