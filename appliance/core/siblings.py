"""What the equal processes of one app tell each other, over a socket of each one's own.

Nginx does not know these sockets, and only the appliance's user may connect to them. Nothing here is needed
for a photo: an answer that does not come in time is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from appliance.core import processes, unix_sockets

log = structlog.get_logger()

PATIENCE = 0.5  # seconds for an answer
_LONGEST_QUESTION = 64_000  # bytes

Answering = Callable[[dict[str, Any]], Awaitable[Any]]


def socket_beside(listen: str, process: int) -> Path:
    """Where a process is asked by the others, given where the first one listens for Nginx."""
    own = Path(processes.listen_of(listen, process).removeprefix("unix:"))
    return own.with_suffix(".others")


class Siblings:
    """Asks the others and answers them. One that is alone has nobody to ask."""

    def __init__(self, listen: str = "", process: int = 1, of: int = 1) -> None:
        self._place = socket_beside(listen, process) if of > 1 else None
        self._others = [socket_beside(listen, one) for one in processes.numbers(of) if one != process]
        self._answering: dict[str, Answering] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, question: str, answer: Answering) -> None:
        """Answer ``question`` with what ``answer`` makes of its facts: something that JSON knows."""
        self._answering[question] = answer

    async def open(self) -> None:
        """Let the others ask, until ``aclose``."""
        if self._place is None:
            return
        await asyncio.to_thread(self._place.unlink, missing_ok=True)
        with unix_sockets.usable_name(self._place) as name:
            self._server = await asyncio.start_unix_server(self._called, name, limit=_LONGEST_QUESTION)
        await asyncio.to_thread(self._place.chmod, 0o600)

    async def aclose(self) -> None:
        """Answer no more."""
        if self._server:
            self._server.close()
            assert self._place  # noqa: S101 - it listened there
            await asyncio.to_thread(self._place.unlink, missing_ok=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def ask(self, question: str, **facts: Any) -> list[Any]:
        """The others' answers, of those that gave one in time."""
        if not self._others:
            return []
        found = await asyncio.gather(*(self._of(one, question, facts) for one in self._others))
        return [answer for answers in found for answer in answers]

    async def _of(self, place: Path, question: str, facts: dict[str, Any]) -> list[Any]:
        """One answer, or none."""
        try:
            async with asyncio.timeout(PATIENCE):
                with unix_sockets.usable_name(place) as name:
                    reader, writer = await asyncio.open_unix_connection(name)
                try:
                    writer.write(json.dumps([question, facts]).encode() + b"\n")
                    await writer.drain()
                    return [json.loads(await reader.read(-1))]
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError) as error:
            if not isinstance(error, (FileNotFoundError, ConnectionRefusedError)):  # it starts, or has ended
                log.info("sibling.no_answer", question=question, error=type(error).__name__)
            return []

    def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._asked(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            question, facts = json.loads(await reader.readline())
            answer = await self._answering[question](facts)
            writer.write(json.dumps(answer).encode())
            await writer.drain()
        except Exception as error:  # noqa: BLE001 - whoever asked does without an answer
            log.info("sibling.not_answered", error=type(error).__name__)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


ALONE = Siblings()
