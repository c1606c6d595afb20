"""How much processor time an appliance's programs take."""

from __future__ import annotations

import contextlib
from collections import Counter

import psutil

from tests.support.stack import Stack

PROGRAMS = ("nginx", "postgres")


def seconds_of(stack: Stack) -> Counter[str]:
    """Seconds that each program has taken since its start, those of its ended processes included."""
    supervisord = psutil.Process(int((stack.data / "run/supervisord.pid").read_text()))
    taken: Counter[str] = Counter()
    for process in supervisord.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            taken[_program(process)] += sum(process.cpu_times()[:4])
    return taken


def _program(process: psutil.Process) -> str:
    name: str = process.name()
    if name in PROGRAMS:
        return name
    return "app" if process.cmdline()[-1:] == ["serve"] else "others"
