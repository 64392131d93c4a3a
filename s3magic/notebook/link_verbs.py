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
    from s3magic.linking.dataset import LinkedDataset
    from s3magic.linking.fetch import FetchReport
    from s3magic.linking.status import StatusReport

_DIR = option("dir", type=values.folder, metavar="DIR", help="the folder of the dataset")
_BBOX = option("--bbox", type=values.bbox, metavar="W,S,E,N", help="only tiles that touch this box, in degrees")
_MATCH = option("--match", metavar="GLOB", help="only tiles whose name fits")


@magic(
    option("urls", nargs="+", metavar="URL", help="objects, folders or patterns: s3://bucket/tiles/*.{laz,tif}"),
    _DIR,
    option("--checkout", action="store_true", help="download the tiles too"),
    option("--no-checkout", action="store_true", help="record them only: what happens anyway"),
    _BBOX,
    _MATCH,
    option(
        "--hash", choices=["auto", "read", "never"], default="auto", help="whether bodies may be read for a SHA-256"
    ),
    name="s3link add",
)
def _add(_magics: Magical, args: Namespace) -> LinkedDataset:
    """Record tiles by reference, without copying them."""
    return api.link(
        args.urls,
        args.dir,
        checkout=args.checkout and not args.no_checkout,
        hash=args.hash,
        bbox=args.bbox,
        match=args.match,
    )


@magic(_DIR, name="s3link status")
def _status(_magics: Magical, args: Namespace) -> StatusReport:
    """Tell how each tile stands, on S3 and here."""
    return s3magic.LinkedDataset(args.dir).status()


@magic(_DIR, _BBOX, _MATCH, name="s3link fetch")
def _fetch(_magics: Magical, args: Namespace) -> FetchReport:
    """Bring the tiles that are not here yet."""
    return s3magic.LinkedDataset(args.dir).fetch(match=args.match, bbox=args.bbox)


VERBS: dict[str, VerbMagic] = {"add": _add, "status": _status, "fetch": _fetch}
