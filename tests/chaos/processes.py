"""The processes of a stack: which they are, killing them, and having supervisord start and stop them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil

from tests.support.stack import Stack


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


def kill(*pids: int) -> None:
    """SIGKILL, to all at once."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
