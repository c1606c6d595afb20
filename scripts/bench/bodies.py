"""What it costs to put a photo of 7 MB into a provider's request, and to take a picture out of an answer.

    python scripts/bench/bodies.py [--rounds 9]

Milliseconds of processor time, and the longest time on the clock for which an event loop beside it stood
still. The floor is base64 of the same bytes and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pybase64

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from appliance.providers.json_answer import JsonAnswer
from appliance.providers.json_body import Base64, json_body_blocking
from scripts.bench._figures import Figures, cpu

SIZE = 7_000_000
PIECE = 65_536  # as much of an answer as comes at once


async def standstill(work: Callable[[], Any], rounds: int) -> float:
    """Milliseconds for which the loop stood still at most, while ``work`` ran in a thread; the least."""
    found = []
    for _ in range(rounds):
        task, longest, last = asyncio.create_task(asyncio.to_thread(work)), 0.0, time.perf_counter()
        while not task.done():
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        found.append(longest)
    return min(found) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    data = os.urandom(SIZE)
    text = pybase64.b64encode(data)

    def request() -> object:
        content = {"contents": [{"parts": [{"data": Base64(data)}, {"text": "a painting"}]}]}
        return list(json_body_blocking(content).pieces())

    said = b'{"candidates": [{"content": {"parts": [{"inlineData": {"data": "' + text + b'"}}]}}]}'
    pieces = [said[at : at + PIECE] for at in range(0, len(said), PIECE)]

    def answer() -> object:
        read = JsonAnswer()
        for piece in pieces:
            read.take(piece)
        return read.pictures

    floor = cpu(lambda: pybase64.b64encode(data), rounds)
    figures = Figures("bodies", "ms", "base64 and nothing else", floor)
    figures.add("a request's JSON, processor time", cpu(request, rounds))
    figures.add("  meanwhile the loop stood still for", asyncio.run(standstill(request, rounds)), 15)
    figures.add("an answer's picture, processor time", cpu(answer, rounds))
    figures.add("  on the loop, of each piece", cpu(answer, rounds) / len(pieces), 15)
    figures.tell()


if __name__ == "__main__":
    main()
