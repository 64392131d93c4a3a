"""The README and docs: each line of a magic in them is understood, each link leads somewhere."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path

import pytest

from s3magic.notebook import expand
from s3magic.notebook.magic import options_of
from s3magic.notebook.magics import S3Magics
from s3magic.notebook.verbs import verbs_of

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples/README.md", *ROOT.glob("docs/*.md")]
PAGES += ROOT.glob("s3magic/**/*.md")
LINE = re.compile(r"^ *(?:\w+ = )?%%?(s3\w+) ?(.*)", re.MULTILINE)
LINES = [(page.name, *found) for page in PAGES for found in LINE.findall(page.read_text())]


@pytest.mark.parametrize(("page", "name", "rest"), LINES, ids=str)
def test_a_documented_line_is_understood(page, name, rest):
    magic, words = S3Magics.__dict__[name], expand.split(rest)
    if verbs := verbs_of(magic):
        magic, words = verbs[words[0]], words[1:]
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False)
    for option in options_of(magic):
        parser.add_argument(*option.flags, **option.settings)
    parser.parse_intermixed_args(words)


def test_there_are_lines_to_understand():
    assert {page for page, _, _ in LINES} >= {"README.md", "mounting.md", "linked-tiles.md", "permissions.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(((?!https?:)[^)]+)\)", page.read_text()):
        path, _, heading = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        headings = re.findall(r"^#+ (.*)", target.read_text(), re.MULTILINE) if heading else []
        assert not heading or heading in [re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings], (
            link
        )
