"""The verbs of ``%s3link``: each parses its words, calls Python and returns what it gave."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

import s3magic
from s3magic import api
from s3magic.notebook import values
from s3magic.notebook.magic import Magical, magic, option
from s3magic.notebook.verbs import VerbMagic

if TYPE_CHECKING:
    from s3magic.linking.adding.plan import LinkPlan
    from s3magic.linking.dataset import LinkedDataset
    from s3magic.linking.diff import DiffReport
    from s3magic.linking.fetch import FetchReport
    from s3magic.linking.gc import GcReport
    from s3magic.linking.git.clone import Clone
    from s3magic.linking.linked import SplitDatasets
    from s3magic.linking.records.changes import Changes
    from s3magic.linking.redirect import Redirect
    from s3magic.linking.status import StatusReport
    from s3magic.linking.verify import VerifyReport

_DIR = option("dir", type=values.folder, metavar="DIR", help="the folder of the dataset")
_BBOX = option("--bbox", type=values.bbox, metavar="W,S,E,N", help="only tiles that touch this box, in degrees")
_MATCH = option("--match", metavar="GLOB", help="only tiles whose name fits")


@magic(
    option("urls", nargs="+", metavar="URL", help="objects, folders or patterns: s3://bucket/tiles/*.{laz,tif}"),
    _DIR,
    option("--checkout", action="store_true", help="download the tiles too"),
    option("--no-checkout", action="store_true", help="record them only: what happens anyway"),
    option("--replace", action="store_true", help="make a new version of the dataset in DIR, and tell what changed"),
    option("--keep-prefix", action="store_true", help="keep folders below the one that all URLs share"),
    option("--split", action="store_true", help="a sub-folder for each type, CRS and schema, instead of refusing"),
    option("--import", dest="import_", action="store_true", help="make ordinary copies instead of links"),
    _BBOX,
    _MATCH,
    option(
        "--hash", choices=["auto", "read", "never"], default="auto", help="whether bodies may be read for a SHA-256"
    ),
    option(
        "--read-limit",
        type=values.size,
        default=1_000_000_000,
        metavar="SIZE",
        help="the most that is read for hashes, 1GB if left out",
    ),
    option("--report", metavar="FILE|URL", help="hashes that S3 Batch Operations computed: its completion report"),
    option("--plan", "--dry-run", dest="dry_run", action="store_true", help="tell what would be done, and do nothing"),
    name="s3link add",
)
def _add(_magics: Magical, args: Namespace) -> LinkedDataset | SplitDatasets | LinkPlan:
    """Record tiles by reference, without copying them."""
    return api.link(
        args.urls,
        args.dir,
        checkout=args.checkout and not args.no_checkout,
        replace=args.replace,
        keep_prefix=args.keep_prefix,
        split=args.split,
        import_=args.import_,
        bbox=args.bbox,
        match=args.match,
        hash=args.hash,
        read_limit=args.read_limit,
        report=args.report,
        dry_run=args.dry_run,
    )


@magic(_DIR, name="s3link status")
def _status(_magics: Magical, args: Namespace) -> StatusReport:
    """Tell how each tile stands, on S3 and here."""
    return s3magic.LinkedDataset(args.dir).status()


@magic(_DIR, _BBOX, _MATCH, name="s3link fetch")
def _fetch(_magics: Magical, args: Namespace) -> FetchReport:
    """Bring the tiles that are not here yet."""
    return s3magic.LinkedDataset(args.dir).fetch(match=args.match, bbox=args.bbox)


@magic(
    _DIR,
    option(
        "--hash", choices=["auto", "read", "never"], default="auto", help="whether bodies may be read for a SHA-256"
    ),
    name="s3link update",
)
def _update(_magics: Magical, args: Namespace) -> Changes:
    """Link what the sources name now; only what changed is read."""
    return s3magic.LinkedDataset(args.dir).update(hash=args.hash)


@magic(
    _DIR,
    option("--deep", action="store_true", help="read the bodies on S3 too and hash them"),
    name="s3link verify",
)
def _verify(_magics: Magical, args: Namespace) -> VerifyReport:
    """Check files here against their hashes, and what is pinned against S3."""
    return s3magic.LinkedDataset(args.dir).verify(deep=args.deep)


@magic(
    _DIR,
    option("old", nargs="?", metavar="OLD", help="a commit; without one, the dataset is compared with S3 now"),
    option("new", nargs="?", metavar="NEW", help="another commit; what is here now, if left out"),
    name="s3link diff",
)
def _diff(_magics: Magical, args: Namespace) -> DiffReport:
    """Tell which tiles differ: from S3 now, or between commits."""
    return s3magic.LinkedDataset(args.dir).diff(args.old, args.new)


@magic(
    option("old", metavar="OLD", help="the bucket or folder that tiles were linked in: s3://old/folder/"),
    option("new", metavar="NEW", help="where they are now"),
    _DIR,
    name="s3link redirect",
)
def _redirect(_magics: Magical, args: Namespace) -> Redirect:
    """Ask for tiles at another place, once each was found there as it was linked."""
    return s3magic.LinkedDataset(args.dir).redirect(args.old, args.new)


@magic(
    _DIR,
    option("--files", action="store_true", help="turn the tiles here into pointers too"),
    option("--bbox", type=values.bbox, metavar="W,S,E,N", help="of those only tiles that touch this box, in degrees"),
    option("--match", metavar="GLOB", help="of those only tiles whose name fits"),
    option("--dry-run", action="store_true", help="tell what would be freed, and free nothing"),
    name="s3link gc",
)
def _gc(_magics: Magical, args: Namespace) -> GcReport:
    """Free local copies that S3 gives again, each asked for before it goes."""
    return s3magic.LinkedDataset(args.dir).gc(files=args.files, match=args.match, bbox=args.bbox, dry_run=args.dry_run)


@magic(_DIR, name="s3link install")
def _install(_magics: Magical, args: Namespace) -> Clone:
    """Let git lfs pull bring the tiles to this clone, and git refuse edits of them."""
    return s3magic.LinkedDataset(args.dir).install()


@magic(_DIR, name="s3link uninstall")
def _uninstall(_magics: Magical, args: Namespace) -> Clone:
    """Take back what install set in this clone."""
    return s3magic.LinkedDataset(args.dir).uninstall()


VERBS: dict[str, VerbMagic] = {
    "add": _add,
    "status": _status,
    "fetch": _fetch,
    "update": _update,
    "verify": _verify,
    "diff": _diff,
    "redirect": _redirect,
    "gc": _gc,
    "install": _install,
    "uninstall": _uninstall,
}
