"""Backups of the suite's own stack, and another machine to put them into."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from appliance.lifecycle.backup import restore
from appliance.lifecycle.backup import write as backup
from appliance.settings.environment import Settings
from tests.support.stack import CHECKOUT, Stack


def settings_of(stack: Stack, **changes: Any) -> Settings:
    """What a verb on this stack works with."""
    usual = {
        "database_url": stack.dsn(),
        "media_root": stack.media,
        "secrets_dir": stack.data / "secrets",
        "config_file": CHECKOUT / "config/appliance.toml",
        "listen": "127.0.0.1:1",
    }
    return Settings(**{**usual, **changes})


@asynccontextmanager
async def another_machine(stack: Stack, folder: Path, name: str) -> AsyncIterator[Settings]:
    """An empty database of this name on the stack's server, and empty folders."""
    password = (stack.data / "secrets/database-superuser-password").read_text().strip()
    root = await asyncpg.connect(
        host="127.0.0.1",
        port=stack.ports["postgres"],
        user="postgres",
        password=password,
        database="postgres",
    )
    await root.execute(f"create database {name} owner photochanger")
    try:
        yield settings_of(
            stack,
            database_url=stack.dsn(name),
            media_root=folder / "media",
            secrets_dir=folder / "secrets",
            backup_dir=folder / "backups",
        )
    finally:
        await root.execute(f"drop database {name} with (force)")
        await root.close()


async def made(stack: Stack, folder: Path, passphrase: str | None = None) -> Path:
    """One backup of the stack."""
    return Path((await backup.make(settings_of(stack), backup.BackupRequest(str(folder), passphrase))).path)


async def put_in(where: Settings, file: Path, passphrase: str | None = None) -> restore.RestoreReport:
    """Restore it there."""
    with file.open("rb") as opened:
        return await restore.restore(where, opened, passphrase)
