"""How long the dashboard's and the admin pages' questions take with a long history of jobs.

    python scripts/bench/dashboard.py [--jobs 100000] [--rounds 50]

Starts an appliance of its own in a temporary folder, fills its history and asks through Nginx.
Prints one line per address: median and 95th percentile in milliseconds, and the answer's size.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx
from sqlalchemy.engine import make_url

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.bench._limits import without_limits
from tests.support.history import fill_history
from tests.support.logins import PASSWORD, add_account, bearer, log_in
from tests.support.stack import Stack, running_stack

ADDRESSES = (
    "/api/stats/slots",
    "/api/slots",
    "/api/slots/slot-003",
    "/api/jobs",
    "/api/jobs?slot=slot-003&limit=200",
    "/api/jobs?status=failed",
    "/api/jobs?q=5f0c",
    "/api/gallery?slot=slot-003",
    "/api/gallery",
    "/api/providers",
)
PAGES = ("/admin/", "/admin/dashboard/cards", "/admin/gallery", "/admin/jobs", "/admin/slots", "/admin/audit")


async def ask(client: httpx.AsyncClient, address: str, rounds: int) -> tuple[float, float, int]:
    """Median and 95th percentile in milliseconds, and the bytes of one answer."""
    times = []
    size = 0
    for _ in range(rounds + 3):
        since = time.perf_counter()
        reply = await client.get(address)
        times.append((time.perf_counter() - since) * 1000)
        reply.raise_for_status()
        size = len(reply.content)
    measured = sorted(times[3:])  # the first ones warm up
    return statistics.median(measured), measured[int(len(measured) * 0.95) - 1], size


async def measure(stack: Stack, jobs: int, rounds: int) -> None:
    """Fill the history, log in and ask."""
    since = time.perf_counter()
    await fill_history(make_url(stack.dsn()).set(drivername="postgresql+asyncpg"), jobs=jobs)
    print(f"{jobs} jobs in the history ({time.perf_counter() - since:.1f} s to make)")
    async with httpx.AsyncClient(base_url=stack.url, timeout=60, trust_env=False) as client:
        password = stack.report["passwords"]["accounts"]["serg"]
        client.headers.update(bearer(await log_in(client, "serg", password)))
        await enter(stack, client)
        for address in (*ADDRESSES, *PAGES):
            median, late, size = await ask(client, address, rounds)
            print(f"{address:40} {median:7.1f} ms  p95 {late:7.1f} ms  {size / 1000:7.1f} kB")


async def enter(stack: Stack, client: httpx.AsyncClient) -> None:
    """Log in to the pages too, as a browser does."""
    await add_account(stack, "bench", PASSWORD, "administrator")
    async with stack.database() as db:
        await db.execute("update account set must_change_password = false where username = 'bench'")
    found = re.search(r'name="csrf" value="(\w+)"', (await client.get("/admin/login")).text)
    form = {"csrf": found[1] if found else "", "username": "bench", "password": PASSWORD}
    reply = await client.post("/admin/login", data=form)
    if reply.status_code != 303:
        sys.exit(f"the login page answered {reply.status_code}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=50)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder) / "appliance") as stack:
        without_limits(stack)
        asyncio.run(measure(stack, arguments.jobs, arguments.rounds))


if __name__ == "__main__":
    main()
