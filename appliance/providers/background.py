"""Calls that nobody waits for: a provider is told that a picture is not wanted any more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from appliance.providers.base import ProviderError

log = structlog.get_logger()

CLOSE_SECONDS = 3.0  # how long the end waits for calls that are still running


class BackgroundCalls:
    """The calls of one driver that outlive the photo they belong to."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._running: set[asyncio.Task[None]] = set()

    def start(self, what: str, call: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Let ``call`` run by itself; that it failed is logged as ``what``, and hurts nobody."""
        task = asyncio.create_task(self._quietly(what, call))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _quietly(self, what: str, call: Coroutine[Any, Any, object]) -> None:
        try:
            await call
        except (ProviderError, TimeoutError) as error:
            reason = error.reason if isinstance(error, ProviderError) else "too_slow"
            log.warning("provider.call_failed", provider=self._provider, call=what, reason=reason)

    async def aclose(self) -> None:
        """Wait a moment for those that run, then break them off."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=CLOSE_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
