"""What every target can do, and what goes wrong at one.

A file at a target has its name only when all of it is there and was read back: ``put`` writes, reads,
compares, and then names it. Which files are there and what they mean is not a target's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol

from appliance.core.language import Message
from appliance.lifecycle.backup.problem import BackupProblem

BLOCK = 1024 * 1024
STALLED = 60.0  # seconds without a byte: the other side is gone

Reason = Literal[
    "unreachable",
    "refused",
    "host_key",
    "missing",
    "not_mounted",
    "others",
    "not_writable",
    "full",
    "damaged",
    "forbidden",
    "not_sealed",
    "failed",
    "unreadable",
]
WORDS: dict[Reason, Message] = {
    "unreachable": Message("The target does not answer."),
    "refused": Message("The target refuses the user, the password or the key."),
    "host_key": Message("The target shows a different host key from the one that was pinned."),
    "missing": Message(
        "The folder or bucket does not exist. Create it at the target; the appliance does not."
    ),
    "not_mounted": Message(
        "The folder's marker is gone: its disk is not mounted, or somebody has emptied it."
    ),
    "others": Message("Another appliance keeps its backups there."),
    "not_writable": Message("The target does not allow writing."),
    "full": Message("There is no room left at the target."),
    "damaged": Message("What was read back from the target differs from what was written."),
    "forbidden": Message("This folder belongs to the appliance itself. Choose one on another disk."),
    "not_sealed": Message("The backup has no passphrase, and only encrypted ones leave this machine."),
    "failed": Message("The target reported an error."),
    "unreadable": Message("The target's password or key cannot be read here: enter it again."),
}


class TargetProblem(BackupProblem):
    """What is wrong at the target: ``reason`` of a closed list, ``detail`` in the other side's words."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        self.reason, self.detail = reason, " ".join(detail.split())[:300]
        what = WORDS[reason]
        super().__init__(
            Message("%(what)s %(detail)s", what=what, detail=self.detail) if self.detail else what
        )


@dataclass(frozen=True, slots=True)
class TargetFile:
    """A file at the target."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Upload:
    """What is to be put: its bytes again and again from the start, its size and digest."""

    open: Callable[[], IO[bytes]]
    size: int
    sha256: str
    passed: Callable[[str, int], None] = lambda _step, _bytes: None  # told of each block
    most: int | None = None  # bytes a second

    @classmethod
    def of_bytes(cls, content: bytes) -> Upload:
        """A small file that is in memory."""
        import io  # noqa: PLC0415

        return cls(lambda: io.BytesIO(content), len(content), hashlib.sha256(content).hexdigest())

    @classmethod
    def of_file(cls, path: Path, passed: Callable[[str, int], None], most: int | None) -> Upload:
        """A file of this machine; reads all of it."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(lambda: path.open("rb"), path.stat().st_size, digest, passed, most)

    async def blocks(self) -> AsyncIterator[bytes]:
        """Its bytes, no faster than they may go."""
        pace = BandwidthLimit(self.most)
        with await asyncio.to_thread(self.open) as file:
            while block := await asyncio.to_thread(file.read, BLOCK):
                yield block
                self.passed("sending", len(block))
                await pace.after(len(block))

    async def compare(self, found: AsyncGenerator[bytes, None]) -> None:
        """Read all of ``found``; raises ``TargetProblem`` unless it is what was to be put."""
        pace, digest, size = BandwidthLimit(self.most), hashlib.sha256(), 0
        async with contextlib.aclosing(found):  # also where the sending is broken off
            async for block in found:
                digest.update(block)
                size += len(block)
                self.passed("checking", len(block))
                await pace.after(len(block))
        if size != self.size or digest.hexdigest() != self.sha256:
            raise TargetProblem("damaged", f"{size} of {self.size} bytes")


class BandwidthLimit:
    """Waits so that no more than ``most`` bytes go in a second."""

    def __init__(self, most: int | None) -> None:
        self._most, self._bytes, self._began = most, 0, asyncio.get_running_loop().time()

    async def after(self, count: int) -> None:
        """So many bytes have gone."""
        self._bytes += count
        if self._most:
            ahead = self._began + self._bytes / self._most - asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, ahead))


class Target(Protocol):
    """An open target."""

    async def files(self) -> list[TargetFile]:
        """Everything in its folder."""
        ...

    async def put(self, name: str, upload: Upload) -> None:
        """Keep a file under ``name``, once it was read back and is whole."""
        ...

    def read(self, name: str) -> AsyncGenerator[bytes, None]:
        """A file's bytes; raises ``FileNotFoundError``."""
        ...

    async def remove(self, name: str) -> None:
        """Remove a file; one that is not there is none."""
        ...


async def small(target: Target, name: str) -> bytes | None:
    """The content of a small file; ``None`` where there is none."""
    content = b""
    try:
        async for block in target.read(name):
            content += block
            if len(content) > BLOCK:
                raise TargetProblem("failed", f"{name} is too large")
    except FileNotFoundError:
        return None
    return content
