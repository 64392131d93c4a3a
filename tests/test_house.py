"""The house itself: who may import what, what an import costs, and that every public name is told of."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import s3magic

HOME = Path(s3magic.__file__).parent
MODULES = sorted(path.relative_to(HOME) for path in HOME.rglob("*.py"))

# A room may import the rooms below it, never those above, and beside it only what is named here.
GROUND = {"errors", "harvest", "html", "loaded", "url", "naming", "parallel", "process", "progress"}
MAY_IMPORT = {
    **dict.fromkeys(GROUND, GROUND),
    "store": GROUND,
    "formats": GROUND,
    "listing": GROUND | {"store"},
    "access": GROUND | {"store"},
    "mounting": GROUND | {"store", "access", "copying"},
    "cubes": GROUND | {"store", "access", "mounting"},
    "linking": GROUND | {"store", "formats", "access"},
    "copying": GROUND | {"store"},
    "thumbnails": GROUND | {"store", "formats"},
    "sandboxes": GROUND | {"store"},
    "doctor": GROUND,
    "usage": GROUND | {"store", "access"},
    "following": GROUND | {"access"},
    "api": GROUND
    | {"store", "formats", "listing", "access", "mounting", "cubes", "linking", "copying", "thumbnails", "sandboxes"}
    | {"following", "usage"},
    "demo": GROUND | {"api", "sandboxes"},
}
# A house in the house: the verbs of linking stand above its rooms.
LINKING_MAY_IMPORT = {
    "records": set(),
    "contents": {"records"},
    "adding": {"records", "contents"},
    "git": {"records", "contents"},
}
# Who may know a library; the others must do without.
ONLY_IN = {
    "boto3": {"access", "store"},
    "botocore": {"access", "store"},
    "IPython": {"notebook", "__init__.py", "progress.py"},
    "ipywidgets": {"notebook"},
    "anywidget": {"notebook"},
    "ipykernel": {"notebook"},
    "comm": {"notebook"},
    "subprocess": {"process.py"},
    "moto": {"sandboxes"},
    "urllib3": {"store", "access"},
}
HEAVY = "boto3 botocore IPython ipywidgets numpy laspy h5py tifffile PIL iris moto s3fs".split()


def imports(module):
    """Yield the dotted names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse((HOME / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{module}: relative import"
            yield node.module
            if node.module == "s3magic":
                yield from (f"s3magic.{name.name}" for name in node.names if not name.name.startswith("__"))


def room(module):
    return module.parts[0].removesuffix(".py")


@pytest.mark.parametrize("module", [m for m in MODULES if room(m) in MAY_IMPORT], ids=str)
def test_data_flows_one_way(module):
    own = room(module)
    used = {name.split(".")[1] for name in imports(module) if name.startswith("s3magic.")}
    assert used - {own} <= MAY_IMPORT[own]


@pytest.mark.parametrize("name", LINKING_MAY_IMPORT)
def test_linking_flows_one_way(name):
    modules = [module for module in MODULES if module.parts[:2] == ("linking", name)]
    used = {told.split(".")[2] for module in modules for told in imports(module) if told.startswith("s3magic.linking.")}
    assert modules
    assert used - {name} <= LINKING_MAY_IMPORT[name]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_each_library_has_its_room(module):
    for name in imports(module):
        allowed = ONLY_IN.get(name.split(".")[0])
        assert allowed is None or {module.parts[0], str(module)} & allowed, f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_its_door_plate(module):
    told = ast.get_docstring(ast.parse((HOME / module).read_text(encoding="utf-8")))
    assert told
    assert told.splitlines()[0].endswith((".", ";"))


def test_no_import_goes_in_circles():
    arrows = {m: {n.split(".")[1] for n in imports(m) if n.startswith("s3magic.")} for m in MODULES}
    rooms = {r: set().union(*(arrows[m] for m in MODULES if room(m) == r)) - {r} for r in map(room, MODULES)}
    rooms.pop("__init__")  # names its public homes lazily
    while leaves := [r for r, used in rooms.items() if not used & rooms.keys()]:
        for leaf in leaves:
            del rooms[leaf]
    assert not rooms, f"a circle among {sorted(rooms)}"


def test_importing_s3magic_pulls_in_nothing_heavy():
    code = f"import s3magic, s3magic.api, sys, json; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_every_public_name_is_there_and_documented():
    for name in s3magic.__all__:
        value = getattr(s3magic, name)
        if name != "__version__":
            assert inspect.getdoc(value), f"{name} has no docstring"
    assert set(s3magic.__all__) <= set(dir(s3magic))
    with pytest.raises(AttributeError):
        s3magic.nonsense  # noqa: B018


def test_rooms_do_not_hide_public_functions():
    import s3magic.api

    for house, names in ((HOME, s3magic.__all__), (HOME / "api", s3magic.api.__all__)):
        rooms = {path.stem for path in house.iterdir()}
        assert not rooms & set(names)
