"""The magics of lights and policies, in a real shell."""

from __future__ import annotations

import json

import pytest

import s3magic
from s3magic.errors import InvalidInput


def test_s3check_tries_to_write_only_when_asked(run, connection):
    assert run("%s3check s3://scratch/lights/").write.state == "unchecked"
    assert run("%s3check s3://scratch/lights/ --write").write.state == "ok"
    assert run("%s3check --write s3://scratch/lights/").write.state == "ok"
    whole = run("%s3check s3://scratch/lights/ --write full --output s3://scratch/out/")
    assert {light.state for name, light in whole.lights() if name not in {"List", "Read"}} == {"ok"}


def test_s3policy_returns_what_python_returns(run, connection):
    assert run("%s3policy s3://teaching/photos/ browse") == s3magic.policy("s3://teaching/photos/", "browse")
    made = run("%s3policy s3://teaching/photos/ mount --write --output s3://scratch/o/ --partition aws-cn")
    words = {"write": True, "output": "s3://scratch/o/", "partition": "aws-cn"}
    assert made == s3magic.policy("s3://teaching/photos/", "mount", **words)
    delegated = run("%s3policy s3://teaching/ delegated --account 210987654321 --external-id teaching-2024")
    assert delegated["external_id"] == "teaching-2024"


def test_s3policy_judges_a_file(run, tmp_path):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))
    assert [found.rule for found in run(f"%s3policy --lint {path}")] == ["every-action", "every-resource"]
    path.write_text(json.dumps(s3magic.policy("s3://teaching/photos/", "browse")))
    assert run(f"%s3policy --lint {path}") == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%s3check", "no URL"),
        ("%s3check --write", "no URL"),
        ("%s3check s3://scratch/ --write everything", "everything"),
        ("%s3check s3://scratch/ --output s3://scratch/*.png", "*.png"),
        ("%s3policy s3://scratch/", "needs a URL and a purpose"),
        ("%s3policy s3://scratch/ dance", "dance"),
        ("%s3policy s3://scratch/ thumbs --write", "writes nothing"),
        ("%s3policy s3://scratch/ browse --partition moon", "--partition cannot be 'moon'"),
        ("%s3policy --lint nosuch.json", "Cannot read nosuch.json"),
        ("%s3policy s3://scratch/ browse --lint x.json", "nothing else"),
        ("%s3sandbox stop --users people.json", "takes no --users"),
        ("%s3sandbox status --latency 30ms", "takes no --latency"),
        ("%s3sandbox --latency soon", "Not a delay"),
        ("%s3sandbox --faults Rain=5%", "Not a fault"),
    ],
)
def test_wrong_words_are_refused(loaded, connection, capsys, line, words):
    result = loaded.run_cell(line)
    assert isinstance(result.error_in_exec, InvalidInput)
    shown = capsys.readouterr().out
    assert words in shown
    assert len(shown.strip().splitlines()) == 2


@pytest.mark.usefixtures("own_cache")
def test_a_sandbox_with_people_of_ones_own(run, loaded, tmp_path, monkeypatch, capsys):
    from s3magic.sandboxes import process, trouble

    monkeypatch.setattr(process, "_live", [])
    path = tmp_path / "people.json"
    path.write_text(json.dumps({"users": {"anna": s3magic.policy("s3://teaching/photos/", "browse")}}))
    box = run(f"%s3sandbox --users {path}")
    try:
        assert "anna" in box.users
        assert run(f"%s3sandbox --users {path}") is box
        assert run("%s3sandbox") is box
        assert run("%s3sandbox --latency 1ms --faults SlowDown=1%,cut=0.5%").weather.faults["cut"] == 0.005
        assert run("%s3sandbox --latency 0ms --faults cut=0%").weather == trouble.Weather()
        path.write_text('{"users": {}}')
        assert not loaded.run_cell(f"%s3sandbox --users {path}").success
        assert "runs already" in capsys.readouterr().out
    finally:
        box.stop()
