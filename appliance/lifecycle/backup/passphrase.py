"""Which passphrase a verb works with."""

from __future__ import annotations

import os
from pathlib import Path

from appliance.core.language import Message
from appliance.core.secrets import BackupPassphrase
from appliance.lifecycle.backup.problem import BackupProblem
from appliance.settings.environment import Settings


def passphrase_of(settings: Settings, file: str | None) -> str | None:
    """The first line of a file or, for ``-``, of standard input; else that of the nightly backups, if any."""
    if file is None:
        return BackupPassphrase(settings.secrets_dir).read()
    if file == "-":
        found = _first_line()
    else:
        found = Path(file).read_text(encoding="utf-8").partition("\n")[0].strip()
    if not found:
        raise BackupProblem(Message("The passphrase is empty."))
    return found


def _first_line() -> str:
    """Byte by byte, so that what follows, perhaps the backup, is left."""
    line = bytearray()
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode().strip()
