"""What the guests' pages show, gathered from everywhere it is kept."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from pathlib import Path

from appliance.core.db import Database
from appliance.core.errors import ResultNotFound
from appliance.guests.codes import ShortCodes
from appliance.guests.galleries.service import Galleries
from appliance.guests.links import GuestLinks
from appliance.guests.screens import Screens
from appliance.guests.service import Found, ResultService, friendly_name, title_for_names
from appliance.guests.tokens import GuestTokens
from appliance.guests.visits import Visits
from appliance.guests.zipping import Entry
from appliance.media.imaging import Imaging
from appliance.media.models import TemplateMedia
from appliance.media.store import MediaStore
from appliance.settings.operator import AppSettingsRepository, OperatorSettings


@dataclass(frozen=True, slots=True)
class Facts:
    """What a picture's page says beside the picture."""

    width: int
    height: int
    visit: tuple[str, int] | None  # its token and how many pictures it has


@dataclass(frozen=True, slots=True)
class GuestPages:
    """The services behind the pages of one guest."""

    database: Database
    media: MediaStore
    identity: str
    results: ResultService
    screens: Screens
    codes: ShortCodes
    links: GuestLinks
    visits: Visits
    galleries: Galleries

    @classmethod
    def build(cls, database: Database, media: MediaStore, imaging: Imaging, secrets_dir: Path) -> GuestPages:
        """The services of one appliance."""
        tokens = GuestTokens(secrets_dir)
        screens = Screens(media, imaging)
        codes = ShortCodes(database, tokens)
        return cls(
            database=database,
            media=media,
            identity=tokens.identity,
            results=ResultService(database, media, screens),
            screens=screens,
            codes=codes,
            links=GuestLinks(codes),
            visits=Visits(database, tokens),
            galleries=Galleries(database, tokens),
        )

    async def settings(self) -> OperatorSettings:
        """The settings in force."""
        async with self.database.session() as session:
            return await AppSettingsRepository(session).operator_settings()

    async def facts(self, found: Found) -> Facts:
        """What the page of ``found`` says; raises ``ResultNotFound`` when its file has gone."""
        size, visit = await asyncio.gather(
            self.screens.size(found.key), self.visits.of_job(found.job, found.settings)
        )
        return Facts(*size, visit)

    async def visit_archive(self, token: str) -> tuple[str, list[Entry]]:
        """The name of a visit's archive and what is in it."""
        visit = await self.visits.pictures(token)
        title = visit.settings.event_title
        entries = [
            Entry(
                friendly_name(title, job.created_at, job.result_type or "image/jpeg"),
                job.created_at,
                self.media.path(job.result_key or ""),
            )
            for job in visit.jobs
        ]
        return f"{title_for_names(title)}-{visit.jobs[0].created_at:%Y-%m-%d-%H%M}.zip", entries

    async def logo(self) -> str:
        """The key of the event's logo at its size; raises ``ResultNotFound`` if none is set."""
        async with self.database.session() as session:
            settings = await AppSettingsRepository(session).operator_settings()
            row = (
                await session.get(TemplateMedia, uuid.UUID(settings.event_logo))
                if settings.event_logo
                else None
            )
        if row is None:
            raise ResultNotFound
        return await self.screens.logo(str(row.id), row.storage_key)
