"""Imports go one way, in the order of ``LEVELS``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.stack import CHECKOUT

PACKAGE = CHECKOUT / "appliance"
LEVELS: list[set[str]] = [
    {"core"},
    {"settings"},
    {"accounts", "backups", "media", "nodes", "providers"},
    {"slots", "jobs"},
    {"ingest", "guests", "housekeeping"},
    {"staff"},
    {"admin"},
    # the wiring, and what only it uses
    {
        "services",
        "parts",
        "app",
        "cli",
        "seed",
        "config_file",
        "migrations",
        "bare",
        "lifecycle",
        "__main__",
        "__init__",
    },
]
LEVEL_OF = {name: number for number, level in enumerate(LEVELS) for name in level}
FEATURES = [name for level in LEVELS[:-1] for name in sorted(level)]


def imports() -> Iterator[tuple[str, str, str]]:
    """Every import of one part of the package by another: file, importing part, imported part."""
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        part = relative.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else []
            )
            for name in names:
                pieces = name.split(".")
                if pieces[0] == "appliance" and len(pieces) > 1 and pieces[1] != part:
                    yield str(relative), part, pieces[1]


def test_every_part_of_the_package_has_a_place_in_the_order() -> None:
    modules = [path for path in PACKAGE.iterdir() if path.suffix == ".py" or list(path.glob("*.py"))]
    parts = {path.name.removesuffix(".py") for path in modules}
    assert parts <= set(LEVEL_OF), parts - set(LEVEL_OF)


def test_no_part_imports_one_to_its_right_or_beside_it() -> None:
    wiring = len(LEVELS) - 1
    wrong = [
        f"{file}: {part} imports {imported}"
        for file, part, imported in imports()
        if LEVEL_OF[part] != wiring and LEVEL_OF[imported] >= LEVEL_OF[part]
    ]
    assert wrong == []


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
    below = {name for level in LEVELS[:-1] for name in level}
    found = [
        str(path.relative_to(PACKAGE))
        for name in below
        for path in (PACKAGE / name).rglob("*.py")
        if re.search(r"app\.state|state\.services", path.read_text())
    ]
    assert found == ["core/injection.py"]
