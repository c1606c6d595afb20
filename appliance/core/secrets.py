"""Secret files: made once with mode 0600, written by temp + rename, never logged."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NotRequired, TypedDict

from appliance.core.files import sync_folder

BACKUP_PASSPHRASE = "backup-passphrase"  # noqa: S105 - a file's name: seals the backups


class BackupPassphrase:
    """What seals the backups: made at the first start, or laid into the folder of secret files."""

    def __init__(self, secrets_dir: Path) -> None:
        self.path = secrets_dir / BACKUP_PASSPHRASE

    def read(self) -> str | None:
        """The passphrase, if there is one."""
        try:
            return self.path.read_text(encoding="utf-8").partition("\n")[0].strip() or None
        except FileNotFoundError:
            return None

    def keep(self, made: str) -> bool:
        """Keep ``made``; ``False`` if there is one."""
        with one_at_a_time(self.path.parent):
            if self.read():
                return False
            replace_secret(self.path, made + "\n")
        return True


def metrics_token(secrets_dir: Path) -> str:
    """What a scraper of ``/metrics`` sends; made when it is first asked for."""
    return read_or_make(secrets_dir / "metrics-token")


class FirstPasswords(TypedDict):
    """What ``first-passwords.json`` holds: passwords that nobody has changed yet, and the backups'
    passphrase until it was shown once.
    """

    ingest: str | None
    accounts: dict[str, str]
    backup: NotRequired[str]


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Keep other processes and threads waiting that want to make or change secret files in ``folder``."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_secret(
    path: Path, content: str | bytes, *, mode: int = 0o600, owner: tuple[int, int] | None = None
) -> None:
    """Write ``content`` to ``path``: a reader sees the old file or the new one, also after a power cut."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if owner:
                os.fchown(file.fileno(), *owner)
            os.fsync(file.fileno())
        Path(name).replace(path)
        sync_folder(path.parent)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def file_version(path: Path) -> tuple[int, int]:
    """What is another one once the file was written or replaced; raises ``FileNotFoundError``."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def replace_secret(path: Path, text: str) -> None:
    """Like ``write_secret``; as root, for whoever the appliance runs as: its owner stays the owner."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = (path if path.exists() else path.parent).stat()
    write_secret(path, text, owner=(before.st_uid, before.st_gid) if os.geteuid() == 0 else None)


def read_or_make(path: Path, nbytes: int = 32) -> str:
    """The secret in ``path``; made at random (``nbytes`` bytes, URL-safe text) if there is none.

    Processes that start together have the same one.
    """
    if found := _read(path):
        return found
    with one_at_a_time(path.parent):
        if found := _read(path):
            return found
        made = secrets.token_urlsafe(nbytes)
        write_secret(path, made + "\n")
    return made


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


class FirstPasswordFile:
    """``first-passwords.json``: read by ``scripts/run``, emptied as passwords are changed."""

    def __init__(self, secrets_dir: Path) -> None:
        self.path = secrets_dir / "first-passwords.json"

    def read(self) -> FirstPasswords:
        """What is still in the file; empty when there is none."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            data = {}
        kept: FirstPasswords = {
            "ingest": data.get("ingest"),
            "accounts": dict(data.get("accounts") or {}),
        }
        if data.get("backup"):
            kept["backup"] = str(data["backup"])
        return kept

    def add(self, *, ingest: str | None, accounts: dict[str, str], backup: str | None = None) -> None:
        """Keep new first passwords beside those already kept."""
        with self._changing() as kept:
            kept["accounts"].update(accounts)
            kept["ingest"] = ingest or kept["ingest"]
            if backup:
                kept["backup"] = backup

    def forget_account(self, username: str) -> None:
        """Remove an account's first password: it was changed."""
        with self._changing() as kept:
            kept["accounts"].pop(username, None)

    def forget_ingest(self) -> None:
        """Remove the first ingest password: it was rotated."""
        with self._changing() as kept:
            kept["ingest"] = None

    def forget_backup(self) -> None:
        """Remove the backups' passphrase: somebody has seen it."""
        with self._changing() as kept:
            kept.pop("backup", None)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[FirstPasswords]:
        """What is in the file, to be changed during the block; written only where it was."""
        with one_at_a_time(self.path.parent):
            kept = self.read()
            yield kept
            if kept != self.read():
                content = {name: value for name, value in kept.items() if value is not None}
                write_secret(self.path, json.dumps(content, indent=2) + "\n")
