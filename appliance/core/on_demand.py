"""A part of the application that is loaded when it is first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from appliance.core.memory import keep_what_is_there
from appliance.core.tasks import begin


class OnDemand:
    """Stands for the application that ``make`` gives. Whoever asks first waits for it, and nobody else:
    it is loaded in a thread, once.
    """

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._loading: asyncio.Task[ASGIApp] | None = None

    @property
    def app(self) -> ASGIApp:
        """The application itself, made anew, for those who look at what it consists of."""
        return self._make()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Load it if need be, and let it answer."""
        app = await self._loaded()
        await app(scope, receive, send)

    async def _loaded(self) -> ASGIApp:
        if self._loading is None or (self._loading.done() and self._loading.exception()):
            self._loading = begin(asyncio.to_thread(self._load))
        return await asyncio.shield(self._loading)

    def _load(self) -> ASGIApp:
        made = self._make()
        keep_what_is_there()
        return made
