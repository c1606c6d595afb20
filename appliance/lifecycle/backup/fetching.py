"""Getting a backup back from the target, onto this machine or any other one that knows the address."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import IO

from appliance.backups.names import DIGEST, PARTIAL, made_at
from appliance.backups.repository import BackupRepository, config_of
from appliance.backups.target import TargetConfig
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys, Unreadable
from appliance.core.language import Message
from appliance.lifecycle.backup import unfinished
from appliance.lifecycle.backup.problem import BackupProblem
from appliance.lifecycle.backup.targets.base import Target, TargetFile, TargetProblem, small
from appliance.lifecycle.backup.targets.opening import opened
from appliance.lifecycle.backup.targets.trying import wanted, whole
from appliance.settings.environment import Settings

_LINE = re.compile(rb"([0-9a-f]{64})  (\S+)\n")
_KEEP_FREE = 256 * 1024 * 1024


async def target_set(settings: Settings, database: Database) -> TargetConfig:
    """The target that is set; raises ``BackupProblem``."""
    async with database.session() as session:
        row = await BackupRepository(session).target()
    if row is None:
        raise BackupProblem(
            Message(
                "There is no target for backups. Set one on the Backups page, or: appliance backup-target "
                "set."
            )
        )
    try:
        return config_of(row, EncryptionKeys(settings.secrets_dir))
    except Unreadable:
        raise BackupProblem(
            Message("The target's password or key cannot be read here. Enter it again on the Backups page.")
        ) from None


async def at_target(config: TargetConfig) -> list[TargetFile]:
    """The whole backups at the target, the oldest first."""
    async with opened(config) as target:
        names = await _whole(target)
        return sorted((one for one in await target.files() if one.name in names), key=lambda one: one.name)


async def fetch(config: TargetConfig, name: str | None, folder: Path) -> Path:
    """Have a backup, or the newest one, in ``folder``; one that is there already is not fetched again."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a folder of ours
    async with opened(config) as target:
        chosen = wanted(await _whole(target), name)
        digest = await _digest_of(target, chosen)
        path = folder / chosen
        if path.exists() and await asyncio.to_thread(_sha256, path) == digest:
            return path
        unfinished.remove_left(folder)
        partial = path.with_name(chosen + PARTIAL)
        try:
            with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                unfinished.hold(file)
                await _copy(target, chosen, digest, file, folder)
                await asyncio.to_thread(os.fsync, file.fileno())
            made = made_at(chosen)
            if made:  # so that tonight's is not thought to be made already
                os.utime(partial, (made.timestamp(), made.timestamp()))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    return path


async def fetch_newest_into(config: TargetConfig, folder: Path) -> tuple[str, IO[bytes]]:
    """The newest backup as a file without a name in ``folder``, and what it is called at the target."""
    async with opened(config) as target:
        chosen = wanted(await _whole(target), None)
        digest = await _digest_of(target, chosen)
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - the caller closes it
        try:
            await _copy(target, chosen, digest, file, folder)
        except BaseException:
            file.close()
            raise
    return chosen, file


async def _whole(target: Target) -> list[str]:
    try:
        return await whole(target)
    except FileNotFoundError:
        raise TargetProblem("missing") from None


async def _digest_of(target: Target, name: str) -> str:
    found = _LINE.fullmatch(await small(target, name + DIGEST) or b"")
    if found is None or found[2].decode() != name:
        raise TargetProblem("damaged", f"{name}{DIGEST} cannot be read")
    return found[1].decode()


async def _copy(target: Target, name: str, sha256: str, file: IO[bytes], folder: Path) -> None:
    size = next((one.size for one in await target.files() if one.name == name), 0)
    free = shutil.disk_usage(folder).free
    if size + _KEEP_FREE > free:
        raise BackupProblem(
            Message(
                "There is not enough room in %(folder)s: %(name)s takes %(needed)s MB, and %(free)s MB are "
                "free.",
                folder=folder,
                name=name,
                needed=size // 10**6,
                free=free // 10**6,
            )
        )
    digest = hashlib.sha256()
    async for block in target.read(name):
        digest.update(block)
        await asyncio.to_thread(file.write, block)
    file.flush()
    if digest.hexdigest() != sha256:
        raise TargetProblem("damaged", name)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
