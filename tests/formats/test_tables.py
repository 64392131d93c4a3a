"""Tables: what is shown is what the whole file begins with, and little of it is read."""

from __future__ import annotations

import gzip
import io
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from more_samples import CSV, RECORDS, STATIONS, parquet
from PIL import Image
from pyarrow import parquet as pq

from s3magic.errors import UnreadableFormat
from s3magic.formats import registry, table_picture
from s3magic.formats.json_text import mended
from s3magic.formats.table import Column, Table, text_of

NAMES = ("station", "name", "latitude", "altitude")
TYPES = ("text", "text", "number", "integer")


def drawn(format_, types, *, rows=STATIONS, count=3, size=160):
    """The picture of a table that was made from all of its rows."""
    columns = tuple(
        Column(name, kind, kind in ("number", "integer", "double", "int64"))
        for name, kind in zip(NAMES, types, strict=True)
    )
    texts = tuple(tuple(text_of(cell) for cell in row) for row in rows)
    return table_picture.draw(Table(format_, columns, texts, count=count), size=size).image


@pytest.mark.parametrize("size", [160, 800])
@pytest.mark.parametrize(
    ("name", "data", "format_", "types"),
    [
        ("a.parquet", parquet(), "parquet", ("string", "string", "double", "int64")),
        ("a.csv", CSV.encode(), "csv", TYPES),
        ("a.csv", CSV.replace(",", ";").encode("utf-16"), "csv", TYPES),
        ("a.csv", ("# made by a logger\n#\n" + CSV).replace("\n", "\r\n").encode("utf-8-sig"), "csv", TYPES),
        ("a.csv", CSV.encode("cp1252", "replace").replace(b"?", "ä".encode("cp1252")), "csv", None),
        ("a.tsv", CSV.replace(",", "\t").encode(), "tsv", TYPES),
        ("a.csv.gz", gzip.compress(CSV.encode()), "csv", TYPES),
        ("a.json", json.dumps(RECORDS).encode(), "json", TYPES),
        ("a.json", json.dumps({"made": "today", "stations": RECORDS}).encode(), "json", TYPES),
        ("a.jsonl", "\n".join(map(json.dumps, RECORDS)).encode(), "json-lines", TYPES),
    ],
)
def test_previews_are_those_of_the_whole_table(preview, describe, name, data, format_, types, size):  # noqa: PLR0917
    found, pixels = preview(data, name, size=size)
    info = describe(data, name)
    assert (info.kind, info.format, info.details["rows"], found.source) == ("table", format_, 3, "head")
    assert found.caption == f"3 rows, 4 columns, {format_}"
    assert tuple(info.details["columns"]) == NAMES
    assert (found.width, found.height <= size) == (size, True)
    assert pixels[:, :, 3].min() == 255
    if types is not None:
        assert tuple(info.details["columns"].values()) == types
        assert found.image == drawn(format_, types, size=size)


def test_rows_are_drawn_at_all():
    full, empty = (drawn("csv", TYPES, rows=rows) for rows in (STATIONS, [("", "", None, None)] * 3))
    assert full != empty
    one, other = (np.asarray(Image.open(io.BytesIO(data)).convert("L")).astype(int) for data in (full, empty))
    assert (np.abs(one - other) > 60).sum() > 300


def test_a_large_parquet_costs_its_footer_and_first_pages(reader):
    rows = 400_000
    chance = np.random.default_rng(1)
    columns = {f"column {index}": chance.normal(size=rows).astype("f4") for index in range(12)}
    data = parquet(pa.table(columns), row_group_size=rows, use_dictionary=False, data_page_size=64 << 10)
    file = reader(data, "a.parquet", block=64 << 10)
    found = registry.find("a.parquet").preview(file, size=320)
    assert found.caption == "400\N{NARROW NO-BREAK SPACE}000 rows, 12 columns, parquet"
    assert file.bytes_read < len(data) / 10
    shown = {f"column {index}": columns[f"column {index}"][:40] for index in range(12)}
    small = registry.find("a.parquet").preview(reader(parquet(pa.table(shown)), "a.parquet"), size=320)
    assert small.image == found.image


def test_columns_too_large_to_read_are_told_from_empty_ones(preview):
    chance = np.random.default_rng(1)
    large = pa.array([chance.bytes(3_000_000)] * 2, pa.binary())
    table = pa.table({"a": [1, 2], "picture": large, "nothing": pa.array([None, None], pa.int32())})
    found, _ = preview(parquet(table), "a.parquet", size=400)
    columns = (Column("a", "int64", is_number=True), Column("picture", "binary"), Column("nothing", "int32", True))
    whole = Table("parquet", columns, (("1", "…", ""), ("2", "…", "")), count=2)
    assert found.image == table_picture.draw(whole, size=400).image


def test_the_place_of_a_geoparquet(describe, preview):
    point = b"\1" + (1).to_bytes(4, "little") + np.array([174.8, -41.3]).tobytes()
    said = {"version": "1.1.0", "primary_column": "geometry", "columns": {
        "geometry": {"encoding": "WKB", "geometry_types": [], "bbox": [174.0, -42.0, 175.5, -41.0]}}}  # fmt: skip
    table = pa.table({"geometry": [point]}).replace_schema_metadata({"geo": json.dumps(said)})
    info = describe(parquet(table), "a.parquet")
    assert (info.format, info.crs84_extent) == ("geoparquet", (174.0, -42.0, 175.5, -41.0))
    assert info.details["columns"] == {"geometry": "geometry (binary)"}
    preview(parquet(table), "a.geoparquet")
    for broken in ("{", "[]", json.dumps({**said, "columns": {"geometry": {"bbox": ["x"] * 4}}}), json.dumps({"a": 1})):
        other = table.replace_schema_metadata({"geo": broken})
        assert describe(parquet(other), "a.parquet").crs84_extent is None


def test_empty_and_odd_parquet(preview, describe):
    empty = pa.table({"a": pa.array([], pa.int8())})
    assert preview(parquet(empty), "a.parquet")[0].caption == "0 rows, 1 column, parquet"
    pairs = pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int8()))
    nested = pa.table({"a": [{"b": [1, 2]}, None], "m": pairs})
    preview(parquet(nested), "a.parquet", size=400)
    assert list(describe(parquet(nested), "a.parquet").details["columns"]) == ["a", "m"]
    out = io.BytesIO()
    pq.write_table(pa.table({f"c{index}": [index] for index in range(300)}), out)
    assert describe(out.getvalue(), "a.parquet").details["more columns"] == 240


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("1,2\n3,4\n", {"column 1": "integer", "column 2": "integer"}),
        ("a,b\n", {"a": "text", "b": "text"}),
        ("x,y\nfoo,bar\nbaz,qux\n", {"x": "text", "y": "text"}),
        ("day,hot,when\n2024-02-01,true,2024-02-01T10:00\n", {"day": "date", "hot": "boolean", "when": "time"}),
        ('a,b\n"one, two",3\n"say ""hi""",4.5\n', {"a": "text", "b": "number"}),
        ("a|b\n1|x\n", {"a": "integer", "b": "text"}),
        ("just words\nand more\n", {"just words": "text"}),
        ("a,b\n1\n2,3,4\n", {"a": "integer", "b": "integer"}),
    ],
)
def test_columns_and_types_of_csv(describe, preview, text, columns):
    assert describe(text.encode(), "a.csv").details["columns"] == columns
    preview(text.encode(), "a.csv")


def test_of_a_long_text_only_the_beginning_is_read(reader, describe):
    data = CSV.encode() + b"XX,more,1.5,2\n" * 100_000
    file = reader(data, "a.csv", block=64 << 10)
    found = registry.find("a.csv").preview(file)
    assert (file.bytes_read, found.caption) == (64 << 10, "4 columns, first rows, csv")
    assert "rows" not in describe(data, "a.csv").details
    long = [*RECORDS, *({"station": f"X{number}"} for number in range(9000))]
    for name, text in (("a.json", json.dumps(long)), ("a.ndjson", "\n".join(map(json.dumps, long)))):
        file = reader(text.encode(), name, block=64 << 10)
        assert registry.find(name).preview(file).caption.startswith("4 columns, first rows")
        assert file.bytes_read == 64 << 10


def test_what_unpacks_to_gigabytes_is_unpacked_to_kilobytes(describe):
    bomb = gzip.compress(b"a,b\n" + bytes(0) + b"1,2\n" * 20_000_000, 1)
    assert len(bomb) < 400_000
    assert describe(bomb, "a.csv.gz").details["columns"] == {"a": "integer", "b": "integer"}


def test_geojson_is_a_table_of_its_features(describe):
    features = [
        {"type": "Feature", "properties": {"name": "Harbour", "depth": 3}, "geometry": {"type": "Point"}},
        {"type": "Feature", "properties": None, "geometry": None},
    ]
    data = json.dumps({"type": "FeatureCollection", "bbox": [170, -44, 178, -34], "features": features}).encode()
    info = describe(data, "a.geojson")
    assert (info.format, info.crs84_extent) == ("geojson", (170.0, -44.0, 178.0, -34.0))
    assert info.details["columns"] == {"name": "text", "depth": "integer", "geometry": "text"}


@pytest.mark.parametrize("text", ["5", '"a"', "null", "{}", "[]", "[[1, 2], [3]]", "[1, 2.5]", '{"a": [], "b": {}}'])
def test_any_json_can_be_seen(preview, describe, text):
    preview(text.encode(), "a.json")
    assert describe(text.encode(), "a.json").kind == "table"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.json", b"[" * 100_000),
        ("a.json", b"[" * 50_000 + b"]" * 50_000),
        ("a.json", b'{"a": ' * 20_000),
        ("a.json", b"{'a': 1}"),
        ("a.json", b"1" * 10_000),
        ("a.csv", b"\x00\x01\x02\x03" * 1000),
        ("a.csv", b"\n\n\n"),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(500)),
        ("a.csv.gz", b"\x1f\x8b\x08\x00broken"),
        ("a.csv", b"," * 60_000),
        ("a.parquet", b"PAR1" + b"\xff" * 60 + b"\xff\xff\xff\x7fPAR1"),
        ("a.parquet", b"PAR1" + bytes(100) + (50).to_bytes(4, "little") + b"PAR1"),
        ("a.parquet", b"PAR1"),
    ],
)
def test_hostile_tables_are_refused(preview, name, data):
    with pytest.raises(UnreadableFormat, match=f"Not readable as .*{name}") as error:
        preview(data, name)
    assert error.value.hint


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(JSON, min_size=1) | st.dictionaries(st.text(), JSON, min_size=1), st.data())
def test_a_document_cut_anywhere_can_be_read_up_to_there(document, data):
    text = json.dumps(document, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 1])))
    cut = data.draw(st.integers(1, len(text)))
    found = json.loads(mended(text[:cut]))
    assert type(found) is type(document)
    if isinstance(document, list):
        assert found[:-1] == document[: len(found[:-1])]
    else:
        assert set(found) <= set(document)
    if cut == len(text):
        assert found == document
