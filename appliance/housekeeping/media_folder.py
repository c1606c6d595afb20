"""The folders of pictures at a start: made where there are none, and never beneath a disk that is away."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy import exists, or_, select

from appliance.core.db import Database
from appliance.jobs.models import JobHistory
from appliance.media.models import TemplateMedia
from appliance.media.store import MediaStore

log = structlog.get_logger()


async def make_media_folders(media: MediaStore, database: Database) -> None:
    """Make what is missing in the media folder, unless all is and the database knows pictures.

    Then their disk is not mounted. What was written now would lie beneath it, and be hidden later: so
    photos are refused (``StorageFull``) until the disk is there, which needs no other start.
    """
    if not await asyncio.to_thread(media.has_folders) and await _knows_pictures(database):
        log.warning("media.not_mounted", folder=str(media.root))
        return
    await asyncio.to_thread(media.make_folders)


async def _knows_pictures(database: Database) -> bool:
    """Also where it does not answer: at a first start it has been asked before."""
    kept = exists().where(JobHistory.result_key.is_not(None))
    try:
        async with database.session() as session:
            return bool(
                await session.scalar(select(or_(kept, exists().where(TemplateMedia.id.is_not(None)))))
            )
    except Exception as error:  # noqa: BLE001 - whatever the driver raises
        log.warning("media.not_known", error=type(error).__name__)
        return True
