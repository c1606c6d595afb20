"""What guests' links cost: downloads, previews and pages, beside Nginx sending the same files by itself.

    python scripts/bench/guests.py [--seconds 5] [--connections 32] [--only NAME]

Starts an appliance of its own and takes the limits for one address out of its Nginx. Needs `wrk`, which
stands on the same cores. The floor is Nginx sending a file of the same size, asked in the same run:
requests a second depend on what else the machine does, the processor time of a request hardly does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.bench._figures import Figures
from scripts.bench._limits import without_limits
from tests.support.camera import Camera, Shot
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack, running_stack

LARGE, SMALL = 2_000_000, 16_000
OTHERS = 2000  # pictures of which each is asked for once in a while
_EACH_IN_TURN = """
local paths, next = {}, 0
for line in io.lines("%s") do paths[#paths + 1] = line end
request = function() next = next %% #paths + 1; return wrk.format("GET", paths[next]) end
"""


@dataclass(frozen=True)
class Found:
    """Of one path: answers a second, the slowest of 100 in ms, and microseconds of processor time."""

    a_second: float
    p99: float
    app: float
    nginx: float


class Load:
    """Asks for one path again and again, or for some in turn."""

    def __init__(self, stack: Stack, seconds: int, connections: int) -> None:
        self._stack = stack
        self._how = ["-t2", f"-c{connections}", f"-d{seconds}s", "--latency"]
        self._app = psutil.Process(stack.pid_of("app"))
        nginx = psutil.Process(stack.pid_of("nginx"))
        self._nginx = [one for one in nginx.children() if one.status() != psutil.STATUS_ZOMBIE]

    def ask(self, *paths: str) -> Found:
        """What came of it."""
        accept = ["-H", "Accept: image/webp,*/*", "-H", "Accept-Language: de"]
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as names:
            names.write("".join(f"{path}\n" for path in paths))
            names.flush()
            script = Path(f"{names.name}.lua")
            script.write_text(_EACH_IN_TURN % names.name)
            turns = ["-s", str(script)] if len(paths) > 1 else []
            app, nginx = self._used()
            command = ["wrk", *self._how, *accept, *turns, self._stack.url + paths[0]]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            app_now, nginx_now = self._used()
            script.unlink()
        if "Non-2xx" in said:
            sys.exit(f"{paths[0]}: {said}")
        asked = int(re.findall(r"(\d+) requests in", said)[0])
        late, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", said)[0]
        return Found(
            float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0]),
            float(late) * {"us": 0.001, "ms": 1, "s": 1000}[unit],
            (app_now - app) / asked * 1e6,
            (nginx_now - nginx) / asked * 1e6,
        )

    def _used(self) -> tuple[float, float]:
        return _seconds(self._app), sum(map(_seconds, self._nginx))


def _seconds(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


async def pictures(stack: Stack) -> tuple[str, list[str]]:
    """A picture of 2 MB with a preview of 16 kB, and the ids of others with the same file."""
    shot = Shot(portrait_jpeg(), stack.report["passwords"]["ingest"])
    job = (await Camera(stack.port).post("/api/ingest/slot-002", shot)).headers["x-job-id"]
    result = stack.media / (await stack.row(job))["result_key"]
    picture = result.read_bytes()
    result.write_bytes(picture + os.urandom(LARGE - len(picture)))
    (stack.media / f"previews/{job}.s960.webp").write_bytes(os.urandom(SMALL))
    async with stack.database() as db:
        names = [one["name"] for one in await db.fetch(_COLUMNS)]
        same = ", ".join(name for name in names if name != "job_id")
        made = await db.fetch(
            f"insert into job_history (job_id, {same}) select gen_random_uuid(), {same} from job_history, "
            f"generate_series(1, {OTHERS}) where job_id = $1 returning job_id",
            job,
        )
    return job, [str(one["job_id"]) for one in made]


_COLUMNS = "select column_name as name from information_schema.columns where table_name = 'job_history'"


def tell(name: str, size: str, floor: Found, rows: dict[str, tuple[Found, float | None]]) -> None:
    """Two tables: answers a second, and processor time."""
    speed = Figures(f"guests-{name}", "answers a second", f"Nginx alone, {size}", floor.a_second)
    time_used = Figures(
        f"guests-{name}-cpu", "microseconds of app and Nginx a request", f"Nginx alone, {size}", floor.nginx
    )
    for what, (found, goal) in rows.items():
        speed.add(what, found.a_second, goal)
        time_used.add(f"{what}: app", found.app)
        time_used.add(f"{what}: Nginx", found.nginx)
        time_used.add(f"{what}: 99 % within, ms", found.p99)
    speed.tell()
    time_used.tell()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--only", choices=("large", "small", "pages"))
    given = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is missing; Debian has a package of this name.")
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder) / "appliance") as stack:
        job, others = asyncio.run(pictures(stack))
        without_limits(stack)
        load = Load(stack, given.seconds, given.connections)
        result, preview = f"/public/results/{job}", f"/public/results/{job}/preview"
        load.ask(preview)  # warm
        if given.only in (None, "large"):
            file = asyncio.run(stack.value("select result_key from job_history where job_id = $1", job))
            floor = load.ask(f"/floor/{file}")
            found = {"one result": (load.ask(result), floor.a_second * 0.8)}
            found["many results in turn"] = load.ask(*(f"/public/results/{one}" for one in others)), None
            tell("2MB", "2 MB", floor, found)
        if given.only != "large":
            floor = load.ask(f"/floor/previews/{job}.s960.webp")
            rows: dict[str, tuple[Found, float | None]] = {}
            if given.only in (None, "small"):
                rows["a preview"] = load.ask(preview), 8000
                rows["a state"] = load.ask(f"/r/{job}/state"), None
            if given.only in (None, "pages"):
                rows["a guest's page"] = load.ask(f"/r/{job}"), 2000
                rows["many guests' pages in turn"] = load.ask(*(f"/r/{one}" for one in others)), None
            tell("16kB", "16 kB", floor, rows)


if __name__ == "__main__":
    main()
