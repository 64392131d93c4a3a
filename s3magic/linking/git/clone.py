"""Letting one clone fill itself with linked tiles, and taking that back: settings and a hook, of this clone alone."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from s3magic.errors import LinkError, MissingProgram
from s3magic.html import card
from s3magic.linking.git import guard, sharing
from s3magic.linking.git.index import uses_lfs
from s3magic.linking.git.repository import Repository
from s3magic.linking.git.sharing import NAME, URL

_KEPT = "pre-commit.before-s3magic"
_MARK = "# s3magic: refuses edits of linked tiles; %s3link uninstall DIR takes this away."
_GUARDS = f"{NAME}.guard"
_SET_FETCH = f"{NAME}.fetchexclude"
_SET_LFS = f"{NAME}.lfs"
_HOOK = """\
#!/bin/sh
{mark}
if [ "$(git config --bool {guards})" = true ]; then
  {python} -m {guard}
  case $? in
    0) ;;
    {refused}) exit 1 ;;
    *) echo "s3magic is not where it was: linked tiles were not checked." >&2 ;;
  esac
fi
before="$(dirname "$0")/{kept}"
[ -x "$before" ] || exit 0
exec "$before" "$@"
"""


@dataclass(frozen=True, slots=True)
class Clone:
    """How a clone stands after `install` or `uninstall`.

    Parameters
    ----------
    root
        The top of its work tree.
    installed
        Whether ``git lfs pull`` brings linked tiles.
    guarded
        Whether edits of linked tiles are refused at commit.
    note
        What was left for the user to do; mostly empty.
    """

    root: Path
    installed: bool
    guarded: bool
    note: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return {"root": str(self.root), "installed": self.installed, "guarded": self.guarded, "note": self.note}

    def __repr__(self) -> str:
        note = f" {self.note}" if self.note else ""
        return f"<{self.root}: git lfs pull {self._brings}; edits are {self._refused} at commit>{note}"

    def _repr_html_(self) -> str:
        rows = [("git lfs pull", self._brings), ("edits of tiles", f"{self._refused} at commit")]
        return card(f"Clone: {self.root}", rows + ([("note", self.note)] if self.note else []))

    @property
    def _brings(self) -> str:
        return "brings linked tiles" if self.installed else "brings none of the linked tiles"

    @property
    def _refused(self) -> str:
        return "refused" if self.guarded else "not refused"


def install(folder: Path) -> Clone:
    """Let git-lfs fill this clone through the agent, and git refuse edits of linked tiles at commit.

    Raises
    ------
    LinkError
        The folder is in no repository, or the repository has git-lfs content of its own.
    MissingProgram
        git-lfs is not installed.
    """
    repository = _repository(folder)
    if repository.ask("lfs", "version") is None:
        raise MissingProgram("git-lfs is not installed", "Install git-lfs (Debian: apt install git-lfs), then again.")
    way = sharing.offer(folder)
    if way.way != "agent" or way.copies:
        raise LinkError(
            f"{repository.root} has git-lfs content of its own, which s3magic leaves alone",
            "%s3link fetch fills git-lfs's cache there; nothing has to be installed for it.",
        )
    if not uses_lfs(repository):
        repository.read("lfs", "install", "--local")
        _set(repository, _SET_LFS, "true")
    for name, value in _settings().items():
        _set(repository, name, value)
    if "lfs.fetchexclude" not in repository.settings(r"^lfs\.fetchexclude$", local=True):
        _set(repository, "lfs.fetchexclude", "")  # .lfsconfig leaves everything out, for clones without an agent
        _set(repository, _SET_FETCH, "true")
    note = _guard(repository)
    if not note:
        _set(repository, _GUARDS, "true")
    return Clone(repository.root, installed=True, guarded=not note, note=note)


def uninstall(folder: Path) -> Clone:
    """Take back what `install` set in this clone, and nothing else; files that were fetched stay."""
    repository = _repository(folder)
    marks = repository.settings(rf"^{NAME}\.", local=True)
    there = repository.settings(r"^lfs\.", local=True)
    for name in _settings():
        if name in there:
            repository.ask("config", "--local", "--unset-all", name)
    if _SET_FETCH in marks and there.get("lfs.fetchexclude") == "":
        repository.ask("config", "--local", "--unset-all", "lfs.fetchexclude")
    if _SET_LFS in marks:
        repository.ask("lfs", "uninstall", "--local")
    if marks:
        repository.ask("config", "--local", "--remove-section", NAME)
    _unguard(repository)
    for kept in (repository.common / "s3magic", repository.lfs_storage / "tmp" / NAME):
        shutil.rmtree(kept, ignore_errors=True)
    return Clone(repository.root, installed=False, guarded=False)


def _repository(folder: Path) -> Repository:
    repository = Repository.around(folder)
    if repository is None:
        if Repository(folder, folder).is_distrusted():
            raise LinkError(
                f"git leaves {folder} alone: its repository belongs to somebody else",
                "git config --global --add safe.directory FOLDER tells it that you trust them.",
            )
        raise LinkError(f"{folder} is in no git repository", "Without git, %s3link fetch brings the tiles.")
    return repository


def _settings() -> dict[str, str]:
    """Return what leads git-lfs to the agent: for this URL alone, by this very Python."""
    return {
        f"lfs.{URL}.standalonetransferagent": NAME,
        f"lfs.customtransfer.{NAME}.path": sys.executable,
        f"lfs.customtransfer.{NAME}.args": "-m s3magic lfs-agent",
    }


def _set(repository: Repository, name: str, value: str) -> None:
    repository.read("config", "--local", "--replace-all", name, value)


def _hooks(repository: Repository) -> Path:
    told = os.fsdecode(repository.read("rev-parse", "--git-path", "hooks")).rstrip("\n")
    return (repository.root / told).resolve()


def _guard(repository: Repository) -> str:
    """Put the hook in its place, before one that is there; return what the user must do where it is not ours to do."""
    hooks = _hooks(repository)
    if hooks != repository.common / "hooks":
        return (
            f"Hooks are kept in {hooks}, for more than this clone: to refuse edits of linked tiles there, let its "
            f"pre-commit run {shlex.quote(sys.executable)} -m {guard.__name__} || exit 1"
        )
    hook, kept = hooks / "pre-commit", hooks / _KEPT
    hooks.mkdir(exist_ok=True)
    if os.path.lexists(hook) and not _is_ours(hook):
        if os.path.lexists(kept):
            return f"Both {hook} and {kept} are there: join them into one, then install again."
        hook.rename(kept)
    python = shlex.quote(sys.executable)
    text = _HOOK.format(
        mark=_MARK, guards=_GUARDS, python=python, guard=guard.__name__, refused=guard.REFUSED, kept=_KEPT
    )
    hook.write_text(text, encoding="utf-8")
    hook.chmod(0o755)
    return ""


def _unguard(repository: Repository) -> None:
    """Take the hook away and put the former one back; ours under another name finds itself switched off."""
    hooks = _hooks(repository)
    hook, kept = hooks / "pre-commit", hooks / _KEPT
    if hooks == repository.common / "hooks" and os.path.lexists(hook) and _is_ours(hook):
        hook.unlink()
        if os.path.lexists(kept):
            kept.rename(hook)


def _is_ours(hook: Path) -> bool:
    return hook.is_file() and _MARK in hook.read_text(encoding="utf-8", errors="replace").splitlines()[:2]
