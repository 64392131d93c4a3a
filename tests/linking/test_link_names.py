"""What URLs name and what tiles are called: folders, kept prefixes, clashes, and keys that lead astray."""

from __future__ import annotations

import pytest

from s3magic.errors import AccessDenied, LinkError, NoSuchKey
from s3magic.linking.dataset import LinkedDataset
from s3magic.linking.records import names
from s3magic.store.memory import MemoryStore
from s3magic.url import S3Url


def put(store, *keys):
    for key in keys:
        store.put(key, key.encode())


def test_a_folder_needs_no_slash(clouds, link):
    dataset = link("tiles")
    assert len(dataset.tiles) == len(clouds)
    assert dataset.info.sources == ("s3://teaching/tiles/",)
    assert link("tiles/").tiles == link("tiles").tiles


def test_an_object_of_that_name_is_no_folder(memory, link):
    put(memory, "x", "x/a.txt")
    assert [tile.url for tile in link("x").tiles] == ["s3://teaching/x"]


def test_what_is_neither_is_told_as_missing(memory, link):
    put(memory, "xy/a.txt")
    with pytest.raises(NoSuchKey):
        link("x")
    assert not link.path.exists()


def test_a_folder_is_not_guessed_where_listing_is_denied(link):
    class Closed(MemoryStore):
        def head(self, *arguments, **options):
            raise AccessDenied("May not look", "Ask.")

        def list_page(self, *arguments, **options):
            raise AccessDenied("May not list", "Ask.")

    with pytest.raises(AccessDenied, match="look"):
        link("tiles", store=Closed("teaching"))


@pytest.mark.parametrize("pattern", ["n/*.[laz|tif]", "n/*.{laz,tif}"])
def test_alternatives_are_read_as_kart_writes_them_too(memory, laz, link, pattern):
    memory.put("n/a.laz", laz())
    put(memory, "n/b.txt")
    assert [tile.name for tile in link(pattern).tiles] == ["a.laz"]


def test_several_patterns_make_one_dataset(memory, link):
    put(memory, "one/a.txt", "two/b.txt", "three/c.txt")
    dataset = link("one/*.txt", "two", "three/c.txt")
    assert [tile.name for tile in dataset.tiles] == ["a.txt", "b.txt", "c.txt"]
    assert dataset.info.sources == ("s3://teaching/one/*.txt", "s3://teaching/three/c.txt", "s3://teaching/two/")


def test_no_folder_is_listed_that_no_match_can_be_in(link):
    class Watched(MemoryStore):
        def list_page(self, prefix="", **options):
            asked.append((prefix, options.get("delimiter")))
            return super().list_page(prefix, **options)

    store, asked = Watched("teaching"), []
    put(store, "t/a1.txt", "t/a2.txt", "t/a3/deep.txt", "t/b.txt")
    assert [tile.name for tile in link("t/a*.txt", store=store).tiles] == ["a1.txt", "a2.txt"]
    assert asked == [("t/a", "/")]


def test_a_kept_prefix_keeps_equal_names_apart(memory, link, tmp_path):
    put(memory, "y/one/a.txt", "y/two/a.txt", "y/b.txt")
    dataset = link("y/**/*.txt", keep_prefix=True, checkout=True)
    assert [tile.name for tile in dataset.tiles] == ["b.txt", "one/a.txt", "two/a.txt"]
    assert (tmp_path / "ds" / "one" / "a.txt").read_bytes() == b"y/one/a.txt"
    assert dataset.status().local == {"file": 3}
    assert link("y/**/*.txt", keep_prefix=True).tiles == dataset.tiles
    assert dataset.info.selection == {"keepPrefix": True}
    dataset.fetch(match="a.txt")


def test_new_folders_do_not_rename_old_tiles(memory, link):
    put(memory, "y/one/a.txt")
    before = link("y/**", keep_prefix=True).tiles
    put(memory, "y/two/a.txt")
    assert link("y/**", keep_prefix=True).tiles[:1] == before


def test_several_places_keep_what_they_do_not_share(memory, link):
    put(memory, "y/2023/x/a.txt", "y/2024/x/a.txt")
    dataset = link("y/2023/x/", "y/2024/x/a.txt", keep_prefix=True)
    assert [tile.name for tile in dataset.tiles] == ["2023/x/a.txt", "2024/x/a.txt"]


def test_several_buckets_are_told_apart():
    folder = names.common_folder([S3Url("b1", "x/"), S3Url("b2", "x/")])
    assert names.below("b1", "x/a", folder) == "b1/x/a"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("o//a.txt", "%2F/a.txt"),
        ("o/../../a.txt", "%2E%2E/%2E%2E/a.txt"),
        ("o/./a.txt", "%2E/a.txt"),
        ("o//etc/passwd", "%2F/etc/passwd"),
        ("o/x/..", "x/%2E%2E"),
        ("o/q?#%20/ü é.txt", "q?#%20/ü é.txt"),
    ],
)
def test_no_key_leads_out_of_the_folder(memory, link, tmp_path, key, name):
    put(memory, key)
    dataset = link("o/", keep_prefix=True, checkout=True)
    assert [tile.name for tile in dataset.tiles] == [name]
    assert (tmp_path / "ds" / name).read_bytes() == key.encode()
    outside = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert outside == {"ds"}


@pytest.mark.parametrize("key", ["o/.git/config", "o/x/.gitattributes", "o/.s3link/dataset.json"])
def test_names_of_git_are_refused_below_too(memory, link, key):
    put(memory, key)
    with pytest.raises(LinkError, match="kept for s3magic and git"):
        link("o/", keep_prefix=True)
    assert not link.path.exists()


@pytest.mark.parametrize("keys", [("o/a", "o/a/b/c"), ("o//a", "o/%2F/a")])
def test_names_that_no_folder_can_hold_both_are_refused_with_both_urls(memory, link, keys):
    put(memory, *keys)
    with pytest.raises(LinkError) as caught:
        link("o/", keep_prefix=True)
    assert all(f"s3://teaching/{key}" in caught.value.message for key in keys)
    assert not link.path.exists()


def test_equal_names_are_refused_with_the_way_out(memory, link):
    put(memory, "one/a.txt", "two/a.txt")
    with pytest.raises(LinkError, match=r"one/a\.txt and s3://teaching/two/a\.txt") as caught:
        link("one/", "two/")
    assert "--keep-prefix" in caught.value.hint


def test_a_folder_that_leads_elsewhere_is_not_written_through(memory, link, tmp_path):
    put(memory, "o/sub/a.txt")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "ds").mkdir()
    (tmp_path / "ds" / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LinkError, match="symbolic link"):
        link("o/", keep_prefix=True)
    (tmp_path / "ds" / "sub").unlink()
    link("o/", keep_prefix=True)
    (tmp_path / "ds" / "sub" / "a.txt").unlink()
    (tmp_path / "ds" / "sub").rmdir()
    (tmp_path / "ds" / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LinkError, match="symbolic link"):
        LinkedDataset(tmp_path / "ds", opener=lambda url: memory).fetch()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_another_choice_of_the_same_tiles_is_told(texts, link):
    link("texts/*", match="n[12].txt")
    with pytest.raises(LinkError, match=r"another choice of these tiles already: match=n\[12\]\.txt"):
        link("texts/*")
    assert len(link("texts/*", match="n[12].txt").tiles) == 2
