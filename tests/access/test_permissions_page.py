"""The page about permissions: what it tells is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

from s3magic.access.policy import PURPOSES
from s3magic.sandboxes import people

PAGE = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text(encoding="utf-8")


def test_its_people_can_be_read_and_are_known():
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    found = people.read(json.loads(example))
    assert {"anna", "teacher"} <= set(found.users)
    assert found.roles["short"].max_session_duration == 5


def test_everybody_and_every_purpose_is_told_of():
    known = people.read()
    for name in (*known.users, *known.roles, *PURPOSES):
        assert f"`{name}`" in PAGE
    assert people.EXTERNAL_ID in PAGE
    assert people.PARTNER_ACCOUNT in PAGE
    assert known.roles["brief-reader"].max_session_duration == 2
