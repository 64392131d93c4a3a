"""Words of a line: variables, braces that are patterns, quotes."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3magic.errors import InvalidInput
from s3magic.notebook import expand

NAMES = st.from_regex(r"[^\W\d]\w{0,6}", fullmatch=True)
NAMESPACES = st.dictionaries(NAMES, st.text())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("s3://b/*.{nc,pp}", ["s3://b/*.{nc,pp}"]),
        ("s3://b/*.{nc}", ["s3://b/*.netcdf"]),
        ("s3://b/$nc/$pp.x", ["s3://b/netcdf/a b.x"]),
        ("s3://b/{unknown}/$unknown", ["s3://b/{unknown}/$unknown"]),
        ('"s3://b/{pp}" x', ["s3://b/a b", "x"]),
        ("'s3://b/{pp}' $pp", ["s3://b/{pp}", "a b"]),
        (r"\{nc} \$nc", ["{nc}", "$nc"]),
        ("{{nc}}", ["{netcdf}"]),
        ("{nc!r} {1+1}", ["{nc!r}", "{1+1}"]),
        ("s3://b/$ s3://b/$1", ["s3://b/$", "s3://b/$1"]),
        ('"s3://b/what?"', ["s3://b/what?"]),
        ("s3://b/what?", ["s3://b/what?"]),
        (r"two\ words 'it'\''s' a\\b", ["two words", "it's", "a\\b"]),
        ("{path}/a", ["/data/set/a"]),
        ("{number}", ["3"]),
        ("s3://b/a#1 x  # what's said of {nc}", ["s3://b/a#1", "x"]),
        ("# all of it", []),
        (r"'#a' \#b", ["#a", "#b"]),
        ("''", [""]),
        ("  ", []),
    ],
)
def test_words(line, words):
    namespace = {"nc": "netcdf", "pp": "a b", "path": Path("/data/set"), "number": 3}
    assert expand.split(line, namespace) == words


@given(st.lists(st.text()), NAMESPACES)
def test_quoted_words_arrive_as_they_are_whatever_variables_live(words, namespace):
    assert expand.split(shlex.join(words), namespace) == words


@given(NAMES, st.text(), st.text())
def test_a_value_is_one_word_and_not_looked_through_again(name, value, other):
    assert expand.split(f'{{{name}}} ${name} "{{{name}}}"', {name: value, "other": other}) == [value] * 3


@given(st.lists(NAMES, min_size=2), NAMESPACES)
def test_braces_with_a_comma_stay(names, namespace):
    pattern = "s3://b/*.{" + ",".join(names) + "}"
    assert expand.split(pattern, {**namespace, **dict.fromkeys(names, "x")}) == [pattern]


@given(st.text(alphabet="ab '\"\\\t{}$,é", max_size=30))
def test_without_variables_a_line_is_split_as_a_shell_splits_it(line):
    try:
        wanted = shlex.split(line)
    except ValueError:
        return  # shlex refuses a backslash at the end, which we read as itself
    if any(pair in line for pair in (r"\$", r"\{")):
        return  # these we let be escaped inside double quotes, as variables are filled in there
    assert expand.split(line) == wanted


@given(st.text(), st.sampled_from(["", "'", '"']), NAMESPACES)
def test_a_protected_text_is_read_back(text, quote, namespace):
    line = quote + expand.protect(text, quote) + quote
    assert expand.split(line, namespace) == ([text] if text or quote else [])


@pytest.mark.parametrize("line", ["'s3://b/a", 's3://b/"a', "it's"])
def test_an_open_quotation_mark_is_refused_in_words(line):
    with pytest.raises(InvalidInput, match="never closed") as caught:
        expand.split(line)
    assert caught.value.hint


@pytest.mark.parametrize("line", ["ls {box.endpoint_url}/x", '--to "{box.folders[0]}"', "{box['a']}"])
def test_a_part_of_a_variable_is_refused_in_words(line):
    with pytest.raises(InvalidInput, match="Only a name is filled in"):
        expand.split(line, {"box": 1})


@pytest.mark.parametrize("line", ["*.{nc.gz,pp}", "{nc.gz}", "'{box.a}'", r"\{box.a}", "{box}"])
def test_patterns_and_keys_with_braces_stay(line):
    assert expand.split(line, {"box": "{box}", "pp": 2}) == [line.strip("'").lstrip("\\")]


def test_a_line_being_typed_tells_where_its_last_word_begins():
    first, last = expand.read("add 's3://b/odd na")
    assert (first.text, first.start, first.quote) == ("add", 0, "")
    assert (last.text, last.start, last.quote) == ("s3://b/odd na", 4, "'")
