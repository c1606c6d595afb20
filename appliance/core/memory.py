"""Memory as the process keeps it."""

from __future__ import annotations

import gc


def keep_what_is_there() -> None:
    """Have the garbage collector look only at what comes from now on; for the end of a start.

    A full collection went through all modules and classes each time, and nobody got an answer meanwhile:
    0.1 s on two shared cores (2026-11, tests/integration/test_large_event.py).
    """
    gc.collect()
    gc.freeze()
