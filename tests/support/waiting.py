"""Waiting for a state: asked again and again until a deadline, never a fixed sleep."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any


async def until(question: Callable[[], Any], *, seconds: float = 5, every: float = 0.02) -> Any:
    """The first true answer of ``question`` (plain or async); fails the test after ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < end, (
            f"still not so after {seconds} s: {inspect.getsource(question).strip()}"
        )
        await asyncio.sleep(every)
