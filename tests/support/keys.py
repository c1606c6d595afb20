"""Provider keys of a test's own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.standins import StandIn
from tests.support.stack import Stack

URL = "/api/settings/provider-keys"
SLOT = "slot-012"  # the one that these tests change
MODEL = "gemini-3-pro-image"  # one whose time no other test goes by
PROVIDERS = ("bfl", "comfyui", "fal", "gemini", "openai", "turbotext")


def made_up(provider: str) -> str:
    """A key that nobody has seen before."""
    return f"{provider}-entered-{secrets.token_hex(8)}"


@asynccontextmanager
async def no_keys(stack: Stack, admin: httpx.AsyncClient) -> AsyncIterator[None]:
    """No provider has a key; afterwards each has one in its file again, and what was entered is gone."""
    for provider in PROVIDERS:
        stack.set_keys(provider)
    try:
        yield
    finally:
        for provider in PROVIDERS:
            stack.set_keys(provider, f"{provider}-key-{secrets.token_hex(4)}")
        async with stack.database() as db:
            await db.execute("delete from provider_key")
        listed = (await admin.get(URL)).json()["providers"]
        assert all(key["source"] == "file" for one in listed for key in one["keys"])


async def entered(admin: httpx.AsyncClient, provider: str, key: str, **more: Any) -> dict[str, Any]:
    """A key that was entered over the API."""
    reply = await admin.post(URL, json={"provider": provider, "key": key, **more})
    assert reply.status_code == 201, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def listed(client: httpx.AsyncClient, provider: str) -> dict[str, Any]:
    """A provider as the list shows it."""
    reply = await client.get(URL)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = next(one for one in reply.json()["providers"] if one["provider"] == provider)
    return found


def asked_with(standin: StandIn) -> list[str]:
    """The keys of the calls that asked for a picture."""
    return [call.key for call in standin.calls if call.step]
