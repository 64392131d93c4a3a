from __future__ import annotations

import pytest

from s3magic.errors import InvalidInput
from s3magic.thumbnails.choosing import Choice

KEYS = ["p/image_1.png", "p/with space.png", "p/sub/image_2.png", "p/sub/image_40.png", "p/sub/image_41.png", "q/a.png"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image_1.png\nsub/image_2.png", [0, 2]),
        ("sub/*", [2, 3, 4]),
        ("sub/* sub/image_4* !sub/image_41.png", [2, 4]),
        ("sub/image_4*", [3, 4]),
        ("with space.png\r\n\r\nimage_1.png\r\n", [0, 1]),
        ("* *.png !image_1.png", [0]),
        ("nothing.png", []),
        ("\ufeffimage_1.png", [0]),
    ],
)
def test_lines_choose_by_name_or_prefix_and_patterns_leave_out(text, expected):
    chosen = Choice(text, "p/")
    assert [key for key in KEYS if key.startswith("p/") and chosen(key)] == [KEYS[at] for at in expected]


@pytest.mark.parametrize("text", ["", "\n \n", "/a.png", "../a.png", "a/./b.png", "sub/../* x"])
def test_lines_that_lead_nowhere_are_refused(text):
    with pytest.raises(InvalidInput):
        Choice(text, "p/")


@pytest.mark.parametrize(
    ("text", "prefix"), [("sub/a.png\nsub/b*", "p/sub/"), ("a.png", "p/a.png"), ("a\nb", "p/"), ("a*\na/b.png", "p/a")]
)
def test_what_all_have_in_common_narrows_the_listing(text, prefix):
    assert Choice(text, "p/").prefix == prefix


def test_a_gallery_shows_the_chosen_alone(make_gallery, store):
    gallery = make_gallery("s3://teaching/w/", choice=Choice("a.word\nc*\ne* *.word", "w/"))
    assert [item.name for item in gallery.items] == ["a.word", "c.word"]
