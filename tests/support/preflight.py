"""Pre-flights of the suite's own appliance."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.core.names import look_up_apart
from appliance.lifecycle.doctor import examine as doctor
from appliance.slots.schemas import SLOT_IDS
from tests.conftest import Change
from tests.support.backups import settings_of
from tests.support.stack import Stack
from tests.support.waiting import until

Line = dict[str, Any]
Only = Callable[..., Awaitable[None]]


async def ran(client: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    """A whole pre-flight, as the API tells it."""
    await free(client)
    reply = await client.post("/api/preflight", json=wanted)
    assert reply.status_code == 202, reply.text
    mine = reply.json()["newest"]["id"]

    async def over() -> dict[str, Any] | None:
        newest: dict[str, Any] = (await client.get("/api/preflight")).json()["newest"]
        return newest if newest["id"] == mine and newest["status"] != "running" else None

    found: dict[str, Any] = await until(over, seconds=90, every=0.2)
    return found


async def free(client: httpx.AsyncClient) -> None:
    """Wait until none runs."""

    async def none_runs() -> bool:
        newest = (await client.get("/api/preflight")).json()["newest"]
        return newest is None or newest["status"] != "running"

    await until(none_runs, seconds=90, every=0.2)


def lines(run: dict[str, Any], code: str) -> list[Line]:
    """The lines of one code."""
    return [one for one in run["checks"] if one["code"] == code]


def line(run: dict[str, Any], code: str) -> Line:
    """The only line of one code."""
    (found,) = lines(run, code)
    return found


async def outside(stack: Stack, front: Path = Path("/nowhere"), **changes: Any) -> dict[str, Any]:
    """What can be seen from outside, as ``scripts/doctor`` tells it."""
    look_up_apart(asyncio.get_running_loop())
    settings = settings_of(stack, **{"listen": stack.listen, **changes})
    found = await doctor.examine(settings, front=front)
    return {"checks": [one.model_dump(mode="json") for one in found]}


@pytest.fixture
def only(slot: Change) -> Only:
    """``await only("slot-005")``: no other slot is active until the test ends. Like all that ``slot``
    changes, it is put back in turn: what is changed afterwards comes back before.
    """

    async def leave(*slots: str) -> None:
        for slot_id in SLOT_IDS:
            await slot(slot_id, active=slot_id in slots)

    return leave
