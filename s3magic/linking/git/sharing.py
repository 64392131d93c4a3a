"""How git carries a dataset from clone to clone: by the agent, by an LFS server, or not at all.

Writes ``.lfsconfig`` at the repository's root, and only where nothing else uses git-lfs: git-lfs
reads it nowhere else, and its URL rules the whole repository.
"""

from __future__ import annotations

import json
import os
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from s3magic.errors import LinkError
from s3magic.linking.git.history import DATASETS, dataset_of
from s3magic.linking.git.repository import Repository, anywhere, literal
from s3magic.linking.records import manifest
from s3magic.linking.records.folder import Folder

NAME = "s3link"
URL = f"https://{NAME}.invalid/v1"
_RULES = r"^(lfs\.(url|pushurl)|remote\..*\.(lfsurl|lfspushurl))$"
_NOWHERE = (
    "These ordinary copies have nowhere to go: .lfsconfig leads git-lfs to linked tiles, and a push of other content "
    "is refused. Keep them in a repository of their own."
)
_OURS = "filter=lfs diff=lfs merge=lfs -text"
_TEXT = """\
# The bytes of linked tiles stay on S3; git keeps pointers to them. To fill them in a clone:
#   pip install s3magic
#   python -c {code}
#   git lfs pull
[lfs]
	url = {url}
	fetchexclude = *
	allowincompletepush = true
	locksverify = false
"""


@dataclass(frozen=True, slots=True)
class Sharing:
    """How git carries a dataset.

    Parameters
    ----------
    way
        ``agent``: git-lfs asks s3magic for the tiles. ``server``: the repository has git-lfs
        content of its own, and the tiles go to its LFS server. ``unset``: nothing was settled yet.
        ``none``: the folder is in no repository.
    installed
        Whether this clone knows the agent.
    folder
        The dataset's folder, as it was named.
    copies
        Whether its tiles are ordinary copies, which the agent takes no part in.
    """

    way: Literal["agent", "server", "unset", "none"]
    installed: bool
    folder: str
    copies: bool = False

    @property
    def hint(self) -> str:
        """What the user may want to do about it; empty when nothing."""
        if self.copies:
            return _NOWHERE if self.way == "agent" else ""
        if self.way == "agent" and not self.installed:
            return (
                f"git lfs pull brings no tiles to this clone yet: %s3link install {shlex.quote(self.folder)} lets it."
            )
        if self.way == "server":
            return (
                "This repository has git-lfs content of its own, which is left alone: %s3link fetch fills "
                "git-lfs's cache, and a push takes the tiles to its LFS server."
            )
        return ""

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return {"way": self.way, "installed": self.installed, "hint": self.hint}


def look(folder: Path, *, thorough: bool = True) -> Sharing:
    """Tell how git carries the linked tiles in a folder; changes nothing.

    Unless it is ``thorough``, other git-lfs content is not looked for where ``.lfsconfig`` is not ours.
    """
    repository = Repository.around(folder)
    if repository is None:
        return Sharing("none", installed=False, folder=str(folder))
    agent = repository.settings(rf"^lfs\.{URL.replace('.', '[.]')}\.standalonetransferagent$")
    here = Folder(folder)
    return Sharing(
        _way(repository, thorough=thorough),
        installed=bool(agent),
        folder=str(folder),
        copies=here.is_dataset and here.info().imported,
    )


def offer(folder: Path) -> Sharing:
    """Lead git-lfs to the agent by ``.lfsconfig`` where nothing else uses git-lfs; tell how git carries the dataset."""
    sharing = look(folder)
    if sharing.way == "unset" and (repository := Repository.around(folder)):
        inside = json.dumps(repository.inside(folder) or ".")
        code = shlex.quote(f"import s3magic; s3magic.LinkedDataset({inside}).install()")
        text = _TEXT.format(code=code, url=URL)
        with suppress(OSError):  # a root that is not ours to write to stays unset
            (repository.root / ".lfsconfig").write_text(text, encoding="utf-8")
        return look(folder)
    return sharing


def _way(repository: Repository, *, thorough: bool) -> Literal["agent", "server", "unset"]:
    config = repository.root / ".lfsconfig"
    own = config.is_file() and repository.ask("config", "--file", str(config), "lfs.url")
    if own and own.decode().strip() == URL:
        return "agent"
    if config.exists() or repository.staged(literal(".lfsconfig")) or repository.settings(_RULES):
        return "server"
    return "server" if thorough and _has_other_content(repository) else "unset"


def _has_other_content(repository: Repository) -> bool:
    """Tell whether any commit, or the work tree, gives git-lfs files that are no linked tiles."""
    linked = {dataset_of(path) for path, text in _texts(repository, DATASETS) if not _is_of_copies(text)}
    info = repository.common / "info" / "attributes"
    texts = [*_texts(repository, anywhere(".gitattributes")), ("", info.read_bytes() if info.is_file() else b"")]
    return any(
        b"filter=lfs" in line and not _is_ours(line, str(PurePosixPath(path).parent) in linked)
        for path, text in texts
        for line in text.splitlines()
    )


def _texts(repository: Repository, pattern: str) -> list[tuple[str, bytes]]:
    """Return what files of a pattern hold: in any commit, and in the work tree."""
    versions = repository.versions(pattern)
    contents = dict(repository.blobs({blob for _, blob in versions}))
    listed = repository.ask("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", pattern) or b""
    here = {os.fsdecode(name) for name in listed.split(b"\0") if name}
    return [
        *((path, contents[blob]) for path, blob in versions if blob in contents),
        *((name, (repository.root / name).read_bytes()) for name in here if (repository.root / name).is_file()),
    ]


def _is_of_copies(dataset: bytes) -> bool:
    with suppress(LinkError):
        return manifest.parse_dataset(dataset.decode("utf-8", "replace")).imported
    return False


def _is_ours(line: bytes, in_dataset: bool) -> bool:  # noqa: FBT001 - one line, one question
    """Tell a line that s3magic wrote: git-lfs's own begin with no slash."""
    return in_dataset and line.startswith(b"/") and line.rstrip().endswith(_OURS.encode())
