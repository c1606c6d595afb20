"""Whoever else looks at the appliance meanwhile: guests, staff, and what watches it."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tests.support.stack import Stack

EVERY = 0.5  # seconds between two looks at the same address


@dataclass
class Onlookers:
    """``statuses`` by address, and the ``longest`` that anyone waited for an answer, in seconds."""

    statuses: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    longest: float = 0.0

    async def look(self, client: httpx.AsyncClient, path: str) -> None:
        while True:
            began = time.monotonic()
            try:
                self.statuses[path].add((await client.get(path)).status_code)
            except httpx.TransportError:
                self.statuses[path].add(0)
            self.longest = max(self.longest, time.monotonic() - began)
            await asyncio.sleep(EVERY)


@asynccontextmanager
async def onlookers(stack: Stack, token: str, paths: Iterable[str]) -> AsyncIterator[Onlookers]:
    """One for each address, looking again and again within the block."""
    found = Onlookers()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60, trust_env=False) as client:
        looking = [asyncio.create_task(found.look(client, path)) for path in paths]
        try:
            yield found
        finally:
            for task in looking:
                task.cancel()
            await asyncio.gather(*looking, return_exceptions=True)
