"""Template media as operators see and change them (UC5).

The service stands here because only slots know where a template is used.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import datetime

import structlog
from pydantic import ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.actions import AuditAction
from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.db import Database
from appliance.core.errors import TemplateMediaInUse, TemplateMediaNotFound
from appliance.core.frozen import FrozenModel, StrictModel
from appliance.core.images import JPEG
from appliance.core.language import Message
from appliance.media.library import TemplateFiles, TemplateUpload
from appliance.media.models import TemplateMedia
from appliance.media.previews import Previews, template_preview, whole
from appliance.media.repository import TemplateMediaRepository
from appliance.media.store import MediaStore
from appliance.settings.operator import AppSettingsRepository
from appliance.slots.repository import SlotRepository

log = structlog.get_logger()

_ID = "5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"
_NAMELESS = "template"


class TemplateUse(FrozenModel):
    """Where a template is used."""

    slot_id: str = Field(examples=["slot-005"])
    role: str = Field(examples=["style"])


class TemplateView(FrozenModel):
    """A template."""

    id: uuid.UUID = Field(examples=[_ID])
    name: str = Field(examples=["beach.jpg"])
    media_type: str = Field(description="determined from the file's contents", examples=[JPEG.media_type])
    size: int = Field(description="in bytes", examples=[412345])
    width: int = Field(description="in pixels, when upright", examples=[1800])
    height: int = Field(examples=[1200])
    created_by: str = Field(examples=["serg"])
    created_at: datetime
    preview_url: str = Field(examples=[f"/api/template-media/{_ID}/preview"])
    used_by: list[TemplateUse]
    event_logo: bool = Field(description="whether guests see it above their pictures")


class RegisteredTemplate(TemplateView):
    """A template that was just sent."""

    duplicate: bool = Field(
        description="whether the same file was registered before; this is then the earlier one"
    )


class TemplateList(FrozenModel):
    """All templates by name."""

    template_media: list[TemplateView]


class Rename(StrictModel):
    """A template's new name."""

    model_config = ConfigDict(str_strip_whitespace=True)

    name: str = Field(
        min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", examples=["Beach at dusk"]
    )


class TemplateMediaService:
    """Registers, shows and removes templates; each change is one line in the audit log."""

    def __init__(
        self, database: Database, media: MediaStore, files: TemplateFiles, previews: Previews
    ) -> None:
        self._database = database
        self._media = media
        self._files = files
        self._previews = previews

    async def register(
        self, content_type: str | None, body: AsyncIterator[bytes], who: Principal
    ) -> RegisteredTemplate:
        """Take one file in, or find the template that was made of the same bytes.

        Raises what ``TemplateFiles.receiving`` raises.
        """
        async with self._files.receiving(content_type, body) as received:
            known = await self._of_digest(received.upload.file.sha256)
            if known is None:
                media_id = await self._add(received, who)
                if media_id is not None:
                    log.info("template_media.registered", id=str(media_id), account=who.username)
                    return await self._registered(media_id, duplicate=False)
                known = await self._of_digest(received.upload.file.sha256)
            if known is None:
                raise TemplateMediaNotFound  # registered and deleted again in this very moment
            if not await asyncio.to_thread(self._media.path(known.storage_key).exists):
                await self._files.store(known.id, received)  # the file was lost: here it is again
        return await self._registered(known.id, duplicate=True)

    async def all(self) -> list[TemplateView]:
        """All templates by name."""
        async with self._database.session() as session:
            rows = await TemplateMediaRepository(session).all()
            bindings = await SlotRepository(session).bindings()
            logo = await AppSettingsRepository(session).logo()
        uses: dict[uuid.UUID, list[tuple[str, str]]] = {}
        for slot_id, bound in bindings.items():
            for role, media_id in bound.items():
                uses.setdefault(media_id, []).append((slot_id, role))
        return [_view(row, uses.get(row.id, []), logo) for row in rows]

    async def get(self, media_id: uuid.UUID) -> TemplateView:
        """One template; raises ``TemplateMediaNotFound``."""
        async with self._database.session() as session:
            row = await TemplateMediaRepository(session).get(media_id)
            if row is None:
                raise TemplateMediaNotFound
            return await self._seen(session, row)

    async def rename(self, media_id: uuid.UUID, name: str, who: Principal) -> TemplateView:
        """Give a template another name; raises ``TemplateMediaNotFound``."""
        async with self._database.session() as session:
            row = await TemplateMediaRepository(session).lock(media_id)
            if row is None:
                raise TemplateMediaNotFound
            if name != row.name:
                _note(session, who, "template_media.renamed", row, name={"from": row.name, "to": name})
                row.name = name
            return await self._seen(session, row)

    async def remove(self, media_id: uuid.UUID, who: Principal) -> None:
        """Delete a template and its file.

        Raises ``TemplateMediaNotFound``, or ``TemplateMediaInUse`` while slots use it.
        """
        async with self._database.session() as session:
            templates = TemplateMediaRepository(session)
            row = await templates.lock(media_id)
            if row is None:
                raise TemplateMediaNotFound
            slots = list(dict.fromkeys(slot for slot, _ in await SlotRepository(session).users_of(media_id)))
            if await AppSettingsRepository(session).logo() == media_id:
                raise TemplateMediaInUse(
                    Message("This template is the event's logo. Choose another one in the settings first."),
                    extra={"slots": slots},
                )
            if slots:
                raise TemplateMediaInUse(
                    Message(
                        "This template is used by %(slots)s. Choose another one there first.",
                        slots=", ".join(slots),
                    ),
                    extra={"slots": slots},
                )
            _note(session, who, "template_media.deleted", row, name=row.name)
            await templates.remove(row)
        for key in (row.storage_key, template_preview(media_id)):
            await asyncio.to_thread(self._media.remove, key)
        log.info("template_media.deleted", id=str(media_id), account=who.username)

    async def preview(self, media_id: uuid.UUID) -> str:
        """The key of a template's preview; raises ``TemplateMediaNotFound``."""
        async with self._database.session() as session:
            row = await TemplateMediaRepository(session).get(media_id)
        if row is None:
            raise TemplateMediaNotFound
        key = template_preview(media_id)
        try:
            await self._previews.ready(key, row.storage_key, whole)
        except FileNotFoundError:
            log.error("template_media.file_missing", id=str(media_id))  # noqa: TRY400 - one line is enough
            raise TemplateMediaNotFound from None
        return key

    @staticmethod
    async def _seen(session: AsyncSession, row: TemplateMedia) -> TemplateView:
        uses = await SlotRepository(session).users_of(row.id)
        return _view(row, uses, await AppSettingsRepository(session).logo())

    async def _of_digest(self, sha256: str) -> TemplateMedia | None:
        async with self._database.session() as session:
            return await TemplateMediaRepository(session).of_digest(sha256)

    async def _add(self, received: TemplateUpload, who: Principal) -> uuid.UUID | None:
        """Store the file and its row; ``None`` if somebody registered the same bytes meanwhile."""
        media_id, file, info = uuid.uuid4(), received.upload.file, received.info
        key, size = await self._files.store(media_id, received)
        try:
            async with self._database.session() as session:
                added = await TemplateMediaRepository(session).insert(
                    id=media_id,
                    name=(received.upload.fields.get("name", "").strip() or file.name or _NAMELESS)[:200],
                    sha256=file.sha256,
                    media_type=info.media_type,
                    size_bytes=size,
                    width=info.width,
                    height=info.height,
                    storage_key=key,
                    created_by=who.username,
                )
                if added:
                    AccountRepository(session).record_by(
                        who, "template_media.registered", str(media_id), name=file.name, size=size
                    )
        except BaseException:
            await asyncio.to_thread(self._media.remove, key)
            raise
        if not added:
            await asyncio.to_thread(self._media.remove, key)
        return media_id if added else None

    async def _registered(self, media_id: uuid.UUID, *, duplicate: bool) -> RegisteredTemplate:
        shown = await self.get(media_id)
        return RegisteredTemplate(**dict(shown), duplicate=duplicate)


def _note(
    session: AsyncSession, who: Principal, action: AuditAction, row: TemplateMedia, **detail: object
) -> None:
    AccountRepository(session).record_by(who, action, str(row.id), **detail)


def _view(row: TemplateMedia, uses: list[tuple[str, str]], logo: uuid.UUID | None) -> TemplateView:
    return TemplateView.from_object(
        row,
        size=row.size_bytes,
        preview_url=f"/api/template-media/{row.id}/preview",
        used_by=[TemplateUse(slot_id=slot_id, role=role) for slot_id, role in uses],
        event_logo=row.id == logo,
    )
