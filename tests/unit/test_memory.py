"""Memory that photos needed goes back to the machine when they are done."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from appliance.core.memory import giving_back
from appliance.core.photos_first import PhotoWork
from tests.support.waiting import until

LIBC = ctypes.CDLL(None)
BLOCKS, SIZE = 400, 100_000  # below the size that is mapped, and so given back, on its own

pytestmark = pytest.mark.skipif(not hasattr(LIBC, "malloc_trim"), reason="not glibc")


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def leave_a_hole() -> int:
    """Have the C library keep 40 MB that are free, below a block that is not; the address of that one."""
    LIBC.malloc.restype = ctypes.c_void_p
    blocks = [LIBC.malloc(SIZE) for _ in range(BLOCKS + 1)]
    for block in blocks:
        ctypes.memset(block, 1, SIZE)
    for block in blocks[:-1]:
        LIBC.free(ctypes.c_void_p(block))
    return int(blocks[-1])


async def test_what_photos_needed_is_given_back_when_they_are_done() -> None:
    work = PhotoWork()
    async with giving_back(work):
        last = leave_a_hole()
        before = resident()
        with work.going_on():
            pass
        await until(lambda: resident() < before - 30_000_000, seconds=20)
    LIBC.free(ctypes.c_void_p(last))
