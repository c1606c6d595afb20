"""Slots as operators see and change them (UC1): every change is a version of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.actions import AuditAction
from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.clock import stamp, utcnow
from appliance.core.db import Database
from appliance.core.errors import NotFound, SlotNotFound, ValidationFailed, VersionConflict
from appliance.core.language import Message
from appliance.core.validation import parsed
from appliance.media.models import TemplateMedia
from appliance.providers.registry import ProviderRegistry
from appliance.settings.operator import AppSettingsRepository
from appliance.slots.configs import as_json, checked, columns_of, config_of
from appliance.slots.models import Slot
from appliance.slots.repository import SlotRepository
from appliance.slots.schemas import SlotConfig
from appliance.staff.slots.changes import as_audit, changes
from appliance.staff.slots.views import SavedConfig, SavedVersion, SlotHistory, SlotUpdate, SlotView

log = structlog.get_logger()


class SlotEditor:
    """Shows slots and changes them; a change is one transaction, in force for the next photo."""

    def __init__(self, database: Database, providers: ProviderRegistry) -> None:
        self._database = database
        self._providers = providers

    async def all(self) -> list[SlotView]:
        """All slots in order."""
        async with self._database.session() as session:
            slots = SlotRepository(session)
            rows = await slots.all()
            bindings = await slots.bindings()
            used = {media_id for bound in bindings.values() for media_id in bound.values()}
            templates = await slots.templates(used)
            await self._use_settings(session)
        return [self._view(row, bindings.get(row.slot_id, {}), templates) for row in rows]

    async def get(self, slot_id: str) -> SlotView:
        """One slot; raises ``SlotNotFound``."""
        async with self._database.session() as session:
            row = await _require(SlotRepository(session).get(slot_id))
            return await self._shown(session, row)

    async def check(self, slot_id: str, update: SlotUpdate) -> SlotConfig:
        """What the slot would be with ``update``, unsaved.

        Raises ``SlotNotFound``, or ``ValidationFailed`` with one message per field.
        """
        async with self._database.session() as session:
            row = await _require(SlotRepository(session).get(slot_id))
            return await self._checked(session, row, update)

    async def save(
        self, slot_id: str, update: SlotUpdate, who: Principal, *, version: int | None = None
    ) -> SlotView:
        """Change what ``update`` names, all of it or nothing.

        Raises ``SlotNotFound``, ``ValidationFailed``, or ``VersionConflict`` when ``version``, or
        else ``update.version``, is no longer the newest.
        """
        async with self._database.session() as session:
            row = await _require(SlotRepository(session).lock(slot_id))
            await self._refuse_stale(session, row, update.version if version is None else version)
            await self._store(session, row, await self._checked(session, row, update), who, "slot.saved")
            return await self._shown(session, row)

    async def set_active(self, slot_id: str, active: bool, who: Principal) -> SlotView:
        """Resume or pause a slot, whatever its settings are like; raises ``SlotNotFound``."""
        async with self._database.session() as session:
            row = await _require(SlotRepository(session).lock(slot_id))
            config = (await self._config(session, row)).model_copy(update={"active": active})
            await self._store(session, row, config, who, "slot.resumed" if active else "slot.paused")
            return await self._shown(session, row)

    async def duplicate(
        self, slot_id: str, to: str, who: Principal, *, version: int | None = None
    ) -> SlotView:
        """Give slot ``to`` the configuration of another; whether it is active stays as it is.

        Raises ``SlotNotFound``, ``ValidationFailed``, or ``VersionConflict`` when ``version`` of
        ``to`` is no longer the newest.
        """
        if to == slot_id:
            raise ValidationFailed(fields={"to": Message("is the same slot")})
        async with self._database.session() as session:
            slots = SlotRepository(session)
            source = await self._config(session, await _require(slots.get(slot_id)))
            row = await _require(slots.lock(to))
            await self._refuse_stale(session, row, version)
            config = source.model_copy(update={"active": row.active})
            await self._store(session, row, config, who, "slot.duplicated", duplicate_of=slot_id)
            return await self._shown(session, row)

    async def change_all(
        self,
        slot_ids: Collection[str],
        change: Callable[[SlotConfig], SlotConfig],
        who: Principal,
        action: AuditAction,
        **detail: Any,
    ) -> None:
        """Change several slots in one transaction; each gets a version and a line in the audit log."""
        async with self._database.session() as session:
            await self._use_settings(session)
            for slot_id in sorted(slot_ids):
                row = await _require(SlotRepository(session).lock(slot_id))
                config = change(await self._config(session, row))
                await self._store(session, row, config, who, action, **detail)

    async def history(self, slot_id: str) -> SlotHistory:
        """Every version of a slot, the newest first; raises ``SlotNotFound``."""
        async with self._database.session() as session:
            slots = SlotRepository(session)
            row = await _require(slots.get(slot_id))
            kept = await slots.versions(slot_id)
        found = [SavedVersion.model_validate(one) for one in kept]
        if not found or found[0].version != row.version:
            newest = SavedVersion(version=row.version, saved_by=row.updated_by, saved_at=row.updated_at)
            found.insert(0, newest)
        return SlotHistory(slot_id=slot_id, versions=found)

    async def version(self, slot_id: str, version: int) -> SavedConfig:
        """One version, and what is different now; raises ``SlotNotFound`` or ``NotFound``."""
        async with self._database.session() as session:
            row = await _require(SlotRepository(session).get(slot_id))
            now = as_json(await self._config(session, row))
            then, saved = await self._kept(session, row, version)
        return SavedConfig(slot_id=slot_id, config=then, changes=changes(then, now), **saved.model_dump())

    async def restore(self, slot_id: str, version: int, who: Principal) -> SlotView:
        """Make an earlier version the newest one.

        Raises ``SlotNotFound``, ``NotFound``, or ``ValidationFailed`` when that version no longer
        fits its provider or its templates are gone.
        """
        async with self._database.session() as session:
            row = await _require(SlotRepository(session).lock(slot_id))
            then, _ = await self._kept(session, row, version)
            config = await self._checked(session, row, parsed(SlotUpdate, then))
            await self._store(session, row, config, who, "slot.restored", restored=version)
            return await self._shown(session, row)

    async def _use_settings(self, session: AsyncSession) -> None:
        self._providers.configure(await AppSettingsRepository(session).operator_settings())

    def _view(
        self, row: Slot, bound: Mapping[str, uuid.UUID], templates: Mapping[uuid.UUID, TemplateMedia]
    ) -> SlotView:
        """A slot as it is shown, with what no longer fits its provider."""
        config, problems = config_of(row, bound)
        try:
            checked(self._providers, config, templates)
        except ValidationFailed as error:
            problems = {**(error.fields or {}), **problems}
        return SlotView.model_construct(
            **{name: getattr(config, name) for name in SlotConfig.model_fields},
            slot_id=row.slot_id,
            version=row.version,
            updated_by=row.updated_by,
            updated_at=row.updated_at,
            problems=problems,
        )

    async def _shown(self, session: AsyncSession, row: Slot) -> SlotView:
        await self._use_settings(session)
        bound = await SlotRepository(session).bound_templates(row.slot_id)
        return self._view(row, {role: one.id for role, one in bound}, {one.id: one for _, one in bound})

    async def _config(self, session: AsyncSession, row: Slot) -> SlotConfig:
        bound = await SlotRepository(session).bound_templates(row.slot_id)
        return config_of(row, {role: one.id for role, one in bound})[0]

    async def _checked(self, session: AsyncSession, row: Slot, update: SlotUpdate) -> SlotConfig:
        await self._use_settings(session)
        wanted = update.applied_to(await self._config(session, row))
        templates = await SlotRepository(session).templates(set(wanted.template_media.values()), keep=True)
        return checked(self._providers, wanted, templates)

    async def _kept(
        self, session: AsyncSession, row: Slot, version: int
    ) -> tuple[dict[str, Any], SavedVersion]:
        found = await SlotRepository(session).version(row.slot_id, version)
        if found is not None:
            return found.config, SavedVersion.model_validate(found)
        if version != row.version:
            raise NotFound(Message("%(slot)s has no version %(n)s.", slot=row.slot_id, n=version))
        saved = SavedVersion(version=version, saved_by=row.updated_by, saved_at=row.updated_at)
        return as_json(await self._config(session, row)), saved

    async def _refuse_stale(self, session: AsyncSession, row: Slot, version: int | None) -> None:
        if version is None or version == row.version:
            return
        seen = await SlotRepository(session).version(row.slot_id, version)
        now = as_json(await self._config(session, row))
        found = changes(seen.config, now) if seen else {}
        who = row.updated_by
        raise VersionConflict(
            Message(
                "%(who)s changed %(slot)s in the meantime. Check the current version and try again.",
                who=who,
                slot=row.slot_id,
            ),
            fields=dict.fromkeys(found, Message("%(who)s changed this", who=who))
            or {"version": Message("is %(version)s now", version=row.version)},
            extra={
                "current": {
                    "version": row.version,
                    "updated_by": who,
                    "updated_at": stamp(row.updated_at),
                    "changes": found,
                    "config": now,
                }
            },
        )

    async def _store(
        self,
        session: AsyncSession,
        row: Slot,
        config: SlotConfig,
        who: Principal,
        action: AuditAction,
        **detail: Any,
    ) -> None:
        """Write what differs as a new version, with a line in the audit log; nothing if nothing does."""
        before, after = as_json(await self._config(session, row)), as_json(config)
        found = changes(before, after)
        if not found:
            return
        slots = SlotRepository(session)
        await slots.keep_version(row.slot_id, row.version, before, row.updated_by, row.updated_at)
        for name, value in columns_of(config).items():
            setattr(row, name, value)
        row.version += 1
        row.updated_by, row.updated_at = who.username, utcnow()
        if before["template_media"] != after["template_media"]:
            await slots.bind(row.slot_id, config.template_media)
        await slots.keep_version(row.slot_id, row.version, after, row.updated_by, row.updated_at)
        AccountRepository(session).record_by(
            who, action, row.slot_id, version=row.version, changes=as_audit(found), **detail
        )
        await session.flush()
        log.info(action, slot=row.slot_id, account=who.username, version=row.version)


async def _require(row: Any) -> Slot:
    found: Slot | None = await row
    if found is None:
        raise SlotNotFound
    return found
