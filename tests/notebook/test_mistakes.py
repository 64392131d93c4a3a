"""What a user gets wrong: each mistake fails its cell in two clear lines, and nothing has changed after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from s3magic import errors
from s3magic.access import current
from s3magic.mounting import attach

EVERYTHING = {
    "no such bucket": ("%s3ls s3://no-such-bucket/", errors.NoSuchBucket, "no-such-bucket"),
    "mount of no such bucket": ("%s3mount s3://no-such-bucket/ here", errors.NoSuchBucket, "no-such-bucket"),
    "previews of no such bucket": ("%s3thumbs s3://no-such-bucket/", errors.NoSuchBucket, "no-such-bucket"),
    "links to no such bucket": ("%s3link add s3://no-such-bucket/*.laz here", errors.NoSuchBucket, "no-such-bucket"),
    "no such object": ("%s3ls s3://teaching/nothing.nc", errors.NoSuchKey, "nothing.nc"),
    "no URL": ("%s3ls teaching/iris", errors.InvalidUrl, "teaching/iris"),
    "a web address": ("%s3mount https://teaching/iris here", errors.InvalidUrl, "https"),
    "no bucket": ("%s3check s3://", errors.InvalidUrl, "bucket"),
    "a file to mount": ("%s3mount s3://teaching/iris/E1_north_america.nc here", errors.InvalidInput, "E1_north"),
    "too little memory": ("%s3mount s3://teaching/iris/ here --memory 50MB", errors.InvalidInput, "50.0 MB"),
    "a version of a folder": ("%s3ls s3://teaching/iris/?versionId=abc", errors.InvalidInput, "iris"),
    "previews of a version of a folder": (
        "%s3thumbs s3://teaching/photos/?versionId=abc",
        errors.InvalidInput,
        "photos",
    ),
    "links inside of .s3link": ("%s3link add s3://teaching/tiles/ full/.s3link/x", errors.LinkError, ".s3link"),
    "no such version": ("%s3ls s3://teaching/iris/air_temp.pp?versionId=abc", errors.NoSuchKey, "No such version"),
    "options and no URL": ("%s3mount --version-at 2020-01-01", errors.InvalidInput, "no URL"),
    "a full folder": ("%s3mount s3://teaching/iris/ full", errors.FolderNotEmpty, "full"),
    "a truncated LAZ": (
        "%s3link add s3://teaching/broken/truncated.laz here",
        errors.UnreadableFormat,
        "truncated.laz",
    ),
    "a TIFF that is none": (
        "%s3link add s3://teaching/broken/not-a-tiff.tif here",
        errors.UnreadableFormat,
        "not-a-tiff",
    ),
    "no dataset": ("%s3link status full", errors.LinkError, "full"),
    "no mount": ("%s3umount full", errors.InvalidInput, "full"),
    "a URL to unmount": ("%s3umount s3://teaching/iris/", errors.InvalidInput, "a URL: s3://teaching/iris/"),
    "no name of a bucket": ("%s3ls s3://my_data,old/", errors.InvalidUrl, "my_data,old"),
    "an unknown profile": ("%s3creds profile --profile nobody", errors.InvalidInput, "nobody"),
    "an endpoint that is none": ("%s3creds anonymous --endpoint-url ftp://x", errors.InvalidInput, "ftp"),
}


def mounted(folder):
    return [line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line]


def tree(folder):
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.fixture
def mistake(loaded, capsys):
    """Run a cell that must fail; check its two lines and that nothing changed; return the error."""
    here = Path.cwd()
    (here / "full").mkdir()
    (here / "full/mine.txt").write_text("mine")

    def run(line, kind, word):
        before = tree(here), mounted(here), current.chosen()
        capsys.readouterr()
        result = loaded.run_cell(line)
        said = capsys.readouterr()
        assert not result.success
        assert isinstance(result.error_in_exec, kind), repr(result.error_in_exec)
        lines = (said.out + said.err).strip().splitlines()
        assert len(lines) == 2, lines
        assert word in lines[0]
        assert lines[1].strip()
        assert (tree(here), mounted(here), current.chosen()) == before
        return result.error_in_exec

    return run


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_mistake_is_told_in_two_lines_and_changes_nothing(mistake, connection, name):
    mistake(*EVERYTHING[name])


@pytest.mark.parametrize("line", ["%s3ls s3://private/", "%s3mount s3://private/ here", "%s3thumbs s3://private/"])
def test_no_permission(mistake, sandbox, connection, line):
    import s3magic

    guest = sandbox.users["guest"]
    s3magic.connect(
        "keys",
        access_key_id=guest.access_key_id,
        secret_access_key=guest.secret_access_key,
        endpoint_url=sandbox.endpoint_url,
    )
    error = mistake(line, errors.AccessDenied, "s3:ListBucket")
    assert isinstance(error, PermissionError)


@pytest.mark.parametrize("line", ["%s3ls s3://teaching/", "%s3mount s3://teaching/iris/ here"])
def test_expired_keys(mistake, sandbox, connection, line):
    import s3magic

    expired = sandbox.users["expired"]
    s3magic.connect(
        "keys",
        access_key_id=expired.access_key_id,
        secret_access_key=expired.secret_access_key,
        session_token=expired.session_token,
        endpoint_url=sandbox.endpoint_url,
    )
    mistake(line, errors.ExpiredCredentials, "expired")


@pytest.mark.parametrize("line", ["%s3ls s3://teaching/", "%s3mount s3://teaching/iris/ here"])
def test_the_endpoint_is_down(mistake, connection, monkeypatch, line):
    import s3magic

    s3magic.connect("anonymous", endpoint_url="http://127.0.0.1:9", max_retries=1)
    mistake(line, errors.Unreachable, "127.0.0.1:9")


def test_no_fuse(mistake, connection, monkeypatch, tmp_path):
    monkeypatch.setattr(attach, "DEVICE", tmp_path / "no-fuse")
    mistake("%s3mount s3://teaching/iris/ here", errors.FuseUnavailable, "FUSE")


def test_braces_stay_whole_while_variables_of_their_names_live(loaded, connection):
    loaded.run_cell("nc, pp = 'x', 'y'")
    result = loaded.run_cell("%s3ls s3://teaching/iris/*.{nc,pp}")
    result.raise_error()
    kinds = {info.key.rpartition(".")[2] for info in result.result}
    assert kinds == {"nc", "pp"}
