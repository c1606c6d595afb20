"""The sidecar of both ways to run: cleans up every quarter of an hour, backs up every night where a folder
for backups is set, sends backups to their target and proves them every month, shows that it is alive.

It only keeps time. The work is done by verbs in processes of their own, so that between two turns it takes
no more memory than a bare Python. Run as a file with ``python -I -S``, like ``probe`` and ``watch``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

# The container's own tmpfs: its health check looks at it.
BEAT = Path(os.environ.get("TMPDIR", "/tmp"), "cleanup.beat")  # noqa: S108
_LOOK_EVERY = 0.5
_BEAT_EVERY = 10.0
_TURN_EVERY = float(os.environ.get("SIDECAR_TURN_SECONDS", "900"))
# A cleanup takes almost as much of a processor as the start of the app, and at a start guests wait for that.
_FIRST_AFTER = 15.0
_LONGEST = 7200.0  # seconds a verb may take; a backup of a full disk takes minutes
_CLEANUP = ["cleanup"]
_BACKUP = ["backup", "--if-due"]
_SEND = ["send-backup", "--if-due", "--prove"]  # beside the others: a slow line takes hours
_LONGEST_BESIDE = 43200.0


def say(event: str, **facts: object) -> None:
    """One line in the form of the app's own log."""
    line = {"event": event, "level": "warning", "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", **facts}
    sys.stderr.write(json.dumps(line) + "\n")


class Sidecar:
    """Turns and the verb that runs right now."""

    def __init__(self, package: Path) -> None:
        self._package = package
        self._stop = False
        self._running: subprocess.Popen[bytes] | None = None
        self._beside: subprocess.Popen[bytes] | None = None
        self._beside_until = 0.0
        self._beat = 0.0

    def end(self, *_: object) -> None:
        """No further turn; the verb that runs is asked to end."""
        self._stop = True
        for process in filter(None, (self._running, self._beside)):
            process.terminate()

    def keep_time(self) -> None:
        """Until ``end``. The first turn only cleans up: on a machine that just came up guests may wait."""
        work, backs_up = [_CLEANUP], False
        self._rest_until(time.monotonic() + _FIRST_AFTER)
        while not self._stop:
            began = time.monotonic()
            for verb in work:
                self._run(verb)
            if backs_up and self._beside is None and not self._stop:
                self._beside, self._beside_until = self._start(_SEND), time.monotonic() + _LONGEST_BESIDE
            self._rest_until(began + _TURN_EVERY)
            backs_up = bool(os.environ.get("PHOTOCHANGER_BACKUP_DIR"))
            work = [_CLEANUP, _BACKUP] if backs_up else [_CLEANUP]
        if self._beside:
            self._beside.wait()

    def _rest_until(self, then: float) -> None:
        while not self._stop and time.monotonic() < then:
            self._live()

    def _run(self, verb: list[str]) -> None:
        """What fails has said why; the next turn follows."""
        if self._stop:
            return
        self._running = self._start(verb)
        until = time.monotonic() + _LONGEST
        while self._running.poll() is None:
            self._live()
            if time.monotonic() > until:
                self._running.kill()
        code, self._running = self._running.returncode, None
        if code and not self._stop:
            say("sidecar.failed", verb=verb[0], exit_code=code)

    def _start(self, verb: list[str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "appliance", *verb]
        return subprocess.Popen(command, cwd=self._package, stdout=subprocess.DEVNULL)

    def _look_beside(self) -> None:
        """What works beside the turns: told when it failed, ended when it takes too long."""
        if self._beside is None:
            return
        code = self._beside.poll()
        if code is None:
            if time.monotonic() > self._beside_until:
                self._beside.kill()
            return
        self._beside = None
        if code and not self._stop:
            say("sidecar.failed", verb=_SEND[0], exit_code=code)

    def _live(self) -> None:
        self._look_beside()
        if time.monotonic() > self._beat + _BEAT_EVERY:
            self._beat = time.monotonic()
            with contextlib.suppress(OSError):
                BEAT.touch()
        time.sleep(_LOOK_EVERY)


def main() -> None:
    """Keep time until SIGTERM or SIGINT."""
    sidecar = Sidecar(Path(__file__).resolve().parents[3])
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, sidecar.end)
    sidecar.keep_time()


if __name__ == "__main__":
    main()
