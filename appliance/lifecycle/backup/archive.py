"""A backup as a file: a tar whose last two members list every other one with its SHA-256.

    database/{table}.copy      the rows of a table, as PostgreSQL's COPY writes them
    secrets/…                  sealed ones only: the secret files, without the database's own password
    media/…                    results, templates and whatever else lies in the media folder, except uploads
    manifest.json, manifest.sha256

It is written and read from front to back, plain or sealed with a passphrase (``sealing``).
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import time
from collections.abc import Iterator
from typing import IO, Any, Self

from appliance.core.language import Message
from appliance.lifecycle.backup import sealing
from appliance.lifecycle.backup.chunks import DAMAGED
from appliance.lifecycle.backup.problem import BackupProblem

FORMAT = 1
# Of every member, whoever writes or reads it: what is in a backup can be restored, and leads nowhere else.
_NAME = re.compile(r"(?:database|secrets|media(?!/temp/))(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*){1,4}")
_MANIFEST = ("manifest.json", "manifest.sha256")
_START = 64  # enough bytes to know what a file is
_LONGEST_MANIFEST = 256 * 1024 * 1024


class Writer:
    """Adds members and closes with the manifest; the file below stays open."""

    def __init__(self, below: IO[bytes], passphrase: str | None) -> None:
        self._sealer = sealing.Sealer(below, passphrase) if passphrase else None
        self._tar = tarfile.open(fileobj=self._sealer or below, mode="w|", format=tarfile.PAX_FORMAT)  # type: ignore[call-overload]  # noqa: SIM115
        self._files: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if (
            failed
        ):  # else the tar is written to once more when it is forgotten, and that failure is the last word
            self._tar.fileobj.closed = True

    def add(self, name: str, source: IO[bytes], size: int, changed: float | None = None) -> None:
        """Add the next ``size`` bytes of ``source``; raises ``OSError`` if there are fewer."""
        if not _NAME.fullmatch(name):
            raise BackupProblem(
                Message("A file called '%(name)s' cannot be backed up. Move it out of the folder.", name=name)
            )
        hashing = _HashingReader(source)
        self._tar.addfile(_info(name, size, changed), hashing)
        self._files[name] = {"size": size, "sha256": hashing.digest.hexdigest()}

    def close(self, facts: dict[str, Any]) -> None:
        """Write the manifest, which holds ``facts``, and the end."""
        manifest = json.dumps({"format": FORMAT, **facts, "files": self._files}, indent=1).encode()
        digest = hashlib.sha256(manifest).hexdigest().encode() + b"\n"
        for name, content in zip(_MANIFEST, (manifest, digest), strict=True):
            self._tar.addfile(_info(name, len(content)), io.BytesIO(content))
        self._tar.close()
        if self._sealer:
            self._sealer.close()


def _info(name: str, size: int, changed: float | None = None) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, changed or time.time()
    return info


class _HashingReader:
    """Reads and digests on the way."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self.digest = source, hashlib.sha256()

    def read(self, size: int) -> bytes:
        found = self._source.read(size)
        self.digest.update(found)
        return found


def members(below: IO[bytes], passphrase: str | None) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Every member in order; each must be read before the next is asked for."""
    below.seek(0)
    sealed = sealing.is_sealed(below.read(_START))
    below.seek(0)
    source = sealing.opened(below, passphrase) if sealed else below
    try:
        with tarfile.open(fileobj=source, mode="r|") as tar:  # type: ignore[call-overload]
            for info in tar:
                content = tar.extractfile(info) if info.isreg() else None
                if content is None:
                    raise _not_a_file(info.name)
                if not _NAME.fullmatch(info.name) and info.name not in _MANIFEST:
                    raise _wrong_name(info.name)
                yield info, content
    except BackupProblem:
        raise
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BackupProblem(
            Message("This is not a complete backup: %(error)s. Nothing was changed.", error=error)
        ) from None


def _not_a_file(name: str) -> BackupProblem:
    return BackupProblem(Message("The backup contains '%(name)s', which is not a file.", name=name))


def _wrong_name(name: str) -> BackupProblem:
    return BackupProblem(
        Message(
            "The backup contains a file named '%(name)s', which does not belong there. Nothing was changed.",
            name=name,
        )
    )


def verify(below: IO[bytes], passphrase: str | None) -> dict[str, Any]:
    """Read all of it once; the manifest, when every byte is as it was written.

    Raises ``BackupProblem`` otherwise.
    """
    try:
        found, manifest, claimed = _read_all(below, passphrase)
    except (tarfile.TarError, EOFError) as error:
        raise BackupProblem(
            Message("This is not a complete backup: %(error)s. Nothing was changed.", error=error)
        ) from None
    if not manifest or hashlib.sha256(manifest).hexdigest().encode() != claimed:
        raise BackupProblem(DAMAGED)
    facts: dict[str, Any] = json.loads(manifest)
    if facts["format"] != FORMAT:
        raise BackupProblem(
            Message(
                "The backup has format %(has)s; this version knows %(known)s.",
                has=facts["format"],
                known=FORMAT,
            )
        )
    if facts["files"] != found:
        names = {*facts["files"], *found}
        wrong = sorted(name for name in names if facts["files"].get(name) != found.get(name))
        raise BackupProblem(
            Message("The backup is damaged: %(names)s. Nothing was changed.", names=", ".join(wrong[:5]))
        )
    return facts


def _read_all(below: IO[bytes], passphrase: str | None) -> tuple[dict[str, dict[str, Any]], bytes, bytes]:
    """Size and digest of every member; the manifest and the digest that it claims to have."""
    found: dict[str, dict[str, Any]] = {}
    manifest, claimed = b"", b""
    for info, content in members(below, passphrase):
        if info.name == "manifest.json":
            manifest = content.read(_LONGEST_MANIFEST)
        elif info.name == "manifest.sha256":
            claimed = content.read(100).strip()
        elif info.name in found:
            raise _wrong_name(info.name)
        else:
            found[info.name] = _digest(content)
    return found, manifest, claimed


def _digest(content: IO[bytes]) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    while block := content.read(1024 * 1024):
        digest.update(block)
        size += len(block)
    return {"size": size, "sha256": digest.hexdigest()}
