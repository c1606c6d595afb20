#!/usr/bin/env python3
"""What the line costs beside the picture work: one photo alone, and fifteen booths at once.

    .venv/bin/python scripts/bench/ingest.py [--rounds 3]

Starts the whole appliance. Times are those of the booth, from the first byte to the last, through
Nginx. The ratio compares the whole request with the provider's own part of it, in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.camera import Camera, Shot
from tests.support.photos import camera_jpeg_24mp, portrait_jpeg
from tests.support.stack import Stack, running_stack

BOOTHS = 15


async def one(stack: Stack, photo: bytes, slot: str) -> tuple[float, float]:
    """Seconds of the request, and of the provider's part."""
    camera = Camera(stack.port)
    started = time.monotonic()
    reply = await camera.post(
        f"/api/ingest/{slot}?reply=image", Shot(photo, stack.report["passwords"]["ingest"])
    )
    took = time.monotonic() - started
    assert reply.status == 200, reply.body
    row = await stack.row(reply.headers["x-job-id"])
    return took, row["timings"]["provider"] / 1000


def line(name: str, found: list[tuple[float, float]]) -> None:
    """One row of the table."""
    whole = statistics.median(took for took, _ in found)
    provider = statistics.median(part for _, part in found)
    slowest = max(took for took, _ in found)
    print(f"{name:<40}{whole:>8.3f}{slowest:>10.3f}{provider:>10.3f}{whole / provider:>8.2f}")


async def main(rounds: int) -> None:
    """Measure and print."""
    print(f"{'seconds':<40}{'median':>8}{'slowest':>10}{'provider':>10}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder) / "data") as stack:
        for name, photo in (("booth size", portrait_jpeg(1200, 1800)), ("24 megapixels", camera_jpeg_24mp())):
            await one(stack, photo, "slot-001")  # warm
            alone = [await one(stack, photo, "slot-001") for _ in range(rounds)]
            line(f"{name}, one booth", alone)
            together = []
            for _ in range(rounds):
                together += await asyncio.gather(
                    *(one(stack, photo, f"slot-{number % 8 + 1:03d}") for number in range(BOOTHS))
                )
            line(f"{name}, {BOOTHS} booths at once", together)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    asyncio.run(main(parser.parse_args().rounds))
