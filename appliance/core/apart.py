"""Work in a process of its own that steps back for everything else: ``python -m appliance.core.apart``.

For what takes a whole core for seconds, such as decoding a very large picture. A thread would not do:
libvips shares its own threads among all, and these keep the priority of whoever made them begin.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")

STEPS_BACK = 10  # of 19: it gets a tenth of a processor that others want, and all of an idle one
SECONDS = 60  # the longest deadline of a photo; nobody waits for it after that


def apart(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``work`` returns or raises; blocking. Raises ``TimeoutError`` after ``SECONDS``.

    ``work`` is a function of a module; what it takes, returns and raises goes from one process to the
    other (pickled). Raises ``ApartFailed`` where the process ended without a word.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "appliance.core.apart"],
            input=pickle.dumps((work, args, kwargs)),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    if done.returncode:
        raise ApartFailed(f"the process ended with {done.returncode}")
    returned, raised = pickle.loads(done.stdout)  # noqa: S301 - our own words
    if raised is not None:
        raise raised
    return cast("T", returned)


class ApartFailed(RuntimeError):
    """The process was killed, by the kernel for want of memory perhaps."""


def main() -> None:
    """One piece of work from standard input; what came of it goes to standard output."""
    os.nice(STEPS_BACK)
    said = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    work, args, kwargs = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own words
    came: tuple[Any, Exception | None]
    try:
        came = (work(*args, **kwargs), None)
    except Exception as error:  # noqa: BLE001 - for whoever waits
        came = (None, error)
    said.write(pickle.dumps(came))
    said.close()


if __name__ == "__main__":
    main()
