"""The magics in a real shell: what they return, how they fail, what they refuse."""

from __future__ import annotations

import pytest

import s3magic
from s3magic.errors import InvalidInput, NoSuchBucket
from s3magic.notebook.magics import S3Magics
from s3magic.notebook.verbs import sentence, verbs_of

MAGICS = ["s3creds", "s3check", "s3policy", "s3ls", "s3copy", "s3mount", "s3umount", "s3link", "s3thumbs", "s3stats"]
MAGICS += ["s3sandbox"]


VERBS = [(name, verb) for name in MAGICS for verb in verbs_of(S3Magics.__dict__[name])]


def fail(shell, source, capsys):
    """Run a cell that must fail and return the error and what was shown."""
    capsys.readouterr()
    result = shell.run_cell(source)
    assert not result.success
    return result.error_in_exec, capsys.readouterr().out


@pytest.mark.parametrize("name", MAGICS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_shown_and_does_not_fail(run, capsys, name, flag):
    assert run(f"%{name} {flag}") is None
    shown = capsys.readouterr().out
    assert shown.startswith(f"%{name} ")
    assert S3Magics.__dict__[name].__doc__.strip() in shown


@pytest.mark.parametrize(("name", "verb"), VERBS)
def test_every_verb_has_help_of_its_own(run, capsys, name, verb):
    assert run(f"%{name} {verb} --help") is None
    shown = capsys.readouterr().out
    own = verbs_of(S3Magics.__dict__[name])[verb]
    assert shown.startswith(f"%{name} {verb} ")
    run(f"%{name} --help")
    assert f"  {verb} " in (listed := capsys.readouterr().out)
    assert sentence(own) in listed
    assert all(option.settings["help"] for option in own.options)


@pytest.mark.parametrize("name", MAGICS)
def test_every_option_is_explained(name):
    assert all(option.settings["help"] for option in S3Magics.__dict__[name].options)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%s3ls", "required: URL"),
        ("%s3ls s3://b --limit 0", "not a number above zero"),
        ("%s3ls --rec s3://b", "Did you mean --recursive?"),
        ("%s3ls b/key", "Not an S3 URL"),
        ("%s3ls 's3://b", "never closed"),
        ("%s3creds keys extra", "extra"),
        ("%s3creds psychic", "PROVIDER cannot be 'psychic'\nChoose default, environment"),
        ("%s3creds profile --secret-access-key abc", "--secret-access-key"),
        ("%s3mount s3://b/ here --memory lots", "not a size: 'lots'\nWrite it like 512MB."),
        ("%%s3mount\n1", "nothing to mount"),
        ("%%s3mount s3://teaching/ --keep\n1", "for its cell alone"),
        ("%s3umount", "takes folders or --all"),
        ("%s3umount here --all", "takes folders or --all"),
        ("%s3link", "a verb is missing"),
        ("%s3link dance here", "'dance' is no verb"),
        ("%s3link add here", "required: DIR"),
        ("%s3link add s3://b/*.laz s3://b/*.tif", "not a folder here"),
        ("%s3link status s3://b/*.laz", "not a folder here"),
        ("%s3link status here --checkout", "unrecognized arguments: --checkout"),
        ("%s3link fetch here --bbox 1,2,3", "not a box"),
        ("%s3sandbox dance", "VERB cannot be 'dance'"),
    ],
)
def test_wrong_words_are_refused_in_two_lines(loaded, capsys, line, words):
    error, shown = fail(loaded, line, capsys)
    assert isinstance(error, InvalidInput)
    assert words in shown
    assert "Traceback" not in shown
    assert len(shown.strip().splitlines()) == 2


def test_a_failing_magic_keeps_its_kind_and_stops_the_cell(run, loaded, connection, capsys):
    error, shown = fail(loaded, "before = 1\n%s3ls s3://nowhere-at-all/\nafter = 1", capsys)
    assert isinstance(error, NoSuchBucket)
    assert shown.strip().splitlines() == error.lines()
    assert "before" in loaded.user_ns
    assert "after" not in loaded.user_ns
    run("try:\n    %s3ls s3://nowhere-at-all/\nexcept FileNotFoundError as e:\n    caught = e")
    assert isinstance(loaded.user_ns["caught"], NoSuchBucket)


def test_verbose_errors_show_the_traceback(run, loaded, connection, capsys):
    run("%config S3Magics.verbose_errors = True")
    _, shown = fail(loaded, "%s3ls s3://nowhere-at-all/", capsys)
    assert "Traceback" in shown
    assert "NoSuchBucket" in shown


def test_a_bug_shows_itself_whole(loaded, monkeypatch, capsys):
    monkeypatch.setattr("s3magic.api.ls", lambda *_, **__: 1 / 0)
    error, shown = fail(loaded, "%s3ls s3://teaching/", capsys)
    assert isinstance(error, ZeroDivisionError)
    assert "Traceback" in shown


def interrupt(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize(("line", "work"), [("%s3ls s3://b/", "ls"), ("%s3link add s3://b/*.laz d", "link")])
def test_an_interrupt_shows_two_lines_and_stops_the_cell(loaded, monkeypatch, capsys, line, work):
    monkeypatch.setattr(f"s3magic.api.{work}", interrupt)
    error, shown = fail(loaded, f"{line}\nafter = 1", capsys)
    assert isinstance(error, KeyboardInterrupt)
    assert shown.strip().splitlines() == ["Interrupted", "What was done is kept; the same line again does the rest."]
    assert "after" not in loaded.user_ns
    loaded.run_cell("%config S3Magics.verbose_errors = True")
    assert "Traceback" in fail(loaded, line, capsys)[1]


def test_s3ls_returns_what_python_returns(run, loaded, connection):
    listing = run("%s3ls s3://teaching/odd/")
    assert listing == s3magic.ls("s3://teaching/odd/")
    assert run("x = %s3ls s3://teaching/odd/") is None
    assert loaded.user_ns["x"] == listing
    assert len(run("%s3ls s3://teaching/ -R --limit 3")) == 3
    assert listing.objects[0].etag in repr(run("%s3ls s3://teaching/odd/ -l"))
    assert listing.objects[0].etag not in repr(listing)
    summary = run("%s3ls s3://teaching/odd/ --summary")
    assert summary.count == len(s3magic.ls("s3://teaching/odd/", recursive=True))


def test_the_limit_of_a_listing_is_configured(run, connection):
    run("%config S3Magics.list_limit = 2")
    assert len(run("%s3ls s3://teaching/ -R")) == 2


def test_braces_reach_s3_while_variables_of_that_name_live(run, loaded, connection):
    loaded.user_ns.update(nc="netcdf", pp=3, bucket="teaching")
    for line in ("%s3ls s3://{bucket}/**/*.{nc,pp}", "%s3ls s3://$bucket/**/*.{nc,pp}"):
        assert str(run(line).url) == "s3://teaching/**/*.{nc,pp}"


def test_local_variables_are_filled_in(run, connection):
    run("def look(where):\n    found = %s3ls {where}\n    return found")
    assert str(run("look('s3://teaching/odd/')").url) == "s3://teaching/odd/"


@pytest.mark.parametrize("ending", ["question?mark.txt", "a space.txt", "hash#tag.txt", "100%.txt"])
def test_odd_keys_are_reached_in_quotes(run, connection, ending):
    listing = run(f'%s3ls "s3://teaching/odd/{ending}"')
    assert [info.key for info in listing] == [f"odd/{ending}"]


def test_a_question_mark_at_the_end_wants_quotes(run, connection):
    listing = run('%s3ls "s3://teaching/odd/a space.tx?"')
    assert str(listing.url) == "s3://teaching/odd/a space.tx?"
    assert [info.name for info in listing] == ["a space.txt"]


def test_s3check_returns_the_lights(run, connection):
    report = run("%s3check s3://teaching/odd/")
    assert (report.list.state, report.read.state) == ("ok", "ok")


def test_s3creds_as_text_chooses_for_the_whole_notebook(run, connection):
    former = run("%s3creds")
    assert former is connection
    chosen = run(f"%s3creds anonymous --endpoint-url {connection.location.endpoint_url} --requester-pays")
    assert chosen.choice.provider == "anonymous"
    assert chosen.location.requester_pays
    assert run("%s3creds") is chosen


def test_s3creds_keys_asks_in_a_terminal_unseen(run, loaded, sandbox, monkeypatch):
    teacher = sandbox.users["teacher"]
    answers = iter([teacher.access_key_id, teacher.secret_access_key, ""])
    monkeypatch.setattr("s3magic.notebook.prompt.getpass", lambda _: next(answers))
    chosen = run(f"%s3creds keys --endpoint-url {sandbox.endpoint_url}")
    assert chosen.identity().arn.endswith("user/teacher")
    assert teacher.secret_access_key not in repr(loaded.user_ns["In"]) + repr(chosen)
    s3magic.access.current.forget()


def test_the_sandbox_is_started_once_and_stopped(run, monkeypatch, own_cache):
    from s3magic.access import current
    from s3magic.sandboxes import process

    monkeypatch.setattr(process, "_live", [])
    assert str(run("%s3sandbox status")).startswith("No sandbox")
    box = run("%s3sandbox")
    try:
        assert run("%s3sandbox start") is box
        assert run("%s3sandbox status") is box
        assert len(run("%s3ls s3://teaching/ -R --limit 1")) == 1
        assert run("%s3sandbox reset") is box
        assert "stopped" in repr(run("%s3sandbox stop"))
    finally:
        box.stop()
    assert box.state == "stopped"
    assert current.chosen() is None


def test_running_the_same_line_twice_is_harmless(run, connection):
    line = "%s3ls s3://teaching/odd/"
    assert run(line) == run(line)


def test_thumbnails_take_an_order_a_lifetime_and_a_filter(run, connection, tmp_path):
    (tmp_path / "chosen.txt").write_text("autumn-valley.jpg\nfirst* *.tif\nred*\n")
    gallery = run(f"%s3thumbs s3://teaching/photos/ --sort -size --full --expires 5m --filter {tmp_path}/chosen.txt")
    sizes = [item.size for item in gallery.wait().items]
    assert len(sizes) == 3
    assert sizes == sorted(sizes, reverse=True)
    assert {item.preview.source for item in gallery.items} == {"whole"}
    assert gallery.expires == 300
