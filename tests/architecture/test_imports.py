"""Imports go one way, in the order of ``LEVELS``, and inside of each folder without a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support.stack import CHECKOUT

PACKAGE = CHECKOUT / "appliance"
FOLDERS = sorted({str(path.parent.relative_to(PACKAGE)) for path in PACKAGE.glob("*/**/*.py")})
LEVELS: list[set[str]] = [
    {"core"},
    {"settings"},
    {"accounts", "backups", "media", "nodes", "providers"},
    {"slots", "jobs"},
    {"ingest", "guests", "housekeeping"},
    {"staff"},
    {"admin"},
]
# What builds and runs all of this, in its own order.
WIRING: list[set[str]] = [
    {"migrations", "config_file"},
    {"parts", "seed"},
    {"services"},
    {"app", "lifecycle"},
    {"cli"},
    {"bare", "__main__"},
]
LEVEL_OF = {name: number for number, level in enumerate([*LEVELS, *WIRING]) for name in level}
FEATURES = [name for level in LEVELS for name in sorted(level)]
# Addresses of a job or a slot that begin a trial, which needs both: each stands above its room.
ABOVE_THEIR_ROOM = {"staff/jobs/trial_routes.py", "staff/slots/trial_routes.py"}


def imported_by(path: Path) -> Iterator[list[str]]:
    """Every import of a file, in its parts; of ``from a import b`` it is ``a.b``, which may be a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from ([*(node.module or "").split("."), alias.name] for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)


def imports() -> Iterator[tuple[str, str, str]]:
    """Every import of one part of the package by another: file, importing part, imported part."""
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        part = relative.parts[0].removesuffix(".py")
        for pieces in imported_by(path):
            if pieces[0] == "appliance" and len(pieces) > 1 and pieces[1] in LEVEL_OF and pieces[1] != part:
                yield str(relative), part, pieces[1]


def neighbours_in(folder: Path) -> dict[str, set[str]]:
    """Of each file and folder in ``folder``, which others there it imports."""
    here = ["appliance", *folder.relative_to(PACKAGE).parts]
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        if str(path.relative_to(PACKAGE)) in ABOVE_THEIR_ROOM:
            continue
        name = path.relative_to(folder).parts[0].removesuffix(".py")
        others = {pieces[len(here)] for pieces in imported_by(path) if pieces[: len(here)] == here}
        found.setdefault(name, set()).update(others - {name})
    return found


def test_every_part_of_the_package_has_a_place_in_the_order() -> None:
    modules = [path for path in PACKAGE.iterdir() if path.suffix == ".py" or list(path.glob("*.py"))]
    parts = {path.name.removesuffix(".py") for path in modules} - {"__init__"}
    assert parts <= set(LEVEL_OF), parts - set(LEVEL_OF)


def test_no_part_imports_one_to_its_right_or_beside_it() -> None:
    wrong = [
        f"{file}: {part} imports {imported}"
        for file, part, imported in imports()
        if LEVEL_OF[imported] >= LEVEL_OF[part]
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_and_rooms_of_a_folder_import_each_other_in_no_circle(folder: str) -> None:
    try:
        TopologicalSorter(neighbours_in(PACKAGE / folder)).prepare()
    except CycleError as circle:
        pytest.fail(" imports ".join(reversed(circle.args[1])))


def test_nobody_imports_what_stands_above_its_room() -> None:
    above = {f"appliance.{path.removesuffix('.py').replace('/', '.')}" for path in ABOVE_THEIR_ROOM}
    found = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if any(".".join(pieces).startswith(tuple(above)) for pieces in imported_by(path))
    ]
    assert found == ["app.py"]


def test_drivers_know_nothing_but_the_kernel_and_each_others_ground() -> None:
    wrong = [
        f"{file} imports {imported}"
        for file, part, imported in imports()
        if part == "providers" and file.count("/") > 1 and imported != "core"
    ]
    assert wrong == []


@pytest.mark.parametrize("feature", [name for name in FEATURES if (PACKAGE / name).is_dir()])
def test_routes_do_not_touch_the_database_themselves(feature: str) -> None:
    routes = PACKAGE / feature / "routes.py"
    if routes.exists():
        text = routes.read_text()
        assert "repository" not in text
        assert "sqlalchemy" not in text


def test_the_domain_knows_no_web_framework() -> None:
    domain = [path for level in LEVELS[1:4] for name in level for path in (PACKAGE / name).rglob("*.py")]
    assert [str(path) for path in domain if re.search(r"fastapi|starlette", path.read_text())] == []


def test_nobody_but_the_wiring_reaches_into_the_running_application() -> None:
    """Below it a route says what it needs, as ``Injected``."""
    found = [
        str(path.relative_to(PACKAGE))
        for name in FEATURES
        for path in (PACKAGE / name).rglob("*.py")
        if re.search(r"app\.state|state\.services", path.read_text())
    ]
    assert found == ["core/injection.py"]
