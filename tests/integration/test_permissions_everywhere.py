"""Every page, action and route asks for its permission: tried one by one, as each role and as nobody.

A new page, action or route is added to ``PAGES`` or ``API`` beneath the permission that it asks for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx
import pytest
from fastapi.routing import APIRoute

from appliance.accounts.permissions import PERMISSIONS
from appliance.admin.app import SCREENS
from tests.support.api import operations, permission
from tests.support.logins import PASSWORD, Logins, add_account, client_at, new_address, permissions_of
from tests.support.stack import Stack

PAGES: Mapping[str, tuple[str, ...]] = {
    "slots:read": (
        "GET /",
        "GET /dashboard/cards",
        "GET /events",
        "GET /dashboard/{slot_id}/addresses",
        "GET /dashboard/address",
        "GET /slots",
        "GET /slots/{slot_id}",
        "POST /slots/{slot_id}/form",
        "POST /slots/{slot_id}/check",
        "POST /slots/{slot_id}/machine",
        "POST /slots/{slot_id}/config",
        "GET /slots/{slot_id}/history",
        "GET /slots/{slot_id}/history/{version}",
    ),
    "slots:write": (
        "POST /model-change",
        "POST /slots/{slot_id}",
        "POST /slots/{slot_id}/history/{version}/restore",
        "POST /slots/{slot_id}/duplicate",
    ),
    "slots:pause": ("POST /dashboard/{slot_id}/{action}",),
    "slots:test": (
        "POST /dashboard/warm-up",
        "POST /slots/{slot_id}/test",
        "GET /slots/{slot_id}/test/{job_id}",
        "POST /jobs/{job_id}/run-again",
    ),
    "results:read": (
        "GET /dashboard/{slot_id}/gallery",
        "GET /pictures/{job_id}",
        "GET /gallery",
        "POST /gallery/poll",
        "GET /gallery/{job_id}/card",
        "GET /gallery/{job_id}/code",
        "GET /gallery/{job_id}/code.svg",
        "POST /gallery/zip",
        "GET /gallery/zip",
        "GET /gallery/{job_id}/preview",
        "GET /gallery/{job_id}/result",
        "GET /gallery/{job_id}/download",
        "GET /gallery/{job_id}/source",
        "GET /screens",
        "GET /screens/list",
        "GET /screens/{gallery_id}/sheet",
        "GET /event",
        "GET /event/state",
        "POST /event/export",
    ),
    "results:write": (
        "POST /dashboard/disk/free",
        "POST /dashboard/{slot_id}/gallery",
        "POST /gallery/{job_id}/{action}",
        "POST /screens",
        "POST /screens/pin",
        "POST /screens/{gallery_id}/open",
        "POST /screens/{gallery_id}/close",
    ),
    "results:moderate": (
        "GET /screens/queue",
        "GET /screens/queue/{job_id}/picture",
        "POST /screens/queue/{job_id}/{decision}",
    ),
    "jobs:read": ("GET /jobs", "GET /jobs/{job_id}", "GET /dashboard/cost"),
    "media:read": (
        "GET /templates",
        "GET /templates/{media_id}/preview",
        "GET /templates/{media_id}",
        "GET /slots/{slot_id}/templates/{role}",
    ),
    "media:write": (
        "POST /templates",
        "POST /templates/{media_id}/rename",
        "POST /templates/{media_id}/delete",
        "POST /slots/{slot_id}/templates/{role}",
        "POST /settings/logo/templates",
    ),
    "settings:read": ("GET /settings", "GET /settings/ttl-preview", "GET /settings/logo/templates"),
    "settings:write": (
        "GET /settings/address",
        "POST /dashboard/address",
        "POST /settings/logo",
        "POST /settings/password/suggest",
        "POST /settings/password",
        "POST /settings/{key}",
        "POST /settings/keys/{provider}",
        "POST /settings/keys/{provider}/{key_id}/{action}",
        "POST /event/wipe",
    ),
    "audit:read": ("GET /audit",),
}
OPEN_PAGES = {
    "GET /login", "POST /login", "POST /preferences", "GET /token", "POST /logout", "POST /logout-everywhere",
    "GET /password", "POST /password",
}  # fmt: skip
API: Mapping[str, tuple[str, ...]] = {
    "slots:read": (
        "GET /api/slots",
        "GET /api/slots/{slot_id}",
        "GET /api/slots/{slot_id}/history",
        "GET /api/slots/{slot_id}/history/{version}",
        "GET /api/providers",
        "GET /api/providers/model-change",
        "GET /api/looks",
    ),
    "slots:write": (
        "POST /api/providers/model-change",
        "PUT /api/slots/{slot_id}",
        "POST /api/slots/{slot_id}/duplicate",
        "POST /api/slots/{slot_id}/history/{version}/restore",
    ),
    "slots:pause": ("POST /api/slots/{slot_id}/pause", "POST /api/slots/{slot_id}/resume"),
    "slots:test": (
        "POST /api/slots/{slot_id}/test-run",
        "POST /api/jobs/{job_id}/run-again",
        "POST /api/providers/warm-up",
    ),
    "results:read": (
        "GET /api/gallery",
        "GET /api/gallery.zip",
        "GET /api/jobs/{job_id}/preview",
        "GET /api/jobs/{job_id}/result",
        "GET /api/jobs/{job_id}/source",
        "GET /api/shared-galleries",
        "GET /api/shared-galleries/{gallery_id}",
        "GET /api/shared-galleries/{gallery_id}/waiting",
        "GET /api/event",
        "POST /api/event/export",
    ),
    "results:write": (
        "DELETE /api/jobs/{job_id}/result",
        "POST /api/jobs/{job_id}/hide",
        "POST /api/jobs/{job_id}/unhide",
        "POST /api/jobs/{job_id}/undelete",
        "POST /api/shared-galleries",
        "POST /api/shared-galleries/{gallery_id}/open",
        "DELETE /api/shared-galleries/{gallery_id}",
        "POST /api/disk/free",
    ),
    "results:moderate": ("POST /api/shared-galleries/approvals",),
    "jobs:read": (
        "GET /api/jobs",
        "GET /api/jobs/{job_id}",
        "GET /api/stats/slots",
        "GET /api/stats/costs",
        "GET /api/disk",
    ),
    "media:read": (
        "GET /api/template-media",
        "GET /api/template-media/{media_id}",
        "GET /api/template-media/{media_id}/preview",
    ),
    "media:write": (
        "POST /api/template-media/register",
        "PATCH /api/template-media/{media_id}",
        "DELETE /api/template-media/{media_id}",
    ),
    "settings:read": (
        "GET /api/settings",
        "GET /api/settings/ttl-preview",
        "GET /api/settings/provider-keys",
    ),
    "settings:write": (
        "POST /api/event/wipe",
        "PUT /api/settings",
        "POST /api/settings/ingest-password/suggest",
        "POST /api/settings/provider-keys",
        "POST /api/settings/provider-keys/test",
        "DELETE /api/settings/provider-keys/{key_id}",
        "POST /api/settings/provider-keys/{key_id}/test",
        "POST /api/settings/provider-keys/{key_id}/use-again",
    ),
    "audit:read": ("GET /api/audit",),
}
OPEN_API = {
    "POST /api/ingest/{slot_id}", "POST /api/login", "POST /api/refresh", "POST /api/logout",
    "POST /api/logout-everywhere", "POST /api/password", "GET /api/me",
}  # fmt: skip
VALUES = {
    "slot_id": "slot-011",
    "job_id": "5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11",
    "media_id": "5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11",
    "gallery_id": "5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11",
    "key_id": "1",
    "version": "1",
    "provider": "gemini",
    "role": "overlay",
    "key": "event",
    "action": "delete",
    "decision": "approve",
}


def refused_to(role: str, table: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Method and path of all that a role has no permission for."""
    mine = permissions_of(role) if role != "nobody" else []
    routes = [route for permission, routes in table.items() if permission not in mine for route in routes]
    return [(method, path.format(**VALUES)) for method, _, path in (one.partition(" ") for one in routes)]


def listed(table: Mapping[str, tuple[str, ...]]) -> set[str]:
    return {route for routes in table.values() for route in routes}


def test_every_page_and_action_is_in_the_table() -> None:
    known = {
        f"{method} {route.path}"
        for screen in SCREENS
        for route in screen.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods - {"HEAD"}
    }
    assert known == listed(PAGES) | OPEN_PAGES
    assert set(PAGES) == set(PERMISSIONS)


def test_every_route_of_the_api_is_in_the_table() -> None:
    known = {f"{method} {path}" for method, path, _ in operations() if "/api/" in path}
    assert known == listed(API) | OPEN_API


def test_the_description_of_the_api_names_the_permission_of_every_route() -> None:
    named = {f"{method} {path}": permission(operation) for method, path, operation in operations()}
    asked = {route: name for name, routes in API.items() for route in routes}
    assert {route: named[route] for route in asked} == asked


@pytest.mark.parametrize("role", ["operator", "viewer"])
async def test_no_page_and_no_action_opens_without_its_permission(stack: Stack, role: str) -> None:
    await add_account(stack, f"only-{role}", PASSWORD, role)
    async with stack.database() as db:
        await db.execute(
            "update account set must_change_password = false where username = $1", f"only-{role}"
        )
    async with client_at(stack, new_address()) as client:
        token = re.search(r'name="csrf" value="(\w+)"', (await client.get("/admin/login")).text)
        assert token
        form = {"csrf": token[1], "username": f"only-{role}", "password": PASSWORD}
        assert (await client.post("/admin/login", data=form)).status_code == 303
        headers = {"X-CSRF-Token": (await client.get("/admin/token")).json()["csrf"], "HX-Request": "true"}
        tried = refused_to(role, PAGES)
        answers = {
            (method, path): (await client.request(method, f"/admin{path}", headers=headers)).status_code
            for method, path in tried
        }
    assert len(tried) > 10
    assert {route: status for route, status in answers.items() if status != 403} == {}


async def test_nobody_sees_or_does_anything_without_logging_in(
    stack: Stack, client: httpx.AsyncClient
) -> None:
    for method, path in refused_to("nobody", PAGES):
        answer = await client.request(method, f"/admin{path}")
        led = answer.status_code == 303 and answer.headers["location"].startswith("/admin/login")
        assert led or answer.status_code in (401, 403), (method, path, answer.status_code)
    for method, path in refused_to("nobody", API):
        assert (await client.request(method, path)).status_code == 401, (method, path)


@pytest.mark.parametrize("role", ["operator", "viewer"])
async def test_no_route_of_the_api_answers_without_its_permission(
    stack: Stack, logins: Logins, role: str
) -> None:
    await add_account(stack, f"only-{role}", PASSWORD, role)
    tried = refused_to(role, API)
    async with client_at(stack, token=await logins.token(f"only-{role}", PASSWORD)) as client:
        answers = {route: (await client.request(*route)).status_code for route in tried}
    assert len(tried) > 10
    assert {route: status for route, status in answers.items() if status != 403} == {}
