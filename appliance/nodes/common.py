"""What must be the same on all machines, and how it is told whether it is."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

from appliance.core.encryption import ENCRYPTION_KEYS
from appliance.core.files import PARTIAL_PREFIX

MARKS = "nodes"  # a folder in the shared one: each machine's mark in a file called by its number
# Without the first nobody reads the providers' keys, without the second guests' links differ.
_FILES = (ENCRYPTION_KEYS, "guest-links-key")
_FOLDERS = ("provider-keys",)


def secrets_digest(secrets_dir: Path) -> str:
    """Of the secret files that photos and guests need."""
    digest = hashlib.sha256()
    for name in _FILES:
        _add(digest, name, secrets_dir / name)
    for folder in _FOLDERS:
        for path in sorted((secrets_dir / folder).glob("*")):
            _add(digest, f"{folder}/{path.name}", path)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, name: str, path: Path) -> None:
    try:
        said = path.read_bytes()
    except FileNotFoundError:
        return
    digest.update(f"{name}\0{len(said)}\0".encode() + said)


def write_mark(media_root: Path, number: int, mark: str) -> None:
    """Leave ``mark`` in the shared folder; raises ``OSError``. Nothing is written where it is there."""
    if read_mark(media_root, number) == mark:
        return
    (media_root / "results").stat()  # nothing is put where the folder is to be mounted
    folder = media_root / MARKS
    folder.mkdir(exist_ok=True)
    partial = folder / f"{PARTIAL_PREFIX}{uuid.uuid4().hex}"
    try:
        partial.write_text(mark, encoding="ascii")
        partial.replace(folder / str(number))
    finally:
        partial.unlink(missing_ok=True)


def read_mark(media_root: Path, number: int) -> str | None:
    """What that machine has left here; raises ``OSError`` where the folder cannot be read."""
    try:
        return (media_root / MARKS / str(number)).read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return None
