"""Memory as the process keeps it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """While the program is loaded nothing is garbage: the collector looked through it again and again, which
    was an eighth of the time (2.4 s and 2.1 s of a processor; 2026-11-27).
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def keep_what_is_there() -> None:
    """Have the garbage collector look only at what comes from now on; for the end of a start.

    A full collection went through all modules and classes each time, and nobody got an answer meanwhile:
    0.1 s on two shared cores (2026-11, tests/integration/test_large_event.py).
    """
    gc.collect()
    gc.freeze()
