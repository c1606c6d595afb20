"""``jwt-keys.json``: the keys that sign access tokens. The newest signs, earlier ones still verify."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from appliance.core.clock import utcnow
from appliance.core.secrets import file_version, one_at_a_time, replace_secret

log = structlog.get_logger()

# Longer than anything that is signed lives, so an ordinary rotation takes nothing from anybody.
KEPT_AFTER_ROTATION = timedelta(days=90)


class SigningKeysError(ValueError):
    """``jwt-keys.json`` is there but cannot be understood."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key; ``kid`` names it in the header of what it signed."""

    kid: str
    secret: str
    created_at: str  # ISO 8601

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r})"


class SigningKeys:
    """Reads the keys, and reads them again when the file was replaced: a rotation needs no restart."""

    def __init__(self, secrets_dir: Path) -> None:
        self.path = secrets_dir / "jwt-keys.json"
        self._keys: Sequence[SigningKey] = ()
        self._seen: tuple[int, int] | None = None

    def ensure(self) -> None:
        """Make the first key if there is none; raises ``SigningKeysError`` for a broken file."""
        with one_at_a_time(self.path.parent):
            if not self.path.exists():
                self._write([_new_key()])
        self._load()

    def newest(self) -> SigningKey:
        """The key that signs."""
        return self._current()[-1]

    def find(self, kid: str) -> SigningKey | None:
        """The key of this name, unless it was retired."""
        return next((key for key in self._current() if key.kid == kid), None)

    def rotate(self, *, retire_old: bool = False) -> SigningKey:
        """Sign with a new key from now on.

        Earlier keys verify for another 90 days, or no longer with ``retire_old``: access tokens
        they signed are then refused at once, and refresh cookies, which need no key, bring new ones.
        """
        made = _new_key()
        keys = list(self._load()) if self.path.exists() else []
        kept = [] if retire_old else _without_outlived(keys)
        self._write([*kept, made])
        self._load()
        return made

    def _current(self) -> Sequence[SigningKey]:
        """The keys in the file; the last known ones while it cannot be read."""
        try:
            if file_version(self.path) != self._seen:
                self._load()
        except (OSError, SigningKeysError) as error:
            if not self._keys:
                raise
            log.warning("signing_keys.unreadable", error=type(error).__name__)
        return self._keys

    def _load(self) -> Sequence[SigningKey]:
        seen = file_version(self.path)
        try:
            entries = json.loads(self.path.read_text(encoding="utf-8"))["keys"]
            keys = [SigningKey(**entry) for entry in entries]
        except (ValueError, KeyError, TypeError) as error:
            raise SigningKeysError(f"{self.path.name} is not in order: {type(error).__name__}") from None
        if not keys:
            raise SigningKeysError(f"{self.path.name} holds no key")
        self._keys, self._seen = keys, seen
        return keys

    def _write(self, keys: Sequence[SigningKey]) -> None:
        replace_secret(self.path, json.dumps({"keys": [asdict(key) for key in keys]}, indent=2) + "\n")


def _new_key() -> SigningKey:
    now = utcnow()
    return SigningKey(
        kid=f"{now:%Y%m%d}-{secrets.token_hex(3)}",
        secret=secrets.token_urlsafe(48),
        created_at=now.isoformat(timespec="seconds"),
    )


def _without_outlived(keys: Sequence[SigningKey]) -> list[SigningKey]:
    """Drop each key that was replaced more than ``KEPT_AFTER_ROTATION`` ago."""
    horizon = utcnow() - KEPT_AFTER_ROTATION
    replaced = [datetime.fromisoformat(newer.created_at) for newer in keys[1:]]
    return [*(key for key, at in zip(keys, replaced, strict=False) if at > horizon), *keys[-1:]]
