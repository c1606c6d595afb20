"""Names of other machines, looked up so that one that nobody answers keeps no other waiting.

The C library asks a name server that is silent for ten seconds or more, and cannot be interrupted. uvloop
looks names up in four threads, asyncio in six: at a venue whose internet is gone, what a few photos asked
for the names of AI services kept everybody else's questions waiting for minutes, those for the database and
for a machine on the same network among them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from functools import partial
from typing import Any


def look_up_apart(loop: asyncio.AbstractEventLoop) -> None:
    """Give each name that ``loop`` asks for a thread of its own; who asks for the same waits for that one.

    Of what the loop does itself (asyncpg's connections), lookups stay where they were, in threads that
    nothing holds up any more.
    """
    loop.getaddrinfo = _NameLookups(loop).getaddrinfo  # type: ignore[method-assign]


class _NameLookups:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._under_way: dict[tuple[Any, ...], asyncio.Future[list[Any]]] = {}

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - as the loop's own
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """As ``socket.getaddrinfo`` answers; raises what that raises."""
        asked = (host, port, family, type, proto, flags)
        answer = self._under_way.get(asked)
        if answer is None:
            answer = self._under_way[asked] = self._loop.create_future()
            answer.add_done_callback(partial(self._answered, asked))
            # Not waited for when the program ends. One costs 0.1 ms, and connections are kept.
            threading.Thread(target=self._ask, args=(asked, answer), name="name", daemon=True).start()
        return await asyncio.shield(answer)

    def _answered(self, asked: tuple[Any, ...], answer: asyncio.Future[list[Any]]) -> None:
        del self._under_way[asked]
        if not answer.cancelled():
            answer.exception()  # everybody may have given up meanwhile

    def _ask(self, asked: tuple[Any, ...], answer: asyncio.Future[list[Any]]) -> None:
        try:
            found = partial(answer.set_result, socket.getaddrinfo(*asked))
        except Exception as error:  # noqa: BLE001 - a name that cannot be encoded is no OSError
            found = partial(answer.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop was closed
            self._loop.call_soon_threadsafe(found)
