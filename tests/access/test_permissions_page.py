"""The pages about permissions and teaching: what they tell of people and purposes is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

from s3magic.access.policy import PURPOSES
from s3magic.sandboxes import people

DOCS = Path(__file__).parents[2] / "docs"
PAGE, TEACHING = ((DOCS / name).read_text(encoding="utf-8") for name in ("permissions.md", "teaching.md"))


def test_its_people_can_be_read_and_are_known():
    (example,) = re.findall(r"```json\n(.*?)```", TEACHING, flags=re.DOTALL)
    found = people.read(json.loads(example))
    assert {"anna", "teacher"} <= set(found.users)
    assert found.roles["short"].max_session_duration == 5


def test_everybody_and_every_purpose_is_told_of():
    known = people.read()
    for names, page in (((*known.users, *known.roles), TEACHING), (PURPOSES, PAGE)):
        assert not [name for name in names if f"`{name}`" not in page]
    assert people.EXTERNAL_ID in TEACHING
    assert people.PARTNER_ACCOUNT in TEACHING
    assert known.roles["brief-reader"].max_session_duration == 2
