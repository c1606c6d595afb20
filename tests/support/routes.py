"""Every route that the app's routers know, and what is mounted into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Mount

from appliance.app import create_app
from appliance.settings.environment import Settings
from tests.support.permissions import Route


def routes_of_the_app() -> set[Route]:
    """What the app's routers know, and what is mounted into it."""
    nowhere = Path("/nowhere")
    app = create_app(
        Settings(
            database_url="postgresql://x/x", media_root=nowhere, secrets_dir=nowhere, config_file=nowhere
        )
    )
    return set(_routes_in(app.routes))


def _routes_in(routes: Any, below: str = "") -> Iterator[Route]:
    for context in iter_route_contexts(routes):
        route = context.original_route
        if isinstance(route, Mount):
            inside = route.app
            while not hasattr(inside, "routes"):
                inside = inside.app  # type: ignore[attr-defined]  # what wraps it
            yield from _routes_in(inside.routes, below + route.path)
        elif isinstance(route, APIRoute):
            yield from ((method, f"{below}{context.path}") for method in context.methods or ())
        else:
            yield "a route of another kind", f"{below}{context.path}"
