"""Build hook: puts the JupyterLab panel into the wheel; without node the wheel is built without it.

The environment variable ``S3MAGIC_LABEXTENSION`` says how much it matters: ``auto`` (the default) warns when the panel
cannot be built, ``require`` fails, ``skip`` leaves the panel out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME = "s3magic-labextension"
SHARED = f"share/jupyter/labextensions/{NAME}"
MODES = ("auto", "skip", "require")
SOURCES = ("src", "style", "schema", "package.json", "tsconfig.json", "yarn.lock")


class LabExtensionHook(BuildHookInterface[Any]):
    """Builds the panel when its sources are newer, and ships it as shared data."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build if needed, then name the built files to hatchling."""
        mode = os.environ.get("S3MAGIC_LABEXTENSION", "auto")
        if mode not in MODES:
            raise ValueError(f"S3MAGIC_LABEXTENSION is {mode!r}: write one of {', '.join(MODES)}.")
        if mode == "skip":
            return
        project = Path(self.root)
        sources, output = project / "labextension", project / "s3magic" / "labextension"
        try:
            if not is_current(output, sources):
                build(output, sources)
        except CannotBuildError as error:
            if mode == "require":
                raise
            self.app.display_warning(f"s3magic is installed without its JupyterLab panel: {error}")
            return
        if self.target_name == "wheel":
            build_data["shared_data"][str(output)] = SHARED
            build_data["shared_data"][str(sources / "install.json")] = f"{SHARED}/install.json"


class CannotBuildError(RuntimeError):
    """The panel cannot be built here; the message says why."""


def is_current(output: Path, sources: Path) -> bool:
    """Tell whether a release build is there and nothing it was made from is newer.

    A development build, known by its source maps and its log, holds paths of one machine and does not count.
    """
    manifest = output / "package.json"
    if not manifest.is_file() or (output / "build_log.json").exists() or any(output.rglob("*.map")):
        return False
    made_from = [path for name in SOURCES for path in (sources / name, *(sources / name).rglob("*")) if path.is_file()]
    return max(path.stat().st_mtime for path in made_from) <= manifest.stat().st_mtime


def build(output: Path, sources: Path) -> None:
    """Make a release build; raise `CannotBuildError` when a program is missing or fails."""
    own = os.environ.get("PATH", os.defpath)
    path = os.pathsep.join([own, sysconfig.get_path("scripts")])  # jlpm lies beside Python
    for program, places in (("node", own), ("jlpm", path)):
        if shutil.which(program, path=places) is None:
            raise CannotBuildError(f"{program} is not installed.")
    shutil.rmtree(output, ignore_errors=True)
    for step in (["jlpm", "install", "--immutable"], ["jlpm", "build:prod"]):
        program = str(shutil.which(step[0], path=path))
        done = subprocess.run(  # noqa: S603 - a list of fixed words
            [program, *step[1:]],
            cwd=sources,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotBuildError(f"{' '.join(step)} failed.\n{(done.stdout + done.stderr)[-2000:]}")
