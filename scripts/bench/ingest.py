#!/usr/bin/env python3
"""What the appliance itself costs a photo of 24 megapixels and 7 MB: processor, waiting, memory.

    python scripts/bench/ingest.py [--rounds 2] [--seconds 2] [--only shrunk]

Starts the whole appliance, and a provider that answers after ``--seconds`` with a picture of about 2 MB.
The booths post from a process of their own. Processor time is the app's; the floor is the decoding of the
photo at an eighth of its size, in this process. Memory is the app's, in MB; its floor is what it takes
when nothing happens.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from appliance.core.decoding import load
from appliance.core.images import JPEG
from scripts.bench._figures import Figures, cpu
from scripts.bench._wire import Wire, address_of
from scripts.bench.photo import photo_of_7_mb
from tests.support.camera import Camera, Shot
from tests.support.photos import heavy_jpeg
from tests.support.slots import set_slot, with_gemini
from tests.support.stack import Stack, free_port, running_stack

SLOTS = [f"slot-{number:03d}" for number in range(1, 16)]
MODEL = "gemini-nano-banana-2.1"
MODES = {"as it is": 0, "shrunk": 2048}
BOOTHS = (1, 15, 30)
GOALS = {  # seconds beside the provider's own, by booths at once
    "as it is": {1: 0.12, 15: 0.35, 30: 0.7},
    "shrunk": {1: 0.18, 15: 0.6, 30: 1.2},
}
CPU_GOALS = {"as it is": 75, "shrunk": 180}
QUIET_SECONDS = 3.0  # after which what was needed at the peak has been given back, or is not given back

_numbers = count(1)


def numbered(photo: bytes) -> bytes:
    """The same photo as a camera would make it: with a comment of its own behind the first marker."""
    words = f"{os.getpid()} {next(_numbers)}".encode()
    return photo[:2] + b"\xff\xfe" + (len(words) + 2).to_bytes(2, "big") + words + photo[2:]


def post_together(port: int, password: str, photo: bytes, booths: int, rounds: int) -> list[float]:
    """In a process of its own: the seconds of each photo of so many booths, each posting ``rounds``."""

    async def booth(number: int) -> list[float]:
        camera, found = Camera(port, address=address_of(number)), []
        for _ in range(rounds):
            body = Shot(numbered(photo), password).body()
            since = time.monotonic()
            reply = await camera.send(f"/api/ingest/{SLOTS[number % len(SLOTS)]}?reply=image", body)
            found.append(time.monotonic() - since)
            if reply.status != 200:
                raise RuntimeError(reply.body[:300])
        return found

    async def all_booths() -> list[float]:
        each = await asyncio.gather(*(booth(number) for number in range(booths)))
        return [took for found in each for took in found]

    return asyncio.run(all_booths())


@contextlib.contextmanager
def provider(folder: Path, seconds: float) -> Iterator[int]:
    """The provider's port."""
    picture, port = folder / "picture.jpg", free_port()
    picture.write_bytes(load(heavy_jpeg(), JPEG).jpegsave_buffer(Q=88, keep="none"))
    program = Path(__file__).with_name("_provider.py")
    command = [sys.executable, str(program), str(port), str(seconds), str(picture)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        try:
            assert running.stdout
            running.stdout.readline()
            yield port
        finally:
            running.terminate()


class App:
    """The app's process, as the kernel counts it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.process = psutil.Process(stack.report["processes"]["app"]["pid"])

    def cpu(self) -> float:
        """Milliseconds until now, those of its ended children included."""
        return float(sum(self.process.cpu_times()[:4])) * 1000

    def memory(self) -> float:
        """Resident now."""
        return float(self.process.memory_info().rss) / 1e6

    def forget_peak(self) -> None:
        """Count the peak from now on."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")

    def peak(self) -> float:
        """The most that was resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6

    def shares(self) -> tuple[float, float]:
        """PSS of the app, and of everything that runs."""
        supervisord = psutil.Process(int((self.stack.data / "run/supervisord.pid").read_text()))
        every = [supervisord, *supervisord.children(recursive=True)]
        return _pss(self.process), sum(map(_pss, every))


def _pss(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        return float(process.memory_full_info().pss) / 1e6
    return 0.0


async def start_again(app: App) -> float:
    """Seconds from the program's start to its first answer, after the one that runs was told to stop."""
    os.kill(app.process.pid, signal.SIGTERM)
    await asyncio.to_thread(app.process.wait)
    wire = Wire(app.stack.port, "127.0.0.1")
    while True:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            if (await wire.get("/readyz")).status == 200:
                break
        await asyncio.sleep(0.01)
    ready = uptime()
    wire.close()
    app.process = psutil.Process(app.stack.pid_of("app"))
    return ready - began(app.process.pid)


def uptime() -> float:
    """Seconds since the machine's start."""
    return float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])


def began(pid: int) -> float:
    """When a process began, as ``uptime`` counts: psutil's own time is off by up to a second, since it is
    reckoned from the moment of the machine's start, which the kernel tells in whole seconds.
    """
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


class Line:
    """The booths' process, and what it posts to."""

    photos = 0  # posted until now

    def __init__(self, stack: Stack, photo: bytes, pool: ProcessPoolExecutor) -> None:
        self.stack = stack
        password = str(stack.report["passwords"]["ingest"])
        self._post = partial(post_together, stack.port, password, photo)
        self._pool = pool

    def post(self, booths: int, rounds: int) -> asyncio.Future[list[float]]:
        """The seconds of each photo of so many booths at once."""
        Line.photos += booths * rounds
        return asyncio.get_running_loop().run_in_executor(self._pool, self._post, booths, rounds)

    async def health(self, booths: int, rounds: int) -> float:
        """How many ms ``/healthz`` takes at most in 99 of 100 cases, while they post."""
        posting, found = self.post(booths, rounds), []
        wire = Wire(self.stack.port, "127.0.0.1")
        while not posting.done():
            since = time.monotonic()
            await wire.get("/healthz")
            found.append((time.monotonic() - since) * 1000)
            await asyncio.sleep(0.02)
        wire.close()
        await posting
        return statistics.quantiles(found, n=100)[-1]


async def main(options: argparse.Namespace) -> None:
    """Measure and print."""
    photo = photo_of_7_mb()
    floor = cpu(lambda: load(photo, JPEG, shrink=8).avg())
    work = Figures("ingest-cpu", "ms of the app's processor time a photo", "decoded at an eighth", floor)
    waits = Figures("ingest-waits", "seconds beside the provider's own, median", "its own", options.seconds)
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with (
        tempfile.TemporaryDirectory() as folder,
        provider(Path(folder), options.seconds) as port,
        running_stack(
            Path(folder) / "data", PHOTOCHANGER_PROVIDER_BASE_URLS=f"gemini=http://127.0.0.1:{port}"
        ) as stack,
        pool,
    ):
        app = App(stack)
        stack.set_keys("gemini", "bench-key-1")
        async with stack.database() as db:
            await db.execute("update app_settings set value = '200' where key = 'provider_permits'")
        started = min([await start_again(app) for _ in range(3)])
        await asyncio.sleep(QUIET_SECONDS)
        own, every = app.shares()
        quiet = app.memory()
        memory = Figures("ingest-memory", "MB", "the app when nothing happens", quiet)
        memory.add("the app's share (PSS), idle", own, 95)
        memory.add("of all processes, idle", every, 180)
        memory.add("seconds of a start of the app", started, 1.0)
        for mode, side in MODES.items():
            if options.only in (None, mode):
                for slot in SLOTS:
                    changes = with_gemini(model=MODEL, input_max_side=side, permits=4, deadline_seconds=60)
                    await set_slot(stack, slot, **changes)
                await mode_of(mode, app, Line(stack, photo, pool), options, (work, waits, memory))
        asked = await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/")
        waits.add("provider's calls a photo", int(asked.read()) / Line.photos, 1.0)
        for figures in (work, waits, memory):
            figures.tell()


async def mode_of(
    mode: str, app: App, line: Line, options: argparse.Namespace, figures: tuple[Figures, Figures, Figures]
) -> None:
    """The rows of one mode."""
    work, waits, memory = figures
    await line.post(1, 3)  # warm
    for booths in BOOTHS:
        app.forget_peak()
        since = app.cpu()
        seconds = await line.post(booths, 6 if booths == 1 else options.rounds)
        work.add(f"{mode}, {booths} at once", (app.cpu() - since) / len(seconds), CPU_GOALS[mode])
        beside = statistics.median(seconds) - options.seconds
        waits.add(f"{mode}, {booths} at once", beside, GOALS[mode][booths])
        if booths == 30:
            memory.add(f"{mode}, at most with {booths} in flight", app.peak(), 300)
            await asyncio.sleep(QUIET_SECONDS)
            memory.add(f"{mode}, {QUIET_SECONDS:.0f} s later", app.memory(), memory.floor + 40)
    work.add(f"{mode}, ms of /healthz beside 15, p99", await line.health(15, options.rounds), 15)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", choices=MODES)
    asyncio.run(main(parser.parse_args()))
