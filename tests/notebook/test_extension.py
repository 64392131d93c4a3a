"""Loading costs little and leaves nothing behind when it is taken back."""

from __future__ import annotations

import json
import subprocess
import sys

from traitlets.config import Config

from s3magic.notebook.magics import S3Magics

WEIGH = """
import json, resource, sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("lsmagic", "")
before, rss, start = set(sys.modules), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
shell.run_line_magic("load_ext", "s3magic")
took = time.perf_counter() - start
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss
print(json.dumps({"new": sorted(set(sys.modules) - before), "megabytes": grown / 1024, "seconds": took}))
"""
HEAVY = ["boto3", "botocore", "s3fs", "ipywidgets", "numpy", "urllib3", "PIL", "h5py", "iris", "laspy", "moto"]


def state(shell):
    """Return all that loading may touch."""
    return {
        "magics": {kind: set(table) for kind, table in shell.magics_manager.magics.items()},
        "registry": set(shell.magics_manager.registry),
        "configurables": sorted(type(one).__name__ for one in shell.configurables),
        "matchers": [matcher.__qualname__ for matcher in shell.Completer.custom_matchers],
        "displays": dict(shell.display_formatter.ipython_display_formatter.deferred_printers),
        "events": {name: list(found) for name, found in shell.events.callbacks.items()},
    }


def test_unloading_takes_back_what_loading_did(shell):
    before = state(shell)
    for _ in range(2):
        shell.extension_manager.load_extension("s3magic")
        loaded = state(shell)
        assert loaded["magics"]["line"] - before["magics"]["line"] == set(S3Magics.magics["line"])
        assert loaded["magics"]["cell"] - before["magics"]["cell"] == {"s3mount"}
        assert len(loaded["matchers"]) == len(before["matchers"]) + 1
        shell.extension_manager.unload_extension("s3magic")
        assert state(shell) == before


def test_loading_twice_is_harmless(loaded):
    loaded.magics_manager.load_all_lazy_magics()
    once = state(loaded)
    loaded.extension_manager.reload_extension("s3magic")
    shown = loaded.extension_manager.load_extension("s3magic")
    assert shown == "already loaded"
    assert state(loaded) == once


def test_after_unloading_the_magics_are_unknown(loaded):
    loaded.run_line_magic("unload_ext", "s3magic")
    assert not loaded.run_cell("%s3ls s3://teaching/").success
    assert not loaded.run_cell("%config S3Magics").success


def test_somebody_elses_magic_of_our_kind_stays(loaded):
    loaded.register_magic_function(lambda line: line, magic_name="s3theirs")
    loaded.run_line_magic("unload_ext", "s3magic")
    assert loaded.find_line_magic("s3theirs")
    del loaded.magics_manager.magics["line"]["s3theirs"]


def test_loading_brings_in_nothing_heavy(tmp_path, record_property):
    done = subprocess.run([sys.executable, "-c", WEIGH], capture_output=True, text=True, check=True, cwd=tmp_path)
    weighed = json.loads(done.stdout.splitlines()[-1])
    record_property("seconds", weighed["seconds"])
    assert not {name.partition(".")[0] for name in weighed["new"]} & set(HEAVY)
    assert weighed["megabytes"] < 15


def test_defaults_come_from_the_profile_too(shell):
    shell.config.merge(Config({"S3Magics": {"verbose_errors": True}}))
    shell.extension_manager.load_extension("s3magic")
    assert shell.magics_manager.registry["S3Magics"].verbose_errors
