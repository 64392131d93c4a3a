"""Notes: facts that outlive whoever wrote them, and none that is half."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from s3magic.linking.records.folder import Folder
from s3magic.linking.records.notes import Notes


def test_facts_are_kept_in_their_order(tmp_path):
    notes = Notes(tmp_path / "a.notes")
    assert list(notes) == []
    facts = [{"name": "ä\n"}, {"size": 1}, {"name": "\udcff"}]
    for fact in facts:
        notes.add(fact)
    assert list(Notes(tmp_path / "a.notes")) == facts
    notes.forget()
    assert list(notes) == []
    notes.forget()


def test_many_write_at_once(tmp_path):
    notes = Notes(tmp_path / "a.notes")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: notes.add({"number": number, "text": "x" * 2000}), range(200)))
    assert sorted(fact["number"] for fact in notes) == list(range(200))


def test_a_fact_cut_short_by_a_kill_spoils_no_other(tmp_path):
    notes = Notes(tmp_path / "a.notes")
    notes.add({"number": 1})
    with notes.path.open("ab") as file:
        file.write(b'\n{"number": 2, "te\xff')
    notes.add({"number": 3})
    assert list(notes) == [{"number": 1}, {"number": 3}]


def test_what_came_as_a_link_is_no_note(tmp_path):
    (tmp_path / "other").write_text('{"number": 1}\n')
    (tmp_path / "a.notes").symlink_to("other")
    assert list(Notes(tmp_path / "a.notes")) == []


def test_a_hash_that_a_killed_fetch_had_noted_is_recorded_by_the_next(texts, link, tmp_path):
    dataset = link("texts/*", hash="never")
    tile = dataset.tiles[0]
    folder = Folder(dataset.path)
    folder.scratch.mkdir()
    folder.learned.add({"name": tile.name, "etag": tile.etag, "oid": "sha256:" + 64 * "0"})
    folder.learned.add({"name": dataset.tiles[1].name, "etag": "of another", "oid": "sha256:" + 64 * "0"})
    (dataset.path / tile.name).write_bytes(texts[tile.name])
    dataset.fetch(match="n[23]*")
    assert [one.oid_from for one in dataset.tiles] == ["download", None, "download", "download"]
    assert dataset.tiles[0].oid == "sha256:" + 64 * "0"
    assert not folder.scratch.exists()
