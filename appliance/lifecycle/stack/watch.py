"""Beside the app under supervisord: ends it when it hangs or has grown too large, to be started again.

A hang is no answer on ``/healthz`` for ``APP_HANG_SECONDS``; it is killed, since it would not hear anything
gentler. Past ``APP_MEMORY_CEILING_MB`` it is asked to end (SIGINT: photos in flight are finished, and the
start counts among those that an issue tells of, unlike after an operator's SIGTERM), at a
moment without a photo in flight if one comes within ``_PATIENCE``. Of several processes each has its share
of the ceiling, and none is asked to end before the others serve. Standard library only.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from appliance.core import local_http, processes
from appliance.media.folder_locks import is_locked

_EVERY = 0.5
_SUPERVISORD = "/tmp/supervisor.sock"  # noqa: S108 - as image/supervisor/app.conf says; /tmp is the container's own
_STARTING = 20.0  # seconds a new process may take until its first answer
_LONGEST_START = 320.0
_ENDING = 75.0  # seconds that one of several may take to end: it answers no new questions then
_PATIENCE = 120.0  # seconds to wait for a moment without a photo in flight
# A process that is well takes 150 MB, and 300 at a party's worst moment (docs/ops/reliability.md). By shares
# below that one of eight was ended after the other, for ever.
_LEAST_SHARE_MB = 400.0
_FRESH = 120.0  # an upload folder that nobody touched for so long belongs to nobody


def say(event: str, **facts: object) -> None:
    """One line in the form of the app's own log."""
    line = {"event": event, "level": "warning", "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", **facts}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def app_pid(number: int = processes.FIRST) -> int | None:
    """One of the app's processes: called ``appliance serve``, with the same parent as we, and this number.

    One that still waits for its place is called ``flock``, and none yet.
    """
    parent = os.getppid()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                stat = (process / "stat").read_text(encoding="utf-8", errors="replace")
                if int(stat.rpartition(")")[2].split()[1]) != parent:
                    continue
                called = (process / "cmdline").read_bytes().rstrip(b"\0")
                is_app = called.endswith(b"appliance\0serve") and not called.startswith(b"flock\0")
                if is_app and _number_of(process) == number:
                    return int(process.name)
    return None


def _number_of(process: Path) -> int:
    """Which of several it is, as supervisord has told it."""
    for setting in (process / "environ").read_bytes().split(b"\0"):
        name, _, value = setting.partition(b"=")
        if name == b"APP_PROCESS" and value:
            return int(value)
    return processes.FIRST


def resident_mb(pid: int) -> float:
    """Memory of the process that is its own and in use, in MB."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except (OSError, IndexError):
        return 0.0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def photos_in_flight(media: Path) -> bool:
    """Whether an upload has its folder, on this machine: from its first byte to its answer.

    Its process holds a lock on it. Where there are no locks its age tells, whichever way the clock moved.
    """
    now = time.time()
    temp = Path(os.environ.get("PHOTOCHANGER_TEMP_DIR") or media / "temp")
    for folder in temp.glob("*/*"):
        with contextlib.suppress(OSError):
            if is_locked(folder) or abs(now - folder.stat().st_mtime) < _FRESH:
                return True
    return False


def answers(number: int = processes.FIRST) -> bool:
    """Whether a process answers anything at all."""
    try:
        return local_http.get("/healthz", 0.8, _listen_of(number))[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def refuses(number: int) -> bool:
    """Whether nobody listens there: a process that hangs still does, one that ends does not."""
    try:
        local_http.connection(_listen_of(number), 0.8).connect()
    except OSError as error:
        return isinstance(error, (ConnectionRefusedError, FileNotFoundError))
    return False


def _listen_of(number: int) -> str:
    return processes.listen_of(os.environ.get("PHOTOCHANGER_LISTEN", "127.0.0.1:8000"), number)


class Watch:
    """What is known of the process that runs now. ``others``: the watches over the other processes."""

    def __init__(
        self, *, hang_seconds: float, ceiling_mb: float, media: Path, number: int = processes.FIRST
    ) -> None:
        self._hang_seconds, self._ceiling_mb, self._media = hang_seconds, ceiling_mb, media
        self._number = number
        self.others: list[Watch] = []
        self._pid: int | None = None
        self._answered = 0.0
        self._spoke = False
        self._starting = _STARTING
        self._too_large_since: float | None = None
        self._told_to_end = False

    def look(self) -> None:
        """One look, and what follows from it."""
        pid, now = app_pid(self._number), time.monotonic()
        if pid != self._pid:
            self._pid, self._answered, self._spoke = pid, now, False
            self._too_large_since, self._told_to_end = None, False
        if pid is None:
            return
        if answers(self._number):
            self._answered, self._spoke, self._starting = time.monotonic(), True, _STARTING
        elif not self._told_to_end:
            self._if_it_hangs(pid)
        if self._spoke and not self._told_to_end:  # one that takes as much to start must not be kept from it
            self._if_it_is_too_large(pid)

    @property
    def serves(self) -> bool:
        """Whether this process takes requests, as far as is known."""
        return self._spoke and not self._told_to_end and time.monotonic() - self._answered < 1

    def machine_stood_still(self) -> None:
        """We were not run for a while ourselves: nobody can be blamed for not having answered."""
        self._answered = time.monotonic()

    def _if_it_hangs(self, pid: int) -> None:
        silent = time.monotonic() - self._answered
        patience = self._hang_seconds if self._spoke else self._starting
        if silent > patience and self.others and self._spoke and refuses(self._number):
            patience = _ENDING
        if silent > patience:
            say("watch.hung", pid=pid, silent_seconds=round(silent, 1))
            if not self._spoke:  # perhaps the machine is slow: the next one has twice the time
                self._starting = min(2 * self._starting, _LONGEST_START)
            self._end(pid, signal.SIGKILL)

    def _if_it_is_too_large(self, pid: int) -> None:
        size = resident_mb(pid)
        if size < self._ceiling_mb:
            self._too_large_since = None
            return
        since = self._too_large_since = self._too_large_since or time.monotonic()
        waited = time.monotonic() - since
        if not all(other.serves for other in self.others):
            return
        if not photos_in_flight(self._media) or waited > _PATIENCE:
            say("watch.too_large", pid=pid, megabytes=round(size), waited_seconds=round(waited, 1))
            self._end(pid, signal.SIGINT)

    def _end(self, pid: int, sign: signal.Signals) -> None:
        self._told_to_end = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)
        if sign == signal.SIGKILL:
            time.sleep(0.1)
            _wake_supervisord()


def _wake_supervisord() -> None:
    """It looks at its children once a second, and whenever somebody knocks."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as knock:
        knock.connect(_SUPERVISORD)


def ceiling_of_each(number: int) -> float:
    """MB that each of so many processes may have."""
    whole = float(os.environ.get("APP_MEMORY_CEILING_MB", "1200"))
    return whole if number == 1 else max(whole / number, _LEAST_SHARE_MB)


def main() -> None:
    """Look twice a second, for ever."""
    number = processes.of_environment()
    watches = [
        Watch(
            hang_seconds=float(os.environ.get("APP_HANG_SECONDS", "2.5")),
            ceiling_mb=ceiling_of_each(number),
            media=Path(os.environ.get("PHOTOCHANGER_MEDIA_ROOT", "media")),
            number=one,
        )
        for one in processes.numbers(number)
    ]
    for watch in watches:
        watch.others = [other for other in watches if other is not watch]
    expected = time.monotonic()
    while True:
        if time.monotonic() - expected > 1:
            for watch in watches:
                watch.machine_stood_still()
        for watch in watches:
            watch.look()
        expected = time.monotonic() + _EVERY
        time.sleep(_EVERY)


if __name__ == "__main__":
    main()
