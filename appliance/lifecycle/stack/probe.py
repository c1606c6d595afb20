"""The containers' health checks: ``probe.py app [NUMBER]`` or ``probe.py beat FILE SECONDS``.

The first asks ``/readyz`` of every process of the app, or of one, the second how old a file is.

Run as a file of its own with ``python -I -S``: it starts in a twentieth of a second.
"""

from __future__ import annotations

import http.client
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from appliance.core import local_http, processes


def app(numbers: Sequence[int]) -> str | None:
    """What is wrong with the app; nothing when these of its processes can do their work."""
    listen = os.environ.get("PHOTOCHANGER_LISTEN", "127.0.0.1:8000")
    for number in numbers:
        try:
            status, body = local_http.get("/readyz", 3 / len(numbers), processes.listen_of(listen, number))
        except (OSError, http.client.HTTPException) as error:
            name = "the app" if number == processes.FIRST else processes.name_of(number)
            return f"{name} does not answer: {type(error).__name__}"
        if status != 200:
            return body.decode(errors="replace")
    return None


def beat(path: str, seconds: str) -> str | None:
    """What is wrong with a loop that touches a file at each turn."""
    try:
        age = time.time() - Path(path).stat().st_mtime
    except OSError:
        return "it has not begun"
    return None if age < float(seconds) else f"the last sign of life is {age:.0f} s old"


def main(arguments: list[str]) -> int:
    """One question; the answer is the exit code."""
    if arguments[:1] == ["beat"]:
        wrong = beat(arguments[1], arguments[2])
    else:
        one = [int(number) for number in arguments[1:]]
        wrong = app(one or processes.numbers(processes.of_environment()))
    if wrong:
        sys.stdout.write(wrong + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
