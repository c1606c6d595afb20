#!/usr/bin/env python3
"""1,000 photos to a provider that fails 30 % of the time and stalls 5 %: how many are delivered in time?

    .venv/bin/python scripts/bench/failover.py [--jobs 1000] [--booths 45] [--seconds 6] [--width 960]

Starts the whole appliance and a stand-in for Gemini. Every photo goes through Nginx; each picture
takes ``--seconds``; the slot's fallback is a local look. Prints one table, asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.standins import Script, Step, by_chance, gemini_app, running
from tests.support.camera import Camera, Reply, Shot
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack, free_port, running_stack

SLOTS = [f"slot-{number:03d}" for number in range(1, 16)]
DEADLINE = 48.0


async def configure(stack: Stack, booths: int) -> None:
    """Every slot asks Gemini first and a local look when that fails."""
    async with stack.database() as db:
        await db.execute(
            """update slot set active = true, provider = 'gemini', operation = 'image_edit', permits = $1,
                 model = 'gemini-nano-banana-2.1', params = $2, fallbacks = $3, prompt = '{}'""",
            -(-booths // len(SLOTS)),
            {"prompt": "a painting"},
            [{"provider": "local", "operation": "glow", "model": None, "params": {}}],
        )
        await db.execute("update app_settings set value = '200' where key = 'provider_permits'")


async def post_all(stack: Stack, jobs: int, booths: int, width: int) -> list[tuple[float, Reply]]:
    """``jobs`` photos by ``booths`` booths that each wait for their answer."""
    password = str(stack.report["passwords"]["ingest"])
    camera, todo, done = Camera(stack.port), iter(range(jobs)), []
    photo = portrait_jpeg(width, width * 4 // 3)

    async def booth(slot: str) -> None:
        for number in todo:
            started = time.monotonic()
            reply = await camera.post(f"/api/ingest/{slot}?reply=image", Shot(photo, password))
            done.append((time.monotonic() - started, reply))
            if (number + 1) % 100 == 0:
                print(f"  {number + 1} posted", flush=True)

    await asyncio.gather(*(booth(SLOTS[number % len(SLOTS)]) for number in range(booths)))
    return done


def connections_to(stack: Stack, port: int) -> int:
    """Open connections from the appliance to the stand-in."""
    app = psutil.Process(stack.report["processes"]["app"]["pid"])
    family = [app, *app.children(recursive=True)]
    return sum(
        1 for one in family for link in one.net_connections("tcp")
        if link.raddr and link.raddr.port == port and link.status == psutil.CONN_ESTABLISHED
    )  # fmt: skip


async def facts(stack: Stack, done: list[tuple[float, Reply]], asked: int) -> dict[str, Any]:
    """The figures of one run."""
    seconds = sorted(took for took, _ in done)
    delivered = sum(1 for took, reply in done if reply.status == 200 and took <= DEADLINE)
    async with stack.database() as db:
        rows = await db.fetch(
            """select a ->> 'provider' as provider, a ->> 'outcome' as outcome, count(*) as times
               from job_history, jsonb_array_elements(attempts) a group by 1, 2 order by 1, 2"""
        )
        by_ai = await db.fetchval(
            """select count(*) from job_history, jsonb_array_elements(attempts) a
               where a ->> 'outcome' = 'delivered' and a ->> 'provider' <> 'local'"""
        )
        pending = await db.fetchval("select count(*) from job_history where status = 'pending'")
    return {
        "photos": len(done),
        "delivered inside the deadline": f"{delivered} ({100 * delivered / len(done):.2f} %)",
        "of these by an AI route": f"{by_ai} ({100 * by_ai / max(1, delivered):.2f} %)",
        "answers": dict(Counter(reply.status for _, reply in done)),
        "refused as": dict(
            Counter(reply.json()["error"]["code"] for _, reply in done if reply.status != 200)
        ),
        "seconds p50 / p95 / slowest": (
            f"{statistics.median(seconds):.1f} / {seconds[int(0.95 * len(seconds)) - 1]:.1f} / "
            f"{seconds[-1]:.1f}"
        ),
        "provider calls per photo": f"{asked / len(done):.2f}",
        "attempts": {f"{row['provider']} {row['outcome']}": row["times"] for row in rows},
        "pending rows left": pending,
        "temp files left": len(stack.temp_files()),
    }


async def main(options: argparse.Namespace) -> None:
    """Run it and print the table."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(
            Path(folder) / "data", PHOTOCHANGER_PROVIDER_BASE_URLS=f"gemini=http://127.0.0.1:{port}"
        ) as stack,
    ):
        stack.set_keys("gemini", "bench-key-1", "bench-key-2")
        standin = gemini_app(
            Script(by_chance({Step("unavailable"): 0.30, Step("stall"): 0.05}, seed=options.seed)),
            seconds=options.seconds,
        )
        standin.keep_calls = 0
        asked = 0
        begin = standin.begin

        async def counted(call: Any) -> Step:
            nonlocal asked
            asked += 1
            return await begin(call)

        standin.begin = counted  # type: ignore[method-assign]
        async with running(standin, port=port):
            await post_all(stack, 1, 1, options.width)  # a local look; the address is a booth's from then on
            await configure(stack, options.booths)
            done = await post_all(stack, options.jobs, options.booths, options.width)
            figures = await facts(stack, done, asked)
            standin.script = Script()
            standin.seconds = 0.0
            once_more = await post_all(stack, options.booths, options.booths, options.width)
            figures["permits left taken"] = sum(1 for _, reply in once_more if reply.status != 200)
            await asyncio.sleep(1)
            figures["connections still open (kept alive)"] = connections_to(stack, port)
    for name, value in figures.items():
        print(f"{name:<38}{value}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--booths", type=int, default=45)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--width", type=int, default=960, help="of the photos, in pixels; a third more high")
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(main(parser.parse_args()))
