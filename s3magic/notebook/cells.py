"""Running the body of a cell magic as a cell runs, and looking at what it left behind; and taking its mount away."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from s3magic.errors import MountBusy
from s3magic.loaded import loaded

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from s3magic.mounting.model import Mount


def run(shell: InteractiveShell, cell: str) -> object:
    """Run a cell in the user's namespace and return the value of its last expression, or None.

    Errors reach the caller with the user's own lines in their traceback. Top-level ``await`` is not
    for the body of a cell magic.
    """
    source = shell.transform_cell(cell)  # type: ignore[no-untyped-call]
    compiler = shell.compile
    name = compiler.cache(source, raw_code=cell)
    tree = shell.transform_ast(compiler.ast_parse(source, name))  # type: ignore[no-untyped-call]
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    flags = compiler.flags
    exec(compile(tree, name, "exec", flags), shell.user_global_ns, shell.user_ns)  # noqa: S102 - the user's own cell
    if last is None:
        return None
    expression = compile(ast.Expression(last.value), name, "eval", flags)
    return eval(expression, shell.user_global_ns, shell.user_ns)  # noqa: S307


@contextmanager
def mounted(mount: Mount, namespace: dict[str, object], *, patience: float = 3) -> Iterator[None]:
    """Take a mount away at the end of a cell, whatever happened; warn where something still needs it."""
    before = [cube for _, cube in lazy_cubes(namespace)]
    try:
        yield
    except BaseException:
        _take_away(mount, patience)
        raise
    if files := _take_away(mount, patience):
        warnings.warn(f"Still open when the mount was taken away: {', '.join(files)}", stacklevel=2)
    made = [name for name, cube in lazy_cubes(namespace) if not any(cube is one for one in before)]
    if names := list(dict.fromkeys(made)):
        told = f"Not read yet, and their mount is gone: {', '.join(names)}; realise their data inside the cell."
        warnings.warn(told, stacklevel=2)


def _take_away(mount: Mount, patience: float) -> list[str]:
    """Unmount, by force if need be, and return the files that were still open."""
    try:
        mount.unmount(timeout=patience)
    except MountBusy as busy:
        mount.unmount(force=True)
        return sorted({path for _, _, path in busy.holders})
    return []


def lazy_cubes(namespace: dict[str, object]) -> list[tuple[str, object]]:
    """Return the Iris cubes whose data are not read yet, with the variables that hold them."""
    iris = loaded("iris.cube")
    if iris is None:
        return []
    return [
        (name, cube)
        for name, value in namespace.items()
        if not name.startswith("_")
        for cube in (value if isinstance(value, list) else [value])
        if isinstance(cube, iris.Cube) and cube.has_lazy_data()
    ]
