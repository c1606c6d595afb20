"""A line per step, with the seconds it took."""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


class StartProgress:
    """Prints as steps finish; to stderr when stdout is for programs."""

    def __init__(self, *, for_programs: bool = False) -> None:
        self.out: TextIO = sys.stderr if for_programs else sys.stdout
        self.began = time.monotonic()

    def say(self, line: str = "") -> None:
        """Print a line; a reader that went away does not stop the appliance."""
        with contextlib.suppress(BrokenPipeError, ValueError):
            print(line, file=self.out, flush=True)

    def done(self, label: str, since: float) -> None:
        self.say(f"  {time.monotonic() - since:6.2f} s  {label}")

    @contextlib.contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Time one step and print it when it succeeded."""
        since = time.monotonic()
        yield
        self.done(label, since)

    def total(self) -> None:
        self.done("ready", self.began)


def tail(log: Path) -> str:
    """The last lines of a log, for a message; what it cannot read it says."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"({log}: {error.strerror})"
    last = "\n".join(f"    {line}" for line in text.splitlines()[-20:])
    return f"The end of {log}:\n{last or '    (empty)'}"
