"""The processes of a stack: which they are, killing them, and having supervisord start and stop them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import httpx
import psutil

from tests.support.stack import Stack
from tests.support.waiting import until


def supervisorctl(stack: Stack, *arguments: str) -> str:
    """What supervisord answers, once it has done it."""
    config = str(stack.data / "run/supervisord.conf")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "supervisor.supervisorctl", "-c", config, *arguments],
        cwd=stack.data / "run",
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    return done.stdout + done.stderr


def supervisord(stack: Stack) -> psutil.Process:
    return psutil.Process(int((stack.data / "run/supervisord.pid").read_text()))


def pid_of(stack: Stack, program: str) -> int:
    """The process that supervisord runs as ``program``."""
    return int(supervisorctl(stack, "pid", program))


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    first = psutil.Process(pid)
    return [pid, *(child.pid for child in first.children(recursive=True))]


async def ready_again(stack: Stack, seconds: float = 90) -> float:
    """How long it took until all that the appliance needs is there."""
    began = time.monotonic()
    async with httpx.AsyncClient(base_url=stack.url, timeout=10, trust_env=False) as client:

        async def ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await until(ready, seconds=seconds, every=0.1)
    return time.monotonic() - began


def kill(*pids: int) -> None:
    """SIGKILL, to all at once."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
