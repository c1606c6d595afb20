"""Memory as the process keeps it."""

from __future__ import annotations

import gc

_USUAL = gc.get_threshold()


def collect_seldom() -> None:
    """For the start of a program. While it is loaded nothing is garbage: the collector looked through it
    again and again, which was a fifth of the time (2.5 s and 2.0 s of a processor; 2026-11-27).
    """
    gc.set_threshold(50_000, 20, 100)


def keep_what_is_there() -> None:
    """Have the garbage collector look only at what comes from now on; for the end of a start.

    A full collection went through all modules and classes each time, and nobody got an answer meanwhile:
    0.1 s on two shared cores (2026-11, tests/integration/test_large_event.py).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_USUAL)
