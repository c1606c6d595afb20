#!/usr/bin/env python3
"""Guessing links: do a million random ids all answer alike, in form and in time?

    .venv/bin/python scripts/bench/guessing.py [--count 1000000] [--guessers 64]

Starts the whole appliance and guesses through Nginx, from many addresses at once, each as fast as the limits
let one address be. Beside the unknown ids a hidden picture's own id is asked for again and again, and at last
with nobody else there: if that took another time, or looked different, a guesser would learn something. Then
one address alone floods.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import statistics
import sys
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.bench._wire import Answer, Wire, wires
from tests.support.camera import Camera, Shot
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack, running_stack

FORMS = (("/public/results/{}", "*/*"), ("/r/{}", "*/*"), ("/public/results/{}/preview", "image/webp"))
PAGE = ("/r/{}", "text/html")
EVERY_PAGE, EVERY_HIDDEN = 50, 40  # of so many guesses one is a browser's, one is the hidden picture's
QUIET_PAIRS = 1500
FLOOD = 4000  # more than a whole party behind one address asks for
BUSY = (429, 503)  # says nothing of the id
PACE = 1 / 45  # seconds between two guesses of one address: just below the limit
_NONCE = re.compile(rb"nonce[-=\"']+[\w-]+")
_OWN = {"date", "x-request-id", "content-security-policy", "connection", "keep-alive"}


def form_of(answer: Answer) -> tuple[int, bytes, tuple[str, ...]]:
    """All that a guesser could tell answers apart by, but for what differs in every answer."""
    return answer.status, _NONCE.sub(b"", answer.body), tuple(sorted(set(answer.headers) - _OWN))


class Findings:
    """What was answered, and how long it took."""

    def __init__(self) -> None:
        self.forms: dict[str, Counter[tuple[int, bytes, tuple[str, ...]]]] = {}
        self.unknown: list[float] = []
        self.hidden: list[float] = []
        self.asked = 0

    def note(self, kind: str, answer: Answer, seconds: float, *, is_hidden: bool) -> None:
        self.forms.setdefault(kind, Counter())[form_of(answer)] += 1
        if kind == FORMS[0][0]:
            (self.hidden if is_hidden else self.unknown).append(seconds)


async def guess(wire: Wire, count: int, hidden: str, found: Findings) -> None:
    """``count`` guesses from one address."""
    draw = random.Random(wire.address)
    following = time.monotonic() + draw.random() * PACE
    for number in range(count):
        await asyncio.sleep(max(0.0, following - time.monotonic()))
        following = max(following + PACE, time.monotonic() - 1)
        is_hidden = draw.randrange(EVERY_HIDDEN) == 0
        path, accept = PAGE if number % EVERY_PAGE == 0 else FORMS[number % len(FORMS)]
        target = hidden if is_hidden else str(uuid.uuid4())
        since = time.perf_counter()
        answer = await wire.get(path.format(target), accept)
        kind = path if accept != PAGE[1] else f"{path} as a page"
        found.note(kind, answer, time.perf_counter() - since, is_hidden=is_hidden)
        found.asked += 1


def later_share(one: list[float], other: list[float]) -> float:
    """How often a time of ``one`` is longer than one of ``other``, drawn at random: 0.5 tells nothing."""
    draw = random.Random(7)
    pairs = [(draw.choice(one), draw.choice(other)) for _ in range(200_000)]
    return sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)


async def compare(wire: Wire, hidden: str, pairs: int) -> tuple[list[float], list[float]]:
    """Seconds that unknown ids and the hidden one took, in turns and with nobody else there."""
    path, accept = FORMS[0]
    unknown: list[float] = []
    known: list[float] = []
    for _ in range(pairs):
        for times, target in ((unknown, str(uuid.uuid4())), (known, hidden)):
            await asyncio.sleep(PACE)
            since = time.perf_counter()
            await wire.get(path.format(target), accept)
            times.append(time.perf_counter() - since)
    return unknown, known


async def flood(wire: Wire) -> tuple[int, int]:
    """One address as fast as it can: how many were answered, how many refused."""
    statuses = Counter([(await wire.get(f"/r/{uuid.uuid4()}")).status for _ in range(FLOOD)])
    return statuses[404], statuses[429]


async def hidden_picture(stack: Stack) -> str:
    """A picture that is there, and that guests may not see."""
    shot = Shot(portrait_jpeg(), stack.report["passwords"]["ingest"])
    job: str = (await Camera(stack.port).post("/api/ingest/slot-002", shot)).headers["x-job-id"]
    async with stack.database() as db:
        await db.execute("update job_history set hidden_at = now() where job_id = $1", job)
    return job


def milliseconds(times: list[float]) -> str:
    """Median and the ends of the middle nine tenths."""
    cuts = statistics.quantiles(times, n=20)
    low, middle, high = (1000 * value for value in (cuts[0], statistics.median(times), cuts[-1]))
    return f"median {middle:.2f} ms, 5 % {low:.2f}, 95 % {high:.2f}"


async def main(count: int, guessers: int) -> int:
    """Guess and print; the exit code is 1 when something could be told apart."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder) / "data") as stack:
        hidden, found = await hidden_picture(stack), Findings()
        async with wires(stack.port, guessers + 1) as (alone, *many):
            since = time.monotonic()
            await asyncio.gather(*(guess(wire, -(-count // guessers), hidden, found) for wire in many))
            took = time.monotonic() - since
            quiet = await compare(alone, hidden, QUIET_PAIRS)
            await asyncio.sleep(2)  # until the limit of this address has forgotten that
            answered, refused = await flood(alone)
    alike = all(len({form for form in forms if form[0] not in BUSY}) == 1 for forms in found.forms.values())
    print(
        f"{found.asked} guesses from {guessers} addresses in {took:.0f} s, {found.asked / took:.0f} a second"
    )
    for kind, forms in found.forms.items():
        statuses = ", ".join(f"{status}: {number}" for status, number in _statuses(forms).items())
        told = len({form for form in forms if form[0] not in BUSY})
        print(f"  {kind:<36} {told} form(s); {statuses}")
    for when, unknown, known in (("among all", found.unknown, found.hidden), ("alone", *quiet)):
        print(f"{when}: unknown {milliseconds(unknown)}  ({len(unknown)})")
        print(f"{when}: hidden  {milliseconds(known)}  ({len(known)})")
        share = later_share(known, unknown)
        print(f"{when}: hidden takes longer than unknown in {share:.1%} of pairs (50 %: nobody can tell)")
    print(f"one address alone, {FLOOD} guesses in a row: {answered} answered, {refused} refused with 429")
    return 0 if alike and refused else 1


def _statuses(forms: Counter[tuple[int, bytes, tuple[str, ...]]]) -> Counter[int]:
    statuses: Counter[int] = Counter()
    for form, number in forms.items():
        statuses[form[0]] += number
    return statuses


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--guessers", type=int, default=64)
    arguments = parser.parse_args()
    sys.exit(asyncio.run(main(arguments.count, arguments.guessers)))
