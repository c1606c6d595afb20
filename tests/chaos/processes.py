"""The processes of a stack: which they are, killing them, and having supervisord start and stop them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import Literal

import httpx
import psutil

from appliance.bare.data_folder import DataFolder
from appliance.bare.supervision import Supervisor
from tests.support.stack import Stack
from tests.support.waiting import until


def supervisorctl(stack: Stack, verb: Literal["start", "stop", "restart"], *programs: str) -> None:
    """As the command of that name: it returns once they run, or have ended."""
    supervisor = Supervisor(DataFolder.of(stack.data))
    if verb != "start":
        supervisor.stop_these(programs)
    if verb != "stop":
        for program in programs:
            supervisor._call.startProcess(supervisor.states()[program].full_name)


def supervisord(stack: Stack) -> psutil.Process:
    return psutil.Process(int((stack.data / "run/supervisord.pid").read_text()))


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
