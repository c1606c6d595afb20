"""A booth that posts beside an attack: what it lost, and how much longer its photos took."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from appliance.lifecycle.stack.front_door import HTTP2
from tests.support.booth import Album, Booth
from tests.support.camera import Camera, Shot
from tests.support.photos import camera_jpeg_24mp, portrait_jpeg
from tests.support.processor_time import seconds_of
from tests.support.stack import CHECKOUT, Stack
from tests.support.waiting import until

# Photos before each round of an attack, and at least beside it. The short form looks for what a photo must
# not suffer; how much longer one takes is measured by the long form, with photos as cameras send them.
ALONE, AT_LEAST = 6, 6
ALONE_IN_SHORT, AT_LEAST_IN_SHORT = 3, 4


@dataclass(frozen=True)
class Outcome:
    """Photos before the attack and beside it, what the attacker was answered, and the most bytes that
    uploads took on the disk meanwhile; how long it took, and seconds of processor time of each program.
    """

    alone: Album
    beside: Album
    answers: Counter[str]
    most_in_temp: int
    seconds: float
    processor: Counter[str]

    def __add__(self, later: Outcome) -> Outcome:
        """Both rounds of an attack as one."""
        return Outcome(
            Album(self.alone.photos + later.alone.photos),
            Album(self.beside.photos + later.beside.photos),
            self.answers + later.answers,
            max(self.most_in_temp, later.most_in_temp),
            self.seconds + later.seconds,
            self.processor + later.processor,
        )

    @property
    def ratio(self) -> float:
        """How many times as long a photo takes beside the attack."""
        return self.beside.typical_seconds / self.alone.typical_seconds

    def __str__(self) -> str:
        photos = self.beside.photos
        slowest = max(photo.seconds for photo in photos)
        return (
            f"{len(photos)} photos, {len(self.beside.lost)} lost; {self.alone.typical_seconds:.2f} s alone, "
            f"{self.beside.typical_seconds:.2f} s beside ({self.ratio:.2f} times), {slowest:.2f} s at most; "
            f"the attacker was answered {dict(self.answers)}, {self._answered / self.seconds:.0f} a second; "
            f"of a core {self._shares}"
        )

    @property
    def _answered(self) -> int:
        return sum(count for answer, count in self.answers.items() if not answer.startswith("held"))

    @property
    def _shares(self) -> str:
        shares = {who: taken / self.seconds for who, taken in self.processor.items()}
        return ", ".join(f"{who} {share:.0%}" for who, share in shares.items())


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).http_version == "HTTP/2"
    except httpx.HTTPError:
        return False


class Siege:
    """Attacks one stack while a booth goes on posting to it."""

    def __init__(self, stack: Stack, *, short: bool = False) -> None:
        self.stack = stack
        self._at_least, self._alone = (AT_LEAST_IN_SHORT, ALONE_IN_SHORT) if short else (AT_LEAST, ALONE)
        self.password: str = stack.report["passwords"]["ingest"]
        self._shot = Shot(portrait_jpeg() if short else camera_jpeg_24mp(), self.password)
        self._booth = Booth(stack.port, self._shot)
        self._booth.post(2)  # what is made once is made

    def picture(self) -> str:
        """The path of a picture that everybody with its link may fetch."""
        target = "/api/ingest/slot-001?reply=json"
        found: str = asyncio.run(Camera(self.stack.port).post(target, self._shot)).json()["public_url"]
        return found

    def speak_http2(self) -> None:
        """Have Nginx speak HTTP/2 too, to whoever begins that way."""
        run = self.stack.data / "run"
        (run / "server.d").mkdir(exist_ok=True)
        (run / "server.d/http2.conf").write_text(HTTP2)
        os.kill(int((run / "nginx/nginx.pid").read_text()), signal.SIGHUP)
        with httpx.Client(http1=False, http2=True, trust_env=False) as client:
            asyncio.run(until(lambda: _answers(client, f"{self.stack.url}/healthz"), seconds=20))

    @contextlib.contextmanager
    def staff(self) -> Iterator[httpx.Client]:
        """The administrator's program."""
        body = {"username": "serg", "password": self.stack.report["passwords"]["accounts"]["serg"]}
        with httpx.Client(base_url=self.stack.url, timeout=30, trust_env=False) as client:
            token = client.post("/api/login", json=body).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client

    @contextlib.contextmanager
    def gallery(self, **what: Any) -> Iterator[dict[str, Any]]:
        """A gallery and its wall, open for a while."""
        with self.staff() as staff:
            made: dict[str, Any] = staff.post("/api/shared-galleries", json={"minutes": 60, **what}).json()
            made["paths"] = [httpx.URL(made[name]).path for name in ("url", "wall_url")]
            try:
                yield made
            finally:
                staff.delete(f"/api/shared-galleries/{made['id']}")

    def under(self, attack: str, seconds: float, rounds: int = 1, **facts: Any) -> Outcome:
        """Run ``attack`` for ``seconds``, or until the booth has posted enough; so many times.

        Before each round the booth posts alone: what else the machine does counts for both.
        """
        first, *others = (self._round(attack, seconds, facts) for _ in range(rounds))
        return sum(others, first)

    def _round(self, attack: str, seconds: float, facts: dict[str, Any]) -> Outcome:
        alone = self._booth.post(self._alone)
        command = [sys.executable, "-m", "tests.support.attacks", attack]
        command += [str(self.stack.port), str(seconds), json.dumps(facts)]
        over = threading.Event()
        with (
            subprocess.Popen(
                command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, start_new_session=True
            ) as attacker,
            ThreadPoolExecutor(2) as beside,
        ):
            assert attacker.stdout
            try:
                assert attacker.stdout.readline() == "begun\n", f"{attack} did not begin"
                began, before = time.monotonic(), seconds_of(self.stack)
                posting = beside.submit(self._booth.post_until, over, self._at_least, 0.1)
                filled = beside.submit(lambda: max(self._bytes_in_temp(over)))
                said = json.loads(attacker.stdout.readline())
                lasted, taken = time.monotonic() - began, seconds_of(self.stack) - before
            finally:
                over.set()
            return Outcome(
                alone,
                posting.result(),
                Counter(said["answers"]),
                filled.result(),
                lasted,
                Counter({"attacker": said["processor"], **taken}),
            )

    def _bytes_in_temp(self, over: threading.Event) -> Iterator[int]:
        """What uploads take on the disk, again and again."""
        while True:
            size = 0
            for file in self.stack.temp_files():
                with contextlib.suppress(FileNotFoundError):
                    size += sum(photo.stat().st_size for photo in file.iterdir())
            yield size
            if over.wait(0.1):
                return
