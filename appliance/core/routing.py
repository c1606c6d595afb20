"""What all pages' routers have in common."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.routing import APIRoute


def answering_head(router: APIRouter) -> APIRouter:
    """``router``, a page's, whose GET routes answer HEAD too: messengers' previews ask that way."""
    for route in router.routes:
        if isinstance(route, APIRoute) and route.methods == {"GET"}:
            route.methods.add("HEAD")
    return router
