"""What was measured, as a table (Markdown), all samples (JSON) and a plot (SVG); measures nothing."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.mount.rows import ROWS
from benchmarks.mount.samples import Sample

OURS, LOCAL = "builtin", "local"
FETCHED_TOO = frozenset({"random", "iris"})
CPU_TOO = frozenset({"sequential"})

Key = tuple[str, str, str]

GOALS: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "far": {
        "sequential": {"s3fs": 2.5, "s3fs-tuned": 1.4},
        "copies": {"s3fs": 3, "s3fs-tuned": 1.5},
        "random": {"s3fs": 2, "s3fs-tuned": 1},
        "iris": {"s3fs": 2.3, "s3fs-tuned": 2.3},
        "ls": {"s3fs": 20, "s3fs-tuned": 8},
        "small": {"s3fs": 40, "s3fs-tuned": 40},
        "threads": {"s3fs": 20, "s3fs-tuned": 20},
    },
    "near": {},
}
"""How many times faster than s3fs-fuse the built-in engine is to be."""
OTHER_GOALS = {"far": 1.1, "near": 1.0}
"""The same for what is not named above."""
NO_GOAL = frozenset({"first", "million"})
MOST_FETCHED: Mapping[tuple[str, str], float] = {("iris", "far"): 20}
"""MB that the built-in engine is to fetch at most."""
MOST_MEMORY = 256
"""MB that its daemon is to hold at most."""
BEGIN, END = "<!-- written by make bench-mount -->", "<!-- up to here -->"


def conditions(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "runs": options.runs,
        "delay_ms": options.delay,
        "megabytes_per_second": options.rate,
        "scale": options.scale,
        "limit": options.limit,
        "commit": _commit(),
    }


def _commit() -> str:
    """Return which state of s3magic is measured; empty outside a checkout."""
    argv = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=, changed since"]
    with suppress(OSError):
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
    return ""


def line(sample: Sample) -> str:
    """Return one sample as it comes."""
    unit = ROWS[sample.row].unit
    value = sample.trouble if sample.value is None else f"{_number(sample.value)} {unit}"
    rest = f"{sample.requests} requests, {sample.fetched:.1f} MB, CPU {sample.cpu:.2f} s, {sample.memory:.0f} MB held"
    return f"{sample.where:5}{sample.row:11}{sample.peer:13}{value:>16}   {rest}"


def write(folder: Path, samples: Sequence[Sample], titles: Mapping[str, str], about: Mapping[str, Any]) -> None:
    """Write ``table.md``, ``samples.json`` and ``plot.svg``."""
    everything = {"conditions": dict(about), "samples": [sample.to_json() for sample in samples]}
    (folder / "samples.json").write_text(json.dumps(everything, indent=1) + "\n")
    (folder / "table.md").write_text(table(samples, titles, about))
    plot(folder / "plot.svg", samples, titles)


def table(samples: Sequence[Sample], titles: Mapping[str, str], about: Mapping[str, Any]) -> str:
    """Return the medians with their ranges, and how many times faster the built-in engine is than each."""
    groups = _groups(samples)
    shared = f"{about['cores']} cores shared by reader, mount, proxy and server, {about['system']}"
    programs = "".join(f", {name} {version}" for name, version in about["versions"].items())
    ours = f", s3magic as of commit {about['commit']}" if about["commit"] else ""
    parts = [f"Medians of {about['runs']} (least–most), {about['date']}, {shared}{programs}{ours}."]
    if about["scale"] != 1:
        parts.append(f"**Data at {about['scale']} of its size: not to be compared with the full table.**")
    for where in dict.fromkeys(sample.where for sample in samples):
        far = f"{about['delay_ms']:g} ms a request, {about['megabytes_per_second']:g} MB/s a connection"
        names = [name for name in titles if any(key[1:] == (name, where) for key in groups)]
        rows = [row for row in ROWS if any(key[0] == row and key[2] == where for key in groups)]
        head = [far if where == "far" else "No delay", *(titles[name] for name in names)]
        lines = [head, ["---"] * len(head)]
        for row in rows:
            lines += _lines(row, where, names, groups)
        lines.append(["most memory in any row, MB", *(_memory(name, where, samples) for name in names)])
        parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in lines))
        peers = [name for name in names if name not in {OURS, LOCAL}]
        if OURS in names and peers:
            goals = about["scale"] == 1
            parts.append(f"How many times faster {titles[OURS]} is{', and the goal where it is missed' * goals}:")
            lines = [["", *(titles[name] for name in peers)], ["---"] * (len(peers) + 1)]
            for row in rows:
                texts = [ratio(row, name, where, groups) for name in peers]
                lines.append([ROWS[row].title, *(text if goals else _without_goal(text) for text in texts)])
            parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in lines))
    if about["scale"] == 1 and (missed := list(misses(groups, titles))):
        parts.append("Missed in this run:\n\n" + "\n".join(f"- {line}" for line in missed))
    return "\n\n".join(parts) + "\n"


def has_place(page: Path) -> bool:
    """Tell whether a page can take the table."""
    text = page.read_text() if page.is_file() else ""
    return 0 <= text.find(BEGIN) < text.find(END)


def publish(page: Path, folder: Path) -> None:
    """Put the table of a folder into a page of the documentation, between its two marks, and the plot beside it."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{(folder / 'table.md').read_text()}\n{END}{after}")
    shutil.copyfile(folder / "plot.svg", page.with_suffix(".svg"))


def misses(groups: Mapping[Key, list[Sample]], titles: Mapping[str, str]) -> Iterator[str]:
    """Yield what the built-in engine did not reach."""
    for row, name, where in groups:
        if name not in {OURS, LOCAL} and (text := ratio(row, name, where, groups)).startswith("**"):
            reached, _, goal = text.replace("*", "").partition(" of ")
            yield f"{where}, {ROWS[row].title}: {reached} times {titles[name]}, not {goal}"
    ours = {key: group for key, group in groups.items() if key[1] == OURS}
    for (row, _, where), group in ours.items():
        fetched = [sample.fetched for sample in group if sample.value is not None]
        if fetched and median(fetched) > MOST_FETCHED.get((row, where), float("inf")):
            most = MOST_FETCHED[row, where]
            yield f"{where}, {ROWS[row].title}: {_number(median(fetched))} MB fetched, not {most:g}"
        if (held := max(sample.memory for sample in group)) > MOST_MEMORY:
            yield f"{where}, {ROWS[row].title}: {_number(held)} MB held, not {MOST_MEMORY}"
        yield from (f"{where}, {ROWS[row].title}: {sample.trouble}" for sample in group if sample.trouble)


def _groups(samples: Sequence[Sample]) -> dict[Key, list[Sample]]:
    groups: dict[Key, list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.row, sample.peer, sample.where), []).append(sample)
    return groups


def _lines(row: str, where: str, names: Sequence[str], groups: Mapping[Key, list[Sample]]) -> list[list[str]]:
    found = [groups.get((row, name, where), []) for name in names]
    lines = [[f"{ROWS[row].title}, {ROWS[row].unit}", *map(_cell, found)]]
    mounts = [[sample for sample in group if sample.value and sample.requests] for group in found]
    if row in FETCHED_TOO:
        lines.append(["… MB fetched", *(_median([sample.fetched for sample in group]) for group in mounts)])
    if row in CPU_TOO:
        lines.append(["… CPU s", *(_median([sample.cpu for sample in group]) for group in mounts)])
    return lines


def _cell(group: Sequence[Sample]) -> str:
    values = [sample.value for sample in group if sample.value is not None]
    troubles = [sample.trouble for sample in group if sample.trouble]
    wrong = any(trouble.startswith("WRONG") for trouble in troubles)
    if wrong or (troubles and not values):
        return "WRONG" if wrong else troubles[0].partition(":")[0].replace("|", "/")
    if not values:
        return "–"
    failed = f", {len(troubles)} of {len(group)} failed" if troubles else ""
    return f"{_number(median(values))} ({_number(min(values))}–{_number(max(values))}){failed}"


def _memory(name: str, where: str, samples: Sequence[Sample]) -> str:
    held = [sample.memory for sample in samples if sample.peer == name and sample.where == where and sample.memory]
    return _number(max(held)) if held else "–"


def _median(values: Sequence[float]) -> str:
    return _number(median(values)) if values else "–"


def ratio(row: str, peer: str, where: str, groups: Mapping[Key, list[Sample]]) -> str:
    """Return how many times faster the built-in engine is; where the peer was given up, at least how many.

    Where that misses the goal, the goal is named, too.
    """
    ours = [sample.value for sample in groups.get((row, OURS, where), []) if sample.value]
    theirs = groups.get((row, peer, where), [])
    values = [sample.value for sample in theirs if sample.value]
    if not ours:
        return "–"
    if not values:
        limit = next((float(s.trouble.split()[1]) for s in theirs if s.trouble.startswith(">")), 0)
        is_time = ROWS[row].unit == "s"
        return f"> {_ratio(limit / median(ours))}" if limit and is_time else "–"
    quotient = median(values) / median(ours) if ROWS[row].unit == "s" else median(ours) / median(values)
    text = _ratio(quotient)
    goal = GOALS[where].get(row, {}).get(peer, OTHER_GOALS[where])
    return text if row in NO_GOAL or quotient >= goal else f"**{text}** of {goal:g}"


def _without_goal(text: str) -> str:
    return text.replace("**", "").partition(" of ")[0]


def plot(path: Path, samples: Sequence[Sample], titles: Mapping[str, str]) -> None:
    """Draw a panel for each row and distance: medians as bars, ranges as whiskers."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    groups = _groups(samples)
    places = list(dict.fromkeys(sample.where for sample in samples))
    rows = [row for row in ROWS if any(key[0] == row for key in groups)]
    with mpl.rc_context({"svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(6 * len(places), 1.5 * len(rows)), layout="constrained")
        axes = figure.subplots(len(rows), len(places), squeeze=False)
        for line_of_axes, row in zip(axes, rows, strict=True):
            for axis, where in zip(line_of_axes, places, strict=True):
                better = "more" if ROWS[row].unit == "MB/s" else "less"
                axis.set_title(f"{where}: {ROWS[row].title}, {ROWS[row].unit} ({better} is better)", loc="left")
                names = [name for name in titles if (row, name, where) in groups]
                for at, name in enumerate(names):
                    _bar(axis, at, groups[row, name, where], "C0" if name == OURS else "0.7")
                axis.set_yticks(range(len(names)), [titles[name] for name in names])
                axis.invert_yaxis()
                axis.spines[["top", "right"]].set_visible(False)
        figure.savefig(path)


def _bar(axis: Any, at: int, group: Sequence[Sample], colour: str) -> None:
    values = [sample.value for sample in group if sample.value is not None]
    if not values:
        axis.text(0, at, f" {_cell(group)}", va="center")
        return
    middle = median(values)
    reach = [[middle - min(values)], [max(values) - middle]]
    axis.barh(at, middle, xerr=reach, color=colour, error_kw={"lw": 0.8})


def _ratio(quotient: float) -> str:
    return f"{quotient:.2f}" if quotient < 10 else f"{quotient:.0f}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
