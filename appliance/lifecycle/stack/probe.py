"""The containers' health checks: ``probe.py app`` or ``probe.py beat FILE SECONDS``.

The first asks ``/readyz``, the second how old a file is.

Run as a file of its own with ``python -I -S``: it starts in a twentieth of a second.
"""

from __future__ import annotations

import http.client
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from appliance.core import local_http


def app() -> str | None:
    """What is wrong with the app; nothing when it can do its work."""
    try:
        status, body = local_http.get("/readyz", 3)
    except (OSError, http.client.HTTPException) as error:
        return f"the app does not answer: {type(error).__name__}"
    return None if status == 200 else body.decode(errors="replace")


def beat(path: str, seconds: str) -> str | None:
    """What is wrong with a loop that touches a file at each turn."""
    try:
        age = time.time() - Path(path).stat().st_mtime
    except OSError:
        return "it has not begun"
    return None if age < float(seconds) else f"the last sign of life is {age:.0f} s old"


def main(arguments: list[str]) -> int:
    """One question; the answer is the exit code."""
    wrong = beat(arguments[1], arguments[2]) if arguments[:1] == ["beat"] else app()
    if wrong:
        sys.stdout.write(wrong + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
