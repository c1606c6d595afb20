"""A process that takes permits which it shares with others, and writes down when it has one."""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path

from sqlalchemy.engine import make_url

from appliance.core.clock import Deadline
from appliance.core.db import Database
from appliance.core.errors import SlotBusy
from appliance.ingest.seats import Seats, SharedGate

VISITORS = 3  # at once in each process
DEADLINE = 3.0


def work(url: str, process: int, limit: int, diary: Path) -> None:
    """Until somebody kills it. A line of the diary: ``process-id photo in|out monotonic-seconds``."""
    asyncio.run(_work(url, process, limit, diary))


async def _work(url: str, process: int, limit: int, diary: Path) -> None:
    database = Database(make_url(url))
    gate = SharedGate(Seats(database, process))
    await gate.begin()
    with diary.open("ab", buffering=0) as book:

        def note(photo: int, what: str) -> None:
            book.write(f"{os.getpid()} {photo} {what} {time.monotonic()}\n".encode())

        async def visitor(number: int) -> None:
            photo = number
            while True:
                photo += VISITORS
                try:
                    async with gate.enter("slot", limit, Deadline.after(DEADLINE)):
                        note(photo, "in")
                        await asyncio.sleep(random.uniform(0.0, 0.05))
                        note(photo, "out")
                except SlotBusy:
                    note(photo, "busy")

        await asyncio.gather(*(visitor(number) for number in range(VISITORS)))
