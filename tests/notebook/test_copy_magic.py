"""%s3copy and %s3mount --copy in a real shell: what they return, how they fail, what may be completed."""

from __future__ import annotations

from pathlib import Path

import pytest

from s3magic.errors import CopyFailed, InvalidInput


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.mark.usefixtures("connection")
def test_a_copy_returns_its_report(run, capsys):
    report = run("%s3copy s3://teaching/{drawings,odd}/*.svg there --dry-run")
    assert (report.dry_run, report.copied) == (True, ("drawings/tide.svg",))
    capsys.readouterr()
    assert run("r = %s3copy s3://teaching/drawings/ there\nr").copied == ("tide.svg",)
    assert Path("there/tide.svg").exists()
    assert run("r = %s3copy s3://teaching/drawings/ there\nr").kept == ("tide.svg",)
    Path("there/extra").touch()
    assert run("%s3copy s3://teaching/drawings/ there --delete").deleted == ("extra",)


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        ("%s3copy here there", InvalidInput, "Neither end is on S3"),
        ("%s3copy s3://teaching/", InvalidInput, "required: DST"),
        ("%s3copy s3://teaching/{archive,drawings}/* there", CopyFailed, "archive class"),
        ("%s3mount s3://teaching/photos/ --copy --memory 512MB", InvalidInput, "ordinary files"),
        ("%s3mount s3://teaching/photos/ --write", InvalidInput, "%s3copy"),
    ],
)
def test_it_fails_in_two_lines(loaded, capsys, line, error, said):
    result = loaded.run_cell(line)
    assert type(result.error_in_exec) is error
    shown = capsys.readouterr().out.strip().splitlines()
    assert len(shown) == 2
    assert said in " ".join(shown)


@pytest.mark.usefixtures("connection")
def test_a_mount_may_be_a_copy_by_an_option_or_by_default(run):
    mount = run("m = %s3mount s3://teaching/photos/ p --copy --match *.jpg\nm")
    assert (mount.backend, mount.state) == ("copy", "mounted")
    assert {path.suffix for path in mount.path.rglob("*.*") if path.is_file()} <= {".jpg", ".json"}
    assert run("%s3mount") == [mount]
    assert run("%s3umount p") == []
    run("%config S3Magics.mount_copy = True")
    assert run("m = %s3mount s3://teaching/drawings/\nm").backend == "copy"
    run("%%s3mount s3://teaching/drawings/ q\nn = len(list(__import__('pathlib').Path('q').glob('*.svg')))")
    assert run("n") == 1
    assert [one.path.name for one in run("%s3mount")] == ["drawings"]
