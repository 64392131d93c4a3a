"""The main job from end to end on the sandbox: what ``make demo`` runs, step by step, and reports."""

from __future__ import annotations

import os
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from s3magic import api, html
from s3magic.errors import InvalidInput, S3MagicError

if TYPE_CHECKING:
    from s3magic.sandboxes.process import Sandbox

Say = Callable[[str], None]


@dataclass(slots=True)
class Step:
    """One step as it went: what it found, how long it took, and what can be looked at."""

    title: str
    found: list[str] = field(default_factory=list)
    seconds: float = 0.0
    failure: str = ""
    picture: str = ""


class DemoError(S3MagicError):
    """A step did not give what it must."""


class Demo:
    """Runs the steps one after another; a failed one ends the run.

    Parameters
    ----------
    say
        Called with each line of the summary as it is known.
    """

    def __init__(self, say: Say) -> None:
        self.steps: list[Step] = []
        self._say = say

    @property
    def passed(self) -> bool:
        """Whether every step held."""
        return bool(self.steps) and not any(step.failure for step in self.steps)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Time a step, and report it when it is done or has failed."""
        step = Step(title)
        self.steps.append(step)
        begun = time.perf_counter()
        try:
            yield step
        except S3MagicError as error:
            step.failure = "\n".join(error.lines())
            raise
        except Exception:
            step.failure = traceback.format_exc()
            raise
        finally:
            step.seconds = time.perf_counter() - begun
            mark = "✗" if step.failure else "✓"
            self._say(f"{mark} {step.title:<44}{step.seconds:6.2f} s")
            for line in [*step.found, *step.failure.splitlines()]:
                self._say(f"    {line}")

    def run(self) -> None:
        """Run all steps; what they started is ended whatever happens."""
        with tempfile.TemporaryDirectory(prefix="s3magic-demo-") as name, self._sandbox() as box, _fresh_cache(name):
            folder = Path(name).resolve()
            self._connect(box)
            self._check()
            self._mount(folder / "mount")
            self._link(folder / "tiles")
            self._previews()
        with self.step("Leave nothing behind") as step:
            _demand(not any(mount.path.is_relative_to(folder) for mount in api.mounts()), "A mount is left")
            step.found.append("nothing mounted, the sandbox has ended")
            asked = api.stats(all=True)
            told = f"{html.counted(asked.requests, 'request')}, {html.bytes_text(asked.bytes_received)} received"
            step.found.append(f"{told} in all; at AWS that is about ${asked.cost:.4f}")

    @contextmanager
    def _sandbox(self) -> Iterator[Sandbox]:
        with self.step("Start a local S3 with teaching data") as step:
            box = api.sandbox()
            step.found.append(f"{box.endpoint_url}, buckets {', '.join(box.buckets)}")
        with box:
            yield box

    def _connect(self, box: Sandbox) -> None:
        with self.step("Connect, and see who asks") as step:
            identity = api.connection().identity()
            _demand(bool(identity.arn), "The sandbox does not say who asks")
            step.found.append(f"{identity.arn} at {box.endpoint_url}")
            step.picture = api.connection()._repr_html_()

    def _check(self) -> None:
        with self.step("Check what is allowed") as step:
            report = api.check("s3://teaching/iris/")
            _demand((report.list.state, report.read.state) == ("ok", "ok"), "List and Read should be green")
            step.found += repr(report).splitlines()
            listing = api.ls("s3://teaching/", recursive=True)
            step.found.append(f"{len(listing)} objects, {html.bytes_text(listing.size)} in s3://teaching/")
            step.picture = report._repr_html_()

    def _mount(self, folder: Path) -> None:
        import iris  # noqa: PLC0415 - 0.7 s, wanted only here

        with (
            self.step("Mount, and load NetCDF and PP with Iris") as step,
            api.mount("s3://teaching/iris/", folder) as m,
            warnings.catch_warnings(action="ignore", category=FutureWarning),  # Iris's own, about its units
        ):
            for name in ("E1_north_america.nc", "E1.2098.pp", "GloSea4/ensemble_001.pp"):
                begun = time.perf_counter()
                cube = iris.load(m / name)[0]
                mean = float(cube.data.mean())
                took = time.perf_counter() - begun
                about = " ".join(cube.summary(shorten=True).split())
                step.found.append(f"{name}: {about}, mean {mean:.4g}, {took:.2f} s")
            stats = m.stats()
            step.found.append(f"{stats['requests']} requests, {html.bytes_text(stats['bytes_fetched'])} fetched")
            step.picture = m._repr_html_()

    def _link(self, folder: Path) -> None:
        with self.step("Link tiles without downloading them") as step:
            before = _received()
            dataset = api.link("s3://teaching/tiles/*.laz", folder / "clouds")
            rasters = api.link("s3://teaching/cogs/*.tif", folder / "rasters", hash="never")
            _demand(all(tile.oid for tile in dataset.tiles), "Tiles whose hash S3 knows have none")
            size = sum(tile.size for tile in [*dataset.tiles, *rasters.tiles])
            read = html.bytes_text(_received() - before)
            step.found.append(f"{len(dataset.tiles)} point clouds, their SHA-256 as S3 knows it")
            step.found.append(f"{len(rasters.tiles)} rasters, to be hashed when they are fetched")
            step.found.append(f"read {read} of {html.bytes_text(size)}: the headers")
            step.picture = dataset._repr_html_() + rasters._repr_html_()
        with self.step("Fetch two of them, hash-checked") as step:
            chosen = [dataset.tiles[0].name, dataset.tiles[1].name]
            for name in chosen:
                dataset.fetch(match=name)
                points = _count_points(folder / "clouds" / name)
                _demand(points == next(t.point_count for t in dataset.tiles if t.name == name), f"{name} differs")
                step.found.append(f"{name}: {points:,} points, read with laspy")

    def _previews(self) -> None:
        with self.step("Look at a page of previews") as step:
            for url in (
                "s3://teaching/photos/",
                "s3://teaching/cogs/",
                "s3://teaching/tiles/",
                "s3://teaching/iris/*.nc",
            ):
                gallery = api.thumbs(url, limit=24)
                gallery.wait()
                shown = [item for item in gallery.items if item.preview.source != "icon"]
                _demand(bool(shown), f"No preview of {url}")
                total = sum(item.size for item in gallery.items)
                step.found.append(
                    f"{url}: {len(shown)} of {len(gallery.items)} pictures, "
                    f"read {html.bytes_text(gallery.bytes_read)} of {html.bytes_text(total)}"
                )
                step.picture += gallery._repr_html_()

    def to_html(self) -> str:
        """Return the whole run as one page."""
        body = "".join(
            f"<section><h2>{'✗' if step.failure else '✓'} {html.cell(step.title)} "
            f"<small>{step.seconds:.2f} s</small></h2>"
            f"<pre>{html.cell(chr(10).join([*step.found, step.failure]).strip())}</pre>{step.picture}</section>"
            for step in self.steps
        )
        return _PAGE.format(body=body)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>s3magic demo</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<style>
body {{ font-family: system-ui, sans-serif; max-width: 64em; margin: 2em auto; padding: 0 1em; }}
h2 {{ font-size: 1.1em; margin-top: 2em; }} small {{ font-weight: 400; opacity: .6; }}
pre {{ white-space: pre-wrap; font-size: 13px; opacity: .85; }}
@media (prefers-color-scheme: dark) {{ :root {{ --jp-ui-font-color2: #b0b0b0; --jp-border-color2: #666;
  --jp-success-color1: #66bb6a; --jp-warn-color1: #ffb74d; --jp-error-color1: #ef5350; }} }}
</style></head><body><h1>What s3magic did</h1>{body}</body></html>
"""


def run(*, page: Path | None = None, say: Say = print) -> bool:
    """Run the demo; return whether every step held.

    Parameters
    ----------
    page
        Where to write what was seen, as an HTML page; nowhere when None.
    say
        Called with each line of the summary.

    Raises
    ------
    InvalidInput
        When the page cannot be written there; nothing was run then.
    """
    if page:
        _make_room_for(page)
    demo = Demo(say)
    try:
        demo.run()
    except Exception:  # noqa: BLE001 - the step has told it already
        say("The demo did not get through.")
    if page:
        page.write_text(demo.to_html(), encoding="utf-8")
        say(f"What it saw: {page}")
    return demo.passed


def _make_room_for(page: Path) -> None:
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.open("a", encoding="utf-8").close()
    except OSError as error:
        raise InvalidInput(f"Cannot write {page}: {error.strerror}", "Choose another place for the page.") from error


@contextmanager
def _fresh_cache(folder: str) -> Iterator[None]:
    """Let previews be read anew, so that the bytes told are those of a first look."""
    former = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
    try:
        yield
    finally:
        if former is None:
            del os.environ["XDG_CACHE_HOME"]
        else:
            os.environ["XDG_CACHE_HOME"] = former


def _demand(condition: bool, message: str) -> None:  # noqa: FBT001
    if not condition:
        raise DemoError(message, "This is a fault of s3magic: please report it.")


def _received() -> int:
    return api.connection().store("teaching").client.traffic.received


def _count_points(path: Path) -> int:
    import laspy  # noqa: PLC0415 - an extra

    return len(laspy.read(path).points)
