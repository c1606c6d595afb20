"""Becomes a program that does not outlive its parent: ``guard.py SIGNAL PROGRAM ARGUMENT…``.

supervisord ends its programs when it ends; this is for the case that it is killed and cannot.
Stdlib only and quick: it runs before every start of every program.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1
PARENT = "GUARD_PARENT"  # the environment's name for who starts programs here


def die_with_parent(number: int) -> None:
    """Have the kernel send us this signal when our parent ends, or end if it has.

    It names itself in the environment: one that was killed before we began to ask would not be missed.
    """
    parent = int(os.environ.pop(PARENT, 0)) or os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        sys.exit(1)


def _exe(pid: int | str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - quick start
    except OSError:
        return ""


def _parent(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123 - quick start
            return stat.read().rpartition(")")[2].split()[1]
    except OSError:
        return ""


def _title(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as cmdline:  # noqa: PTH123
            return cmdline.read()
    except OSError:
        return ""


def left_workers(nginx: str) -> Iterator[int]:
    """Workers of this nginx whose master was killed: they would keep the port for ever."""
    real = os.path.realpath(nginx)
    for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - quick start
        if _exe(pid) == real and _title(pid).startswith("nginx: worker") and _exe(_parent(pid)) != real:
            yield int(pid)


def main() -> None:
    name, program, *arguments = sys.argv[1:]
    die_with_parent(signal.Signals[name])
    if os.path.basename(program) == "nginx":  # noqa: PTH119 - quick start
        for pid in left_workers(program):
            os.kill(pid, signal.SIGKILL)
    os.execv(program, [program, *arguments])  # noqa: S606 - that is what it is for


if __name__ == "__main__":
    main()
