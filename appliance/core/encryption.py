"""Encryption at rest: what the database keeps secret is read with keys that lie in a secret file.

``encryption-keys`` holds one key a line (Fernet: AES-128-CBC with HMAC-SHA256). The first encrypts, all
of them decrypt, so a rotation makes nothing unreadable. The file is read again when it was replaced.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from appliance.core.errors import ServiceUnavailable
from appliance.core.language import Message
from appliance.core.secrets import file_version, one_at_a_time, replace_secret

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

log = structlog.get_logger()

ENCRYPTION_KEYS = "encryption-keys"


class Unreadable(ValueError):
    """Encrypted with a key that is not here, damaged, or meant for another purpose."""


class EncryptionKeys:
    """Encrypts and decrypts with what is in the file now."""

    def __init__(self, secrets_dir: Path) -> None:
        self.path = secrets_dir / ENCRYPTION_KEYS
        self._keys: tuple[str, ...] = ()
        self._cipher: MultiFernet | None = None
        self._seen: tuple[int, int] | None = None

    def ensure(self) -> None:
        """Make the first key if there is none. A file without a usable key is laid aside, not lost.

        A folder that cannot be written is only logged: photos need no encryption.
        """
        try:
            if self.path.exists() and self._load():
                return
            with one_at_a_time(self.path.parent):
                if self.path.exists():
                    if self._load():
                        return
                    self.path.replace(self.path.with_name(f"{ENCRYPTION_KEYS}.damaged"))
                    log.warning("encryption_keys.damaged", kept_as=f"{ENCRYPTION_KEYS}.damaged")
                self._write(self._keys or (_new_key(),))
        except OSError as error:
            log.warning("encryption_keys.not_made", error=type(error).__name__)

    def encrypt(self, text: str, purpose: str) -> bytes:
        """``text``, to be decrypted for the same ``purpose`` only.

        Raises ``ServiceUnavailable`` when the file can be neither read nor made.
        """
        self.ensure()
        self._refresh()
        if self._cipher is None or not self.path.exists():
            raise ServiceUnavailable(
                Message(
                    "The secret file '%(file)s' can be neither read nor created. Check the folder of "
                    "secret files and its owner.",
                    file=ENCRYPTION_KEYS,
                )
            )
        return self._cipher.encrypt(json.dumps([purpose, text]).encode())

    def decrypt(self, data: bytes, purpose: str) -> str:
        """What was encrypted for ``purpose``; raises ``Unreadable``."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - slow to load

        self._refresh()
        if self._cipher is None:
            raise Unreadable("there is no encryption key")
        try:
            meant_for, text = json.loads(self._cipher.decrypt(data))
        except (InvalidToken, ValueError):
            raise Unreadable("no encryption key fits") from None
        if meant_for != purpose:
            raise Unreadable("it was encrypted for something else")
        return str(text)

    def rotate(self) -> None:
        """Encrypt with a new key from now on; the earlier ones still decrypt."""
        self._refresh()
        self._write((_new_key(), *self._keys))

    def retire_old(self) -> None:
        """Forget all keys but the newest: what is still encrypted with the others cannot be read."""
        self._refresh()
        self._write(self._keys[:1])

    def take_over(self, lines: str) -> None:
        """Put another file's keys before ours, which still decrypt."""
        self._refresh()
        self._write(tuple(dict.fromkeys((*_usable(lines), *self._keys))))

    def _refresh(self) -> None:
        """Read the file if it was replaced; while it cannot be read, the last known keys stay."""
        try:
            if file_version(self.path) != self._seen:
                self._load()
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("encryption_keys.unreadable", error=type(error).__name__)

    def _load(self) -> bool:
        """Take up the file's keys; ``False``, and the last known ones stay, if none of them is usable."""
        from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415

        seen = file_version(self.path)
        keys = _usable(self.path.read_text(encoding="utf-8", errors="replace"))
        self._seen = seen
        if keys:
            self._keys, self._cipher = tuple(keys), MultiFernet([Fernet(key) for key in keys])
        return bool(keys)

    def _write(self, keys: Sequence[str]) -> None:
        replace_secret(self.path, "".join(f"{key}\n" for key in keys))
        self._load()


def _new_key() -> str:
    from cryptography.fernet import Fernet  # noqa: PLC0415

    return Fernet.generate_key().decode()


def _usable(lines: str) -> list[str]:
    """The keys among the lines of a file."""
    from cryptography.fernet import Fernet  # noqa: PLC0415

    found = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        try:
            Fernet(line)
        except ValueError:
            log.warning("encryption_keys.bad_line")
        else:
            found.append(line)
    return found
