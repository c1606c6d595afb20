#!/usr/bin/env python3
"""How large and how quick the stack is: scripts/bench/stack.py

Builds the image, starts a stack of its own from nothing three times, upgrades it three times, and prints
the image's size, the time to healthy, the memory when nothing happens, and for how long an upgrade closed
the door. Everything it started is removed again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
BASE = "python:3.13-slim-trixie"
IMAGE = "photochanger-bench"
ENVIRONMENT = {
    **os.environ,
    "COMPOSE_PROJECT_NAME": IMAGE,
    "APPLIANCE_IMAGE": IMAGE,
    "APPLIANCE_VERSION": "0",
    "HTTP_PORT": os.environ.get("HTTP_PORT", "18080"),
}


def run(*command: str) -> str:
    """A program's standard output."""
    done = subprocess.run(
        command, cwd=CHECKOUT / "compose", env=ENVIRONMENT, check=False, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def compose(*arguments: str) -> str:
    """Compose on the bench's own stack."""
    return run("docker", "compose", *arguments)


def size(image: str) -> float:
    """Of an image, uncompressed, in MB."""
    return int(run("docker", "image", "inspect", "--format", "{{.Size}}", image)) / 1e6


def memory() -> dict[str, float]:
    """Of each service when nothing happens, in MB, as the engine counts it."""
    found = {}
    for service in ("app", "cleanup", "db", "nginx"):
        container = compose("ps", "--quiet", service).strip()
        said = run("docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", container).split()[0]
        factor = {"KiB": 0.001024, "MiB": 1.048576, "GiB": 1073.74}[said[-3:]]
        found[service] = float(said[:-3]) * factor
    return found


def cold_start() -> float:
    """Seconds from nothing to healthy, the images being there."""
    compose("down", "--volumes", "--timeout", "5")
    since = time.monotonic()
    compose("up", "--detach", "--wait")
    return time.monotonic() - since


def upgrades() -> list[float]:
    """For how long the door was closed, each time; to the same content under other names."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for part in ("compose", "scripts", "config"):
            shutil.copytree(
                CHECKOUT / part, Path(folder) / part, ignore=shutil.ignore_patterns(".env", "site")
            )
        environment = {key: value for key, value in ENVIRONMENT.items() if key != "APPLIANCE_VERSION"}
        (Path(folder) / "compose" / ".env").write_text("APPLIANCE_VERSION=0\n")
        subprocess.run(
            ["docker", "compose", "up", "--detach", "--wait"],
            cwd=Path(folder) / "compose", env=environment, check=True, capture_output=True,
        )  # fmt: skip
        for version in ("1", "2", "3"):
            context = f"FROM {IMAGE}:0\nENV APPLIANCE_VERSION={version}\n"
            tag = f"{IMAGE}:{version}"
            subprocess.run(
                ["docker", "build", "-q", "-t", tag, "-"],
                input=context, text=True, check=True, capture_output=True,
            )  # fmt: skip
            done = subprocess.run(
                [Path(folder) / "scripts/upgrade", version, "--no-backup"],
                env=environment, check=True, capture_output=True, text=True,
            )  # fmt: skip
            found.append(float(re.findall(r"closed for ([\d.]+) s", done.stdout)[0]))
    return found


def main() -> None:
    """Measure and print."""
    run("docker", "build", "-q", "-f", str(CHECKOUT / "image/Dockerfile"), "-t", f"{IMAGE}:0", str(CHECKOUT))
    try:
        starts = [cold_start() for _ in range(3)]
        time.sleep(5)
        used = memory()
        closed = upgrades()
    finally:
        compose("down", "--volumes", "--timeout", "5")
        subprocess.run(
            ["docker", "rmi", *(f"{IMAGE}:{n}" for n in (1, 2, 3))], check=False, capture_output=True
        )
    own = size(f"{IMAGE}:0") - size(BASE)
    print(f"image without its base   {own:6.0f} MB   (aim: under 250)")
    each = ", ".join(f"{seconds:.1f}" for seconds in starts)
    print(f"cold start to healthy    {max(starts):6.1f} s    (aim: under 15; {each})")
    print(f"memory of app + cleanup  {used['app'] + used['cleanup']:6.0f} MB   (aim: under 200)")
    each = ", ".join(f"{seconds:.1f}" for seconds in closed)
    print(f"upgrade closed the door  {max(closed):6.1f} s    (aim: under 15; {each})")
    print("memory by service        " + ", ".join(f"{name} {mb:.0f} MB" for name, mb in used.items()))


if __name__ == "__main__":
    main()
