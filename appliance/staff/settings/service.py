"""The settings an operator may change (UC0): shown, changed, and what a change would do."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import ValidationFailed, VersionConflict
from appliance.core.language import Message
from appliance.core.passwords import hash_password, make_password
from appliance.core.validation import messages_of
from appliance.ingest.credentials import IngestCredentials, previous_valid_until
from appliance.media.repository import TemplateMediaRepository
from appliance.providers.registry import ProviderRegistry
from appliance.providers.stored_keys import ProviderKeyRepository
from appliance.providers.turbotext.driver import UPLOAD_NOT_ACCEPTED
from appliance.settings.operator import (
    INGEST_PASSWORD,
    AppSetting,
    AppSettingsRepository,
    OperatorSettings,
    readable_settings,
)
from appliance.staff.settings.repository import ExpiryCounts, SettingsRepository
from appliance.staff.settings.schemas import (
    Expiries,
    IngestPasswordState,
    SettingsState,
    SettingState,
    SettingsUpdate,
    TtlPreview,
)

log = structlog.get_logger()

_TTL = "result_ttl_hours"
_LOGO = "event_logo"
_UPLOADS_ASKED = timedelta(days=30)  # an older answer says little of the account as it is
_STEPS = (timedelta(0), timedelta(hours=1), timedelta(days=1), timedelta(days=7))


class OperatorSettingsService:
    """Reads and changes ``app_settings``; a change is one transaction, in effect at once everywhere."""

    def __init__(
        self,
        database: Database,
        credentials: IngestCredentials,
        registry: ProviderRegistry,
    ) -> None:
        self._database = database
        self._credentials = credentials
        self._registry = registry

    async def state(self) -> SettingsState:
        """Every setting; of the ingest password only who set it and when."""
        async with self._database.session() as session:
            return _state(await SettingsRepository(session).rows())

    async def uploads_refused(self) -> bool:
        """Whether Turbotext seems to take no uploaded photos from this account."""
        async with self._database.session() as session:
            return await SettingsRepository(session).newest_attempt_refused(
                "turbotext", UPLOAD_NOT_ACCEPTED, utcnow() - _UPLOADS_ASKED
            )

    async def update(
        self, update: SettingsUpdate, who: Principal, *, seen: Mapping[str, int] | None = None
    ) -> SettingsState:
        """Change what ``update`` names, all of it or nothing; returns the new state.

        ``seen`` holds versions of single settings on which the change is based. Raises
        ``ValidationFailed``, or ``VersionConflict`` when ``update.version`` or one of these is no longer the
        newest.
        """
        _refuse_what_means_nothing(update)
        password = update.ingest_password.password.get_secret_value() if update.ingest_password else ""
        hashed = await hash_password(password) if password else ""
        async with self._database.session() as session:
            settings = SettingsRepository(session)
            await settings.lock()
            before = await settings.rows()
            outdated = [key for key, version in (seen or {}).items() if version != _version_of(before, key)]
            if outdated or (update.version is not None and update.version != _version(before)):
                raise VersionConflict(
                    Message(
                        "Somebody else changed the settings in the meantime. Check the new values and try "
                        "again."
                    ),
                    fields={"version": Message("is %(version)s now", version=_version(before))},
                )
            changed = await self._store(session, update, before, who)
            if hashed:
                await self._credentials.store(
                    session,
                    hashed,
                    by=who.username,
                    address=who.address,
                    overlap=timedelta(minutes=update.overlap_minutes()),
                )
            after = _state(await settings.rows())
        if hashed:
            await self._credentials.in_force(password, hashed)
        log.info("settings.changed", account=who.username, keys=changed, ingest_password=bool(hashed))
        return after

    async def _store(
        self, session: AsyncSession, update: SettingsUpdate, before: Mapping[str, AppSetting], who: Principal
    ) -> list[str]:
        """Write the values that differ and say so in the audit log; returns their names."""
        old = _values(before)
        new = {key: value for key, value in update.changes().items() if value != old[key]}
        before_it = readable_settings(
            old
        )  # what an earlier version stored and this one would not is no hindrance
        wanted = _fitting(before_it.model_dump(mode="json") | new)
        self._registry.check(wanted)
        if new.get(_LOGO) and await TemplateMediaRepository(session).lock(uuid.UUID(new[_LOGO])) is None:
            raise ValidationFailed(fields={_LOGO: Message("there is no such template")})
        for key, value in new.items():
            await AppSettingsRepository(session).put(key, value, by=who.username)
        await self._set_keys_aside(session, before_it, wanted, who)
        detail: dict[str, Any] = {
            "changes": {key: {"from": old[key], "to": value} for key, value in new.items()}
        }
        if update.apply_to_existing:
            ttl = timedelta(hours=update.result_ttl_hours)
            detail["results_with_new_ttl"] = await SettingsRepository(session).apply_ttl(ttl)
        if new or update.apply_to_existing:
            AccountRepository(session).record_by(who, "settings.changed", **detail)
        return sorted(new)

    async def _set_keys_aside(
        self, session: AsyncSession, before: OperatorSettings, after: OperatorSettings, who: Principal
    ) -> None:
        """Say in the audit log which keys are not used any more because a provider's address changed."""
        old, new = self._registry.origins(before), self._registry.origins(after)
        if old == new:
            return
        keys = ProviderKeyRepository(session)
        await keys.lock()
        await keys.give_origins(old)
        for row in await keys.all():
            origin = old.get(row.provider)
            if origin != new.get(row.provider) and row.origin == origin:
                AccountRepository(session).record_by(
                    who,
                    "provider_key.set_aside",
                    row.provider,
                    ends_in=row.ends_in,
                    origin=origin,
                    now=new.get(row.provider),
                )

    async def ttl_preview(self, hours: float) -> TtlPreview:
        """What a TTL of ``hours`` would do to the results that are there."""
        now = utcnow()
        moments = [now + step for step in _STEPS]
        async with self._database.session() as session:
            settings = SettingsRepository(session)
            as_they_are = await settings.expiries(None, moments)
            applied = await settings.expiries(timedelta(hours=hours), moments)
        return TtlPreview(
            hours=hours,
            existing_results=sum(as_they_are.until) + as_they_are.later,
            as_they_are=_expiries(as_they_are),
            applied=_expiries(applied),
        )

    @staticmethod
    def suggest_password() -> str:
        """A readable, unambiguous password; it is not put in force."""
        return make_password()


def _refuse_what_means_nothing(update: SettingsUpdate) -> None:
    fields = {}
    if update.apply_to_existing and _TTL not in update.model_fields_set:
        fields["apply_to_existing"] = Message("goes with %(field)s", field=_TTL)
    if update.previous_valid_minutes is not None and update.ingest_password is None:
        fields["previous_valid_minutes"] = Message("goes with %(field)s", field="ingest_password")
    if fields:
        raise ValidationFailed(fields=fields)


def _fitting(values: dict[str, Any]) -> OperatorSettings:
    """Settings that are right one by one must also fit together."""
    try:
        return OperatorSettings.model_validate(values)
    except ValidationError as error:
        raise ValidationFailed(fields=messages_of(error.errors(), whole="settings")) from None


def _values(rows: Mapping[str, AppSetting]) -> dict[str, Any]:
    """The operator settings in force as JSON values; what has no row has its default, and so has what
    a newer version wrote and this one cannot read.
    """
    stored = {key: rows[key].value for key in OperatorSettings.model_fields if key in rows}
    return readable_settings(stored).model_dump(mode="json")


def _version(rows: Mapping[str, AppSetting]) -> int:
    """Each row's version only grows and rows are never removed, so their sum grows with every change."""
    return sum(row.version for row in _shown(rows))


def _version_of(rows: Mapping[str, AppSetting], key: str) -> int:
    return rows[key].version if key in rows else 0


def _shown(rows: Mapping[str, AppSetting]) -> list[AppSetting]:
    return [
        row for key, row in rows.items() if key == INGEST_PASSWORD or key in OperatorSettings.model_fields
    ]


def _state(rows: Mapping[str, AppSetting]) -> SettingsState:
    newest = max(_shown(rows), key=lambda row: row.updated_at, default=None)
    return SettingsState(
        version=_version(rows),
        updated_by=newest.updated_by if newest else None,
        updated_at=newest.updated_at if newest else None,
        ingest_password=_password_state(rows.get(INGEST_PASSWORD)),
        settings={
            key: SettingState(
                value=value,
                description=OperatorSettings.model_fields[key].description or "",
                updated_by=rows[key].updated_by if key in rows else None,
                updated_at=rows[key].updated_at if key in rows else None,
                version=_version_of(rows, key),
            )
            for key, value in _values(rows).items()
        },
    )


def _password_state(row: AppSetting | None) -> IngestPasswordState:
    until: datetime | None = previous_valid_until(row.value) if row else None
    return IngestPasswordState(
        is_set=row is not None,
        updated_by=row.updated_by if row else None,
        updated_at=row.updated_at if row else None,
        previous_valid_until=until,
    )


def _expiries(counts: ExpiryCounts) -> Expiries:
    at_once, within_an_hour, within_a_day, within_a_week = counts.until
    return Expiries(
        at_once=at_once,
        within_an_hour=within_an_hour,
        within_a_day=within_a_day,
        within_a_week=within_a_week,
        later=counts.later,
        first=counts.first,
        last=counts.last,
    )
