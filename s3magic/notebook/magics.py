"""The magics: each parses its line, calls `s3magic.api` and returns what it gave; decides nothing itself."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from traitlets import Bool, Float, Int

from s3magic import api
from s3magic.access.policy import PARTITIONS, PURPOSES
from s3magic.errors import InvalidInput
from s3magic.notebook import cells, credential_options, link_verbs, prompt, values
from s3magic.notebook.magic import Sentence, magic, option
from s3magic.notebook.verbs import magic_with_verbs
from s3magic.thumbnails import SORTS, TEMPLATE

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from s3magic.access.connection import Connection
    from s3magic.access.lint import Finding
    from s3magic.access.permissions import PermissionReport
    from s3magic.copying.report import CopyReport
    from s3magic.listing import Listing, Summary
    from s3magic.mounting.model import Mount, MountTable
    from s3magic.notebook.credential_panel import CredentialPanel
    from s3magic.sandboxes.process import Sandbox
    from s3magic.thumbnails.gallery import Gallery
    from s3magic.usage import Usage

_PATIENCE = 5
"""Seconds that %s3umount waits for a mount in use: mostly this notebook uses it, and closes no file meanwhile."""


@magics_class
class S3Magics(Magics):
    """S3 data in a notebook; `%config S3Magics` shows and sets the defaults."""

    verbose_errors = Bool(default_value=False, help="Show whole tracebacks instead of two friendly lines.").tag(
        config=True
    )
    list_limit = Int(1000, min=1, help="Entries that %s3ls shows at most.").tag(config=True)
    mount_copy = Bool(default_value=False, help="Copy what is to be mounted: for machines without FUSE.").tag(
        config=True
    )
    mount_fresh = Float(10, min=0, help="Seconds that listings of a mount may be old.").tag(config=True)
    thumb_size = Int(160, min=16, max=1024, help="Longer side of a preview, in pixels.").tag(config=True)
    thumb_limit = Int(60, min=1, max=1000, help="Previews on a page.").tag(config=True)

    _panel: CredentialPanel | None = None

    def forget(self) -> None:
        """Close what is still shown: the panel."""
        if self._panel is not None:
            self._shell.events.unregister("post_run_cell", self._refresh_panel)
            self._panel.close()
            self._panel = None

    @property
    def _shell(self) -> InteractiveShell:
        return cast("InteractiveShell", self.shell)

    @line_magic
    @magic(*credential_options.OPTIONS)
    def s3creds(self, args: Namespace) -> Connection | CredentialPanel | Sentence:
        """Choose who asks S3, for the whole notebook or, with --for, for one place.

        Other libraries follow by the environment, unless --no-environ is given or it is for one
        place. Never takes a secret: 'keys' asks for it unseen.
        """
        given = credential_options.words(args)
        credential_options.check_forget(args, given)
        if args.forget:
            api.forget(args.for_url)
            return Sentence(f"{args.for_url} is served by the choice for everything again.")
        in_notebook = getattr(self.shell, "kernel", None) is not None
        if in_notebook and (not given or args.provider == "keys") and credential_options.fit_the_form(given):
            return self._show_panel(given.pop("provider", None), given, environ=not args.no_environ)
        if not given.keys() - {"for_url"}:
            return api.connection(args.for_url)
        if credential_options.needs_keys(given):
            given |= dict(zip(("access_key_id", "secret_access_key", "session_token"), prompt.keys(), strict=True))
        return api.connect(**given, environ=not args.no_environ and args.for_url is None)

    def _show_panel(self, provider: str | None, options: dict[str, Any], *, environ: bool) -> CredentialPanel:
        if self._panel is None:
            from s3magic.notebook.credential_panel import CredentialPanel  # noqa: PLC0415 - ipywidgets

            self._panel = CredentialPanel()
            self._shell.events.register("post_run_cell", self._refresh_panel)
        self._refresh_panel()
        self._panel.leads_environment = environ
        self._panel.fill(provider, **options)
        return self._panel

    def _refresh_panel(self, _result: object = None) -> None:
        if self._panel is not None:
            self._panel.refresh()

    @line_magic
    @magic(
        option("url", nargs="?", metavar="URL", help="s3://bucket/, s3://bucket/prefix/ or s3://bucket/key"),
        option(
            "--write",
            nargs="?",
            const=True,
            metavar="full",
            help="begin and abort an upload too; with 'full', overwrite and delete a scratch object as well",
        ),
        option("--output", metavar="URL", help="a folder for results; tries whether one may write there"),
    )
    def s3check(self, args: Namespace) -> PermissionReport:
        """Tell what you may do at a URL. What is there is never touched, and nothing stays."""
        url, write = (args.write, True) if args.url is None else (args.url, args.write or False)
        if not isinstance(url, str):
            raise InvalidInput("%s3check was given no URL", "Write %s3check s3://bucket/prefix/.")
        return api.check(url, write=write, output=args.output)

    @line_magic
    @magic(
        option("url", nargs="?", metavar="URL", help="s3://bucket/prefix/, a key or a pattern"),
        option("purpose", nargs="?", metavar="PURPOSE", help=f"what for: {', '.join(PURPOSES)}"),
        option("--write", action="store_true", help="change objects there too (browse, mount, checksums, delegated)"),
        option("--output", metavar="URL", help="a folder of its own that results go to"),
        option("--partition", choices=list(PARTITIONS), help="that of the region in use, if left out"),
        option("--kms-key", metavar="ARN", help="the key that objects are encrypted with"),
        option("--account", metavar="ID", help="who may take on the role (delegated): twelve digits, or an ARN"),
        option("--external-id", metavar="ID", help="what they must say then (delegated); made when left out"),
        option("--lint", metavar="FILE", help="find the faults of the policy in a JSON file instead"),
    )
    def s3policy(self, args: Namespace) -> dict[str, Any] | list[Finding]:
        """Write the IAM policy that allows one purpose and no more, or find the faults of another."""
        given = {name: value for name, value in vars(args).items() if value}
        if args.lint is not None:
            if len(given) > 1:
                raise InvalidInput("%s3policy --lint takes a file and nothing else", "Write %s3policy --lint FILE.")
            return api.lint_policy(values.text(args.lint))
        if args.url is None or args.purpose is None:
            raise InvalidInput(
                "%s3policy needs a URL and a purpose", f"Purposes are {', '.join(PURPOSES)}; or write --lint FILE."
            )
        return api.policy(**given)

    @line_magic
    @magic(
        option("url", metavar="URL", help="s3://bucket/prefix/ or a pattern such as s3://bucket/**/*.{nc,pp}"),
        option("-R", "--recursive", action="store_true", help="look into folders too"),
        option("-l", "--long", action="store_true", help="show storage classes and ETags too"),
        option("--limit", type=values.count, metavar="N", help="look at no more than N entries"),
        option("--summary", action="store_true", help="count, bytes, types and classes of all there is, not names"),
    )
    def s3ls(self, args: Namespace) -> Listing | Summary:
        """List a bucket, a folder or a pattern. Says when there is more than the limit."""
        if args.summary:
            return api.summary(args.url, limit=args.limit)
        listing = api.ls(args.url, recursive=args.recursive, limit=args.limit or self.list_limit)
        return replace(listing, long=args.long)

    @line_magic
    @magic(
        option("src", metavar="SRC", help="s3://bucket/prefix/, a pattern, one object, or a file or folder here"),
        option("dst", metavar="DST", help="a folder here, or s3://bucket/prefix/; one object may get its new name"),
        option("--dry-run", action="store_true", help="say what would be done, and do nothing"),
        option("--delete", action="store_true", help="remove from DST what SRC does not have, once all else is done"),
    )
    def s3copy(self, args: Namespace) -> CopyReport:
        """Copy from S3 to disk, to S3, or between buckets: what is new or changed. Again, it does the rest.

        Nothing on S3 is overwritten or deleted that changed since it was listed. Links in a folder are
        followed to files inside of it alone.
        """
        return api.copy(args.src, args.dst, dry_run=args.dry_run, delete=args.delete)

    @line_cell_magic
    @magic(
        option("url", nargs="?", metavar="URL", help="s3://bucket/ or s3://bucket/prefix/; without it, the mounts"),
        option("dir", nargs="?", metavar="DIR", help="an empty or new folder; ./s3/<bucket>/<prefix> when not given"),
        option("--copy", action="store_true", help="copy the files into DIR, where there is no FUSE; they stay there"),
        option("--match", metavar="GLOB", help="copy only objects whose name fits (--copy)"),
        option("--write", action="store_true", help="not yet: nothing can be written through a mount"),
        option("--cache", metavar="DIR", help="keep bytes on disk here for later mounts, too"),
        option("--cache-size", type=values.size, metavar="SIZE", help="room it may take there, such as 50GB (10GB)"),
        option("--memory", type=values.size, metavar="SIZE", help="memory it may use, such as 512MB"),
        option("--fresh", type=float, metavar="SECONDS", help="how old a listing may be"),
        option("--version-at", metavar="TIME", help="show it as it stood then, such as 2026-01-31T12:00+01:00"),
        option("--allow-other", action="store_true", help="let other users of this machine in, too"),
        option("--keep", action="store_true", help="let it stay when the kernel ends, until it is unmounted"),
        option("--uid", type=int, metavar="N", help="whose files they are; yours when left out"),
        option("--gid", type=int, metavar="N", help="which group's they are; yours when left out"),
        option("--file-mode", type=values.mode, metavar="MODE", help="who may read files, such as 440 (444)"),
        option("--dir-mode", type=values.mode, metavar="MODE", help="who may enter folders, such as 550 (555)"),
    )
    def s3mount(self, args: Namespace, cell: str | None = None) -> Mount | MountTable | object:
        """Show a bucket or a folder of it as ordinary files. As %%s3mount, for one cell alone.

        With --copy the URL may be a pattern, and refresh() brings what changed. What was copied stays
        in DIR when it is unmounted; mounting it there again is quick.
        """
        if args.url is None:
            if cell is not None:
                raise InvalidInput("%%s3mount was given nothing to mount", "Write %%s3mount s3://bucket/prefix/ [DIR].")
            if any(value not in (None, False) for value in vars(args).values()):
                raise InvalidInput("%s3mount was given options and no URL", "Alone it shows the mounts.")
            return api.mounts()
        if cell is not None and args.keep:
            raise InvalidInput("%%s3mount mounts for its cell alone", "Leave --keep out, or write %s3mount.")
        before = {mount.path for mount in api.mounts()} if cell is not None else set()
        args.fresh = self.mount_fresh if args.fresh is None else args.fresh
        args.copy = args.copy or self.mount_copy
        given = {name: value for name, value in vars(args).items() if value is not None}
        mount = api.mount(given.pop("url"), given.pop("dir", None), **given)
        if cell is None:
            return mount
        if any(mount.path.is_relative_to(path) for path in before):
            return cells.run(self._shell, cell)
        with cells.mounted(mount, self._shell.user_ns):
            return cells.run(self._shell, cell)

    @line_magic
    @magic(
        option("dirs", nargs="*", metavar="DIR", help="folders to take the mount from"),
        option("--all", action="store_true", help="every mount of yours, those of other notebooks too"),
        option("--force", action="store_true", help="also when somebody still uses it"),
    )
    def s3umount(self, args: Namespace) -> MountTable:
        """Take mounts away and return those that are left. Nothing on S3 changes."""
        if bool(args.dirs) == args.all:
            raise InvalidInput("%s3umount takes folders or --all", "%s3mount alone shows what is mounted where.")
        for path in args.dirs or [None]:
            api.unmount(path, all=args.all, timeout=_PATIENCE, force=args.force)
        return api.mounts()

    @line_magic
    @magic_with_verbs(link_verbs.VERBS)
    def s3link(self) -> None:
        """Keep tiles by reference in a folder that git can keep."""

    @line_magic
    @magic(
        option("url", metavar="URL", help="s3://bucket/prefix/ or a pattern"),
        option("--size", type=values.count, metavar="PIXELS", help="longer side of a preview"),
        option("--limit", type=values.count, metavar="N", help="previews on a page"),
        option("--match", metavar="GLOB", help="only objects whose name fits"),
        option("--var", metavar="NAME", help="the variable of a grid to show"),
        option("--time", type=int, metavar="I", help="which time of it, from 0; -1 is the last"),
        option("--level", type=int, metavar="I", help="which level of it, from 0; -1 is the last"),
        option("--bands", type=values.bands, metavar="R,G,B", help="bands of an image, such as 4,3,2, or one; from 1"),
        option(
            "--scale",
            choices=["shared", "each"],
            default="shared",
            help="whether pictures of one quantity share their colours and a colour bar (shared), or each has its own",
        ),
        option("--sort", choices=SORTS, default="name", help="order of the objects; -size: the largest first"),
        option("--expires", type=values.seconds, default=3600, metavar="TIME", help="how long links live, such as 1h"),
        option("--filter", metavar="FILE", help="a file, or s3:// URL, that names objects, or prefixes and a *"),
        option("--full", action="store_true", help="pictures of whole objects, though there are small ones"),
        option("--suffix", metavar="TEMPLATE", help=f"where thumbnails are stored; {TEMPLATE} if left out"),
        option("--output", metavar="URL", help="the folder they are stored below, where it is another one"),
        option("--generate", action="store_true", help="store first what is missing, of all that the URL names"),
        option("--dask", action="store_true", help="let the Dask cluster in use do that (with --generate)"),
        option("--html", metavar="FILE", help="write the page as one file too; it needs nothing else, holds no link"),
    )
    def s3thumbs(self, args: Namespace) -> Gallery:
        """Show previews of what lies under a URL, reading as few bytes as each format allows."""
        own = ("url", "size", "limit", "html", "dask")
        wishes = {name: value for name, value in vars(args).items() if name not in own}
        if args.dask:
            from s3magic.api.cluster import dask_executor  # noqa: PLC0415 - loaded when asked for

            wishes["executor"] = dask_executor()
        size, limit = args.size or self.thumb_size, args.limit or self.thumb_limit
        gallery = api.thumbs(args.url, size=size, limit=limit, **wishes)
        if args.html:
            gallery.to_html(args.html)
        return gallery

    @line_magic
    @magic(option("--all", action="store_true", help="of everything since the notebook began"))
    def s3stats(self, args: Namespace) -> Usage:
        """Tell what the last cell that used S3 asked of it: requests, bytes, and their rough price."""
        return api.stats(all=args.all)

    @line_magic
    @magic(
        option(
            "verb",
            nargs="?",
            metavar="VERB",
            choices=["start", "stop", "status", "reset"],
            default="start",
            help="%(choices)s; start if left out",
        ),
        option("--data", metavar="DIR", help="a folder that becomes a bucket of its name (start)"),
        option("--users", metavar="FILE", help="a JSON file of users and roles of your own, really enforced (start)"),
        option("--latency", metavar="TIME", help="let each answer wait, such as 30ms; 0ms no longer (start)"),
        option("--faults", metavar="SHARES", help="let requests fail, such as SlowDown=5%%,cut=1%% (start)"),
    )
    def s3sandbox(self, args: Namespace) -> Sandbox | Sentence:
        """Start a local S3 with teaching data and use it; it needs no account."""
        from s3magic.sandboxes import process  # noqa: PLC0415 - loaded when asked for

        box = process.running()
        asked = {name: value for name, value in vars(args).items() if name != "verb" and value is not None}
        if asked and args.verb != "start":
            raise InvalidInput(f"%s3sandbox {args.verb} takes no --{next(iter(asked))}", "Give it to %s3sandbox start.")
        if args.verb == "start":
            return api.sandbox(**asked, environ=True)
        if box is None:
            return Sentence("No sandbox is running; %s3sandbox start begins one.")
        if args.verb == "stop":
            box.stop()
            return Sentence("The sandbox is stopped; your own choice of credentials is in use again.")
        if args.verb == "reset":
            box.reset()
        return box
