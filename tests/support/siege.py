"""A booth that posts beside an attack: what it lost, and how much longer its photos took."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.support.booth import Album, Booth
from tests.support.camera import Shot
from tests.support.photos import portrait_jpeg
from tests.support.stack import CHECKOUT, Stack

AT_LEAST = 8  # photos beside each attack
ALONE = 6  # photos before it


@dataclass(frozen=True)
class Outcome:
    """Photos before the attack and beside it, and what the attacker was answered."""

    alone: Album
    beside: Album
    answers: dict[str, int]

    @property
    def ratio(self) -> float:
        """How many times as long a photo takes beside the attack."""
        return self.beside.typical_seconds / self.alone.typical_seconds


class Siege:
    """Attacks one stack while a booth goes on posting to it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.password: str = stack.report["passwords"]["ingest"]
        self._booth = Booth(stack.port, Shot(portrait_jpeg(), self.password))
        self._booth.post(2)  # what is made once is made

    def under(self, attack: str, seconds: float = 5, **facts: Any) -> Outcome:
        """Run ``attack`` for ``seconds``, or until the booth has posted enough."""
        alone = self._booth.post(ALONE)
        command = [sys.executable, "-m", "tests.support.attacks", attack]
        command += [str(self.stack.port), str(seconds), json.dumps(facts)]
        over = threading.Event()
        with (
            subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as attacker,
            ThreadPoolExecutor(1) as booth,
        ):
            assert attacker.stdout
            try:
                assert attacker.stdout.readline() == "begun\n", f"{attack} did not begin"
                posting = booth.submit(self._booth.post_until, over, AT_LEAST)
                said = attacker.stdout.readline()
            finally:
                over.set()
                if attacker.poll() is None and not attacker.stdout.closed:
                    attacker.terminate()
            outcome = Outcome(alone, posting.result(), json.loads(said))
        print(told(attack, outcome))  # noqa: T201 - shown with a failure, and by scripts/abuse
        return outcome


def told(attack: str, outcome: Outcome) -> str:
    """One line about an attack."""
    photos = outcome.beside.photos
    slowest = max(photo.seconds for photo in photos)
    return (
        f"{attack}: {len(photos)} photos, {len(outcome.beside.lost)} lost, "
        f"{outcome.alone.typical_seconds:.2f} s alone, {outcome.beside.typical_seconds:.2f} s beside it "
        f"({outcome.ratio:.2f} times), {slowest:.2f} s at most; the attacker was answered {outcome.answers}"
    )
