"""What the equal processes of one app tell each other, over a socket of each one's own.

Nginx does not know these sockets, and only the appliance's user may connect to them. Nothing here is needed
for a photo: an answer that does not come in time is left out.

The first machine of several also asks the processes of the others, at their door (``node_door``). They ask
nobody but each other: staff are served by the first machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from appliance.core import processes, unix_sockets
from appliance.core.node_secret import SIBLING_HEADER, SIBLINGS_PATH, NodeSecret

log = structlog.get_logger()

PATIENCE = 0.5  # seconds for an answer
_LONGEST_QUESTION = 64_000  # bytes

Asking = Callable[[bytes], Awaitable[bytes]]
Answering = Callable[[dict[str, Any]], Awaitable[Any]]


def socket_beside(listen: str, process: int) -> Path:
    """Where a process is asked by the others, given where the first one listens for Nginx."""
    own = Path(processes.listen_of(listen, process).removeprefix("unix:"))
    return own.with_suffix(".others")


async def answer_of(place: Path, question: bytes) -> bytes:
    """What the process that listens there answers; raises ``OSError`` or ``TimeoutError``."""
    async with asyncio.timeout(PATIENCE):
        with unix_sockets.usable_name(place) as name:
            reader, writer = await asyncio.open_unix_connection(name)
        return await _said(reader, writer, question + b"\n")


async def _answer_of_node(address: str, secret: NodeSecret, question: bytes) -> bytes:
    """The same of a process on another machine."""
    head = (
        f"POST {SIBLINGS_PATH} HTTP/1.1\r\nHost: {address}\r\n{SIBLING_HEADER}: {secret.sibling}\r\n"
        f"Content-Length: {len(question)}\r\nConnection: close\r\n\r\n"
    )
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(host, int(port))
        said, _, body = (await _said(reader, writer, head.encode() + question)).partition(b"\r\n\r\n")
    if not said.startswith(b"HTTP/1.1 200 "):
        raise ConnectionAbortedError(said.partition(b"\r\n")[0].decode(errors="replace"))
    return body


async def _said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: bytes) -> bytes:
    try:
        writer.write(question)
        await writer.drain()
        return await reader.read(-1)
    finally:
        writer.close()


class Siblings:
    """Asks the others and answers them. One that is alone has nobody to ask.

    ``several``: other machines may ask this one although it has one process. ``nodes``: the addresses of
    processes on other machines.
    """

    def __init__(
        self,
        listen: str = "",
        process: int = 1,
        of: int = 1,
        *,
        several: bool = False,
        nodes: Sequence[str] = (),
        secret: NodeSecret | None = None,
    ) -> None:
        self._place = socket_beside(listen, process) if several or of > 1 else None
        self._others: list[Asking] = [
            partial(answer_of, socket_beside(listen, one)) for one in processes.numbers(of) if one != process
        ]
        if secret is not None:
            self._others += [partial(_answer_of_node, one, secret) for one in nodes]
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

    async def _of(self, asking: Asking, question: str, facts: dict[str, Any]) -> list[Any]:
        """One answer, or none."""
        try:
            return [json.loads(await asking(json.dumps([question, facts]).encode()))]
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
