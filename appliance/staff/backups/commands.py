"""Verbs of the appliance in processes of their own: a share that hangs holds up none of the app's threads."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import structlog

from appliance.core.clock import utcnow
from appliance.core.language import Message
from appliance.core.tasks import end

log = structlog.get_logger()

Work = Literal["backup", "send", "prove"]
_VERBS: dict[Work, tuple[str, ...]] = {
    "backup": ("backup", "--gently"),
    "send": ("send-backup",),
    "prove": ("prove-backup",),
}
_PACKAGE = Path(__file__).resolve().parents[3]
_LONGEST_ANSWER = 90.0  # seconds; a target that is away is told within 60
_LAST_WORDS = 500


class NoAnswer(Exception):
    """A verb said nothing in time, or failed in a way of its own; ``said`` is what it said."""

    def __init__(self, said: Message) -> None:
        self.said = said
        super().__init__(said)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of the last work."""

    work: Work
    ok: bool
    said: Message
    at: datetime


class BackupCommands:
    """Starts verbs; of those that take long one at a time."""

    def __init__(self) -> None:
        self.running: Work | None = None
        self.ended: CommandResult | None = None
        self._task: asyncio.Task[None] | None = None

    async def ask(self, *verb: str, given: str = "") -> str:
        """What a short verb answers; raises ``NoAnswer``."""
        process = await _started(*verb)
        try:
            async with asyncio.timeout(_LONGEST_ANSWER):
                out, errors = await process.communicate(given.encode())
        except TimeoutError:
            raise NoAnswer(Message("It did not answer in time.")) from None
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise NoAnswer(_last_words(errors))
        return out.decode()

    def start(self, work: Work, by: str) -> bool:
        """Begin; ``False`` if something is at work already."""
        if self.running is not None:
            return False
        self.running = work
        self._task = asyncio.create_task(self._work(work, by))
        return True

    async def finished(self) -> None:
        """Wait until nothing is at work."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    async def _work(self, work: Work, by: str) -> None:
        ok, said = False, _last_words(b"")
        try:
            process = await _started(*_VERBS[work], by=by)
            try:
                out, errors = await process.communicate()
                ok, said = process.returncode == 0, _last_words(errors) or _last_words(out)
            finally:
                if process.returncode is None:
                    process.terminate()
        except OSError as error:
            said = Message(type(error).__name__)
        finally:
            self.running, self.ended = None, CommandResult(work, ok, said, utcnow())
        log.info("backups.worked", work=work, ok=ok)

    async def aclose(self) -> None:
        """What is at work ends with us."""
        if self._task:
            await end({self._task})


async def _started(*verb: str, by: str = "") -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "appliance", *verb),
        cwd=_PACKAGE,
        env={**os.environ, "PHOTOCHANGER_LOG_LEVEL": "WARNING", "BACKUP_ASKED_BY": by},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def _last_words(printed: bytes) -> Message:
    """The last line that is no log line; whole where it came as data."""
    last = ""
    for line in reversed(printed.decode(errors="replace").splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return Message.from_json(json.loads(line)["said"])
        if line and not line.startswith("{"):
            last = line[:_LAST_WORDS]
            break
    return Message(last)
