"""Several pictures as one ZIP, written while it is sent: nothing is held in memory or on disk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One file of an archive: its name, its time, and its bytes or where they lie."""

    name: str
    at: datetime
    content: bytes | Path


@dataclass(frozen=True, slots=True)
class Archive:
    """A ZIP file that can be sent: its name, and its bytes once, in pieces. Blocking ones: for a thread."""

    name: str
    chunks: Iterator[bytes] | AsyncIterator[bytes]


class _StoredEntry(zipfile.ZipInfo):
    """An entry that is packed without being compressed."""

    def __init__(self, name: str, at: tuple[int, int, int, int, int, int]) -> None:
        super().__init__(name, at)
        self.compress_type = zipfile.ZIP_DEFLATED
        self._compresslevel = 0
        self.external_attr = 0o644 << 16


class _Pipe(io.RawIOBase):
    """What ``zipfile`` writes into; it cannot be wound back."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data


def zipped(entries: Iterable[ArchiveEntry]) -> Iterator[bytes]:
    """The archive in pieces. Pictures are not compressed: they do not get smaller.

    They are packed in blocks that say where they end (deflate, level 0), since readers that read while they
    receive cannot find the end of a stored file whose size stands behind it.
    A file that goes away meanwhile is left out; ``OSError`` when its disk does. Blocking: for a thread.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(cast("IO[bytes]", pipe), "w") as archive:
        for name, entry in _with_own_names(entries):
            at = entry.at.astimezone(UTC)
            info = _StoredEntry(name, (max(1980, at.year), at.month, at.day, at.hour, at.minute, at.second))
            if isinstance(entry.content, bytes):
                archive.writestr(info, entry.content, compresslevel=6)
                yield pipe.taken()
                continue
            try:
                source = entry.content.open("rb")
            except FileNotFoundError:
                entry.content.parent.stat()  # its disk is away: better no archive than one without pictures
                continue
            with source, archive.open(info, "w") as target:
                while chunk := source.read(_CHUNK):
                    target.write(chunk)
                    yield pipe.taken()
            yield pipe.taken()
    yield pipe.taken()


def _with_own_names(entries: Iterable[ArchiveEntry]) -> Iterator[tuple[str, ArchiveEntry]]:
    """Two pictures of the same second must not have the same name."""
    used: set[str] = set()
    for entry in entries:
        stem, dot, ending = entry.name.rpartition(".")
        name, number = entry.name, 2
        while name in used:
            name, number = f"{stem}-{number}{dot}{ending}", number + 1
        used.add(name)
        yield name, entry
