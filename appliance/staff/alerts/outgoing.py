"""One request to an address that an operator entered, and to no other place."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import httpx

from appliance.core.web_address import ip_of, is_forbidden, parse_address
from appliance.providers.download import resolve

PATIENCE = 20.0
_PHASES = httpx.Timeout(10.0, connect=5.0)
_READ = 300  # bytes of an answer
_READ_SECONDS = 2.0  # for them


def new_client() -> httpx.AsyncClient:
    """A client for ``ask``: it follows no redirect, and no proxy knows the addresses.

    It keeps no connection: one to the same number may be another name's, whose certificate was checked.
    """
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(timeout=_PHASES, trust_env=False, follow_redirects=False, limits=limits)


async def ask(
    client: httpx.AsyncClient,
    method: str,
    address: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    patience: float = PATIENCE,
) -> tuple[int | None, str]:
    """The status and the beginning of the answer; ``None`` and why there is none."""
    try:
        async with asyncio.timeout(patience):
            return await _exchange(client, method, address, headers or {}, content)
    except (OSError, httpx.HTTPError, TimeoutError) as error:
        return None, f"{type(error).__name__}: {error}".replace(address, "…")


async def _exchange(
    client: httpx.AsyncClient, method: str, address: str, headers: Mapping[str, str], content: bytes
) -> tuple[int | None, str]:
    """Connects to the very number that was looked at, whatever the name leads to a moment later."""
    place = parse_address(address)
    name = place.host.strip("[]")
    number = (await resolve(name, place.port))[0]
    parsed = ip_of(number)
    if parsed is None or is_forbidden(parsed):
        return None, f"{number} is no place for messages."
    host = f"[{number}]" if ":" in number else number
    request = client.build_request(
        method,
        f"{place.scheme}://{host}:{place.port}{place.path}",
        content=content,
        headers={"Host": place.origin.partition("://")[2], "User-Agent": "PhotoChanger", **headers},
        extensions={"sni_hostname": name},
    )
    response = await client.send(request, stream=True)
    try:
        return response.status_code, await _beginning(response)
    finally:
        await response.aclose()


async def _beginning(response: httpx.Response) -> str:
    """What the answer begins with; if it breaks off or never ends, its status has been said all the same."""
    begun = b""
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(_READ_SECONDS):
            async for piece in response.aiter_bytes():
                begun += piece
                if len(begun) >= _READ:
                    break
    return begun[:_READ].decode(errors="replace")
