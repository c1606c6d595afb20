"""Backups as an administrator sees them: where they go, what was sent, what was proven, and do it now."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.backups.models import BackupTarget
from appliance.backups.names import is_sealed, made_at
from appliance.backups.repository import BackupRepository, config_of, own_marker, settings_of
from appliance.backups.target import TargetConfig, TargetSecrets, TargetTest
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys, Unreadable
from appliance.core.errors import NotFound, ValidationFailed
from appliance.core.language import Message
from appliance.core.secrets import BackupPassphrase
from appliance.core.validation import field_messages
from appliance.staff.backups.commands import BackupCommands, NoAnswer, Work
from appliance.staff.backups.schemas import (
    BackupsState,
    LocalBackup,
    NewTarget,
    ProofView,
    RemoteBackup,
    TargetView,
    WorkEnded,
)

log = structlog.get_logger()


class TargetRefused(ValidationFailed):
    """The target does not work; ``tested`` says why."""

    def __init__(self, tested: TargetTest) -> None:
        self.tested = tested
        super().__init__(
            _of_target(tested),
            fields={"address": Message("does not work; nothing was changed")},
        )


def _of_target(tested: TargetTest) -> Message:
    if not tested.detail:
        return Message("The target does not work: %(reason)s.", reason=tested.reason)
    return Message(
        "The target does not work: %(reason)s. %(detail)s", reason=tested.reason, detail=tested.detail
    )


class Backups:
    """Reads and changes what is known of backups; the work itself is done by verbs."""

    def __init__(
        self,
        database: Database,
        encryption: EncryptionKeys,
        passphrase: BackupPassphrase,
        commands: BackupCommands,
        folder: Path | None,
        hour: int,
    ) -> None:
        self._database = database
        self._encryption = encryption
        self._passphrase = passphrase
        self._commands = commands
        self._folder = folder
        self._hour = hour

    async def state(self) -> BackupsState:
        """Everything about backups."""
        # Before what came of it: read after it, work that ends meanwhile is over and has left nothing.
        running, ended = self._commands.running, self._commands.ended
        async with self._database.session() as session:
            backups = BackupRepository(session)
            target, proof = await backups.target(), await backups.last_proof()
            proven_at = await backups.last_good_proof()
        return BackupsState(
            nightly=self._folder is not None,
            hour=self._hour,
            sealed=self._passphrase.read() is not None,
            here=await asyncio.to_thread(self._here),
            target=TargetView.of(target) if target else None,
            proof=ProofView.model_validate(proof) if proof else None,
            proven_at=proven_at,
            running=running,
            ended=WorkEnded.model_validate(ended) if ended else None,
        )

    def _here(self) -> list[LocalBackup]:
        if self._folder is None or not self._folder.is_dir():
            return []
        found = []
        for path in self._folder.iterdir():
            if (made := made_at(path.name)) is None:
                continue
            with contextlib.suppress(FileNotFoundError):  # it has just made way for a newer one
                size = path.stat().st_size
                found.append(
                    LocalBackup(name=path.name, size=size, made_at=made, sealed=is_sealed(path.name))
                )
        return sorted(found, key=lambda one: one.name, reverse=True)

    async def try_out(self, new: NewTarget) -> TargetTest:
        """Connect, write a small file, read it back, remove it; nothing is kept."""
        return await self._tried(await self._config(new))

    async def set_target(self, new: NewTarget, who: Principal) -> TargetTest:
        """Keep a target that works; raises ``TargetRefused`` for one that does not."""
        config = await self._config(new)
        return await self._keep(
            config, who, {"keep": new.keep, "most_kilobytes": new.most_kilobytes}, take_over=False
        )

    async def take_over(self, who: Principal) -> TargetTest:
        """From now on it is this machine that sends; the one before, if it still runs, stops."""
        row = await self._row()
        return await self._keep(self._known(row), who, settings_of(row), take_over=True)

    async def forget_target(self, who: Principal) -> None:
        """Send nothing any more; what is at the target stays."""
        async with self._database.session() as session:
            if not await BackupRepository(session).forget_target():
                raise NotFound(Message("There is no target for backups."))
            AccountRepository(session).record_by(who, "backup.target_forgotten")

    async def at_target(self) -> list[RemoteBackup]:
        """The whole backups there, the newest first; raises ``ValidationFailed`` with what is wrong."""
        await self._row()
        try:
            found = json.loads(await self._commands.ask("backup-target", "list"))
        except NoAnswer as said:
            raise ValidationFailed(said.said) from None
        views = [RemoteBackup(**one, made_at=made_at(one["name"])) for one in found]
        return sorted(views, key=lambda one: one.name, reverse=True)

    async def begin(self, work: Work, who: Principal) -> None:
        """Have it done; what is at work already goes on."""
        if self._commands.start(work, who.username):
            async with self._database.session() as session:
                AccountRepository(session).record_by(who, "backup.asked_for", work)

    async def prove(self, by: str, seconds: float) -> bool:
        """Have the newest backup proven, after what is at work already; ``False`` if that takes longer."""
        try:
            async with asyncio.timeout(seconds):
                while not self._commands.start("prove", by):
                    await self._commands.finished()
                await self._commands.finished()
        except TimeoutError:
            return False
        return True

    async def _row(self) -> BackupTarget:
        async with self._database.session() as session:
            row = await BackupRepository(session).target()
        if row is None:
            raise NotFound(Message("There is no target for backups."))
        return row

    def _known(self, row: BackupTarget) -> TargetConfig:
        try:
            return config_of(row, self._encryption)
        except Unreadable:
            raise ValidationFailed(
                fields={"secrets": Message("cannot be read here any more; enter them again")}
            ) from None

    async def _config(self, new: NewTarget) -> TargetConfig:
        """With what is kept of the same place, where nothing else was entered."""
        async with self._database.session() as session:
            row = await BackupRepository(session).target()
        values: dict[str, Any] = {"address": new.address, "secrets": new.secrets, "marker": own_marker(row)}
        if row is not None and _place(row.address) == _place(new.address.model_dump(mode="json")):
            values["host_key"] = None if new.trust_new_host_key else row.host_key
            if not new.secrets.plain() and row.encrypted:
                values["secrets"] = TargetSecrets.model_validate(self._known(row).secrets.plain())
        try:
            return TargetConfig.model_validate(values)
        except ValidationError as error:
            raise ValidationFailed(fields={"secrets": next(iter(field_messages(error).values()))}) from None

    async def _tried(
        self, config: TargetConfig, *, mark: bool = False, take_over: bool = False
    ) -> TargetTest:
        given = json.dumps({"mark": mark, "take_over": take_over, "config": config.plain()})
        try:
            return TargetTest.model_validate_json(
                await self._commands.ask("backup-target", "try", given=given)
            )
        except NoAnswer as said:
            return TargetTest(ok=False, reason="failed", detail=str(said.said))

    async def _keep(
        self, config: TargetConfig, who: Principal, usage: dict[str, Any], *, take_over: bool
    ) -> TargetTest:
        tried = await self._tried(config, mark=True, take_over=take_over)
        if not tried.ok:
            raise TargetRefused(tried)
        async with self._database.session() as session:
            await BackupRepository(session).set_target(
                config, self._encryption, tried, by=who.username, **usage
            )
            AccountRepository(session).record_by(
                who,
                "backup.target_taken_over" if take_over else "backup.target_set",
                config.address.describe(),
            )
        log.info("backups.target_set", kind=config.address.kind, taken_over=take_over)
        return tried


def _place(address: dict[str, Any]) -> tuple[Any, ...]:
    """To whom what opens a target is sent."""
    return tuple(address.get(name) for name in ("kind", "host", "port", "user", "endpoint"))
