"""Failures that hold on to nothing.

A failure keeps the frames that it came through, and these their variables: a photo, an answer of 50 MB.
As a task and its failure name each other, that stays until the garbage collector looks through everything,
which may be minutes: fifteen slots whose provider sent pictures that were too large took 1,354 MB so, and
444 MB since (`tests/chaos/test_every_script.py`, 2026-11-27).
"""

from __future__ import annotations

import asyncio
from typing import TypeVar


class ExpectedFailure(Exception):
    """Says all there is to know by itself: nobody asks where it came from."""


EXPECTED = (ExpectedFailure, TimeoutError, asyncio.CancelledError)

Failure = TypeVar("Failure", bound=BaseException)


def without_frames(error: Failure) -> Failure:
    """``error`` without the frames it came through, and without those of what led to it."""
    one: BaseException | None = error
    while one is not None:
        one.__traceback__ = None
        led_to_it = one.__cause__ or one.__context__
        one.__cause__ = one.__context__ = None
        one = led_to_it
    return error
