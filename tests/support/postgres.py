"""The stack's database server, held still and let go on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from tests.support.stack import Stack


@contextmanager
def held_still(stack: Stack) -> Iterator[None]:
    """Every process of PostgreSQL is stopped by SIGSTOP within the block: connections stay, none answers."""
    first = (stack.data / "postgres/postmaster.pid").read_text(encoding="ascii").splitlines()[0]
    server = psutil.Process(int(first))
    held: list[int] = []
    try:
        for process in [server, *server.children(recursive=True)]:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGSTOP)
                held.append(process.pid)
        yield
    finally:
        for pid in reversed(held):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
