"""What is asked for under ``/api/X`` is found in ``staff/X``, and nowhere else."""

from __future__ import annotations

import importlib
import re

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from tests.support.stack import CHECKOUT

PACKAGE = CHECKOUT / "appliance"
STAFF = PACKAGE / "staff"
BOOTH = "ingest"  # the camera's door, for which nobody logs in
OF_OPS = {"metrics"}  # its address is at the top, where a scraper looks for it
OTHER_NAMES = {
    "gallery": "pictures",
    "gallery.zip": "pictures",
    **dict.fromkeys(("refresh", "logout", "logout-everywhere", "password", "me"), "login"),
}


def room_of(path: str) -> str:
    """The room that an address of the API names."""
    word = path.split("/")[2]
    return OTHER_NAMES.get(word, word.replace("-", "_"))


@pytest.fixture(scope="module")
def api() -> list[APIRoute]:
    """Every route below ``/api/``, of whichever module."""
    found = []
    for path in sorted(PACKAGE.rglob("*routes.py")):
        name = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts)
        router = getattr(importlib.import_module(name), "router", APIRouter())
        found += [route for route in router.routes if isinstance(route, APIRoute)]
    return [route for route in found if route.path.startswith("/api/")]


def test_every_address_of_the_api_is_answered_from_the_room_that_it_names(api: list[APIRoute]) -> None:
    assert len(api) > 50
    for route in api:
        room = room_of(route.path)
        home = "appliance.ingest" if room == BOOTH else f"appliance.staff.{room}"
        assert route.endpoint.__module__.startswith(f"{home}."), route.path


def test_no_other_module_answers_the_api() -> None:
    """The routes above are those of files that are called so."""
    others = [path for path in PACKAGE.rglob("*.py") if not path.name.endswith("routes.py")]
    assert [str(path) for path in others if 'prefix="/api' in path.read_text()] == []


def test_every_room_of_the_staff_has_its_address_or_serves_one(api: list[APIRoute]) -> None:
    rooms = {path.name for path in STAFF.iterdir() if (path / "routes.py").exists()} - OF_OPS
    assert rooms == {room_of(route.path) for route in api} - {BOOTH}


def test_pages_have_the_rooms_of_the_api_and_no_others() -> None:
    """The dashboard alone shows what several rooms know; the manual is only read."""
    shared = {"dashboard", "manual"}
    rooms = {path.name for path in (PACKAGE / "admin").iterdir() if list(path.glob("*.py"))}
    assert rooms - shared <= {path.name for path in STAFF.iterdir()}


def test_no_two_templates_are_called_alike() -> None:
    """They are found by name alone, wherever they lie."""
    names = [path.name for path in (PACKAGE / "admin").rglob("*.html")]
    assert len(names) == len(set(names))


def test_the_page_of_the_architecture_names_only_what_is_there() -> None:
    text = (CHECKOUT / "docs" / "architecture.md").read_text()
    code = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    named = re.findall(r"`([\w./-]+(?:/|\.py|\.html)|scripts/\w+)`", code)
    assert len(named) > 60
    missing = [name for name in named if not ((PACKAGE / name).exists() or (CHECKOUT / name).exists())]
    assert missing == []


def test_the_page_of_the_architecture_draws_every_room() -> None:
    text = (CHECKOUT / "docs" / "architecture.md").read_text()
    rooms = [path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()]
    assert [room for room in rooms if f"{room}/" not in text] == []
