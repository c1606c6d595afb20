"""The link a guest gets for a picture, and its QR code."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import Literal

from starlette.requests import HTTPConnection

from appliance.core.images import PNG
from appliance.core.injection import service_of
from appliance.core.public_base import base_urls_of
from appliance.guests.codes import ShortCodes, short_path
from appliance.jobs.links import page_path
from appliance.media import qr
from appliance.settings.operator import OperatorSettings, SettingsReader

LARGEST_QR = 2400
MEDIA_TYPES = {"svg": "image/svg+xml", "png": PNG.media_type}
Kind = Literal["svg", "png"]


def visit_path(token: str) -> str:
    """The path of a visit's page."""
    return f"/e/{token}"


@dataclass(frozen=True, slots=True)
class GuestLink:
    """A picture's link: the address for codes and for copying, what is written below its code, and what a
    guest can type, if there is such a thing.
    """

    url: str
    spoken: str
    typed: str | None = None


async def guest_base(request: HTTPConnection) -> str:
    """What the links that guests are given begin with, as the operator has it now."""
    settings = await service_of(request, SettingsReader).operator_settings()
    return base_urls_of(request).guests(settings.public_base_url)


class GuestLinks:
    """Makes the links that guests are given."""

    def __init__(self, codes: ShortCodes) -> None:
        self._codes = codes

    async def link(self, job_id: uuid.UUID, base: str, settings: OperatorSettings) -> GuestLink:
        """The page's own address, and where the operator wants short links, a short one to type.

        A scan never meets the limits of codes: what others mistype must not stop a printed QR code.
        """
        host = base.partition("://")[2]
        code = await self._codes.code_of(job_id) if settings.short_links else None
        typed = host + short_path(code) if code else None
        return GuestLink(base + page_path(job_id), typed or settings.event_title or host, typed)


async def qr_code(link: GuestLink, kind: Kind, size: int, *, label: bool) -> bytes:
    """A link's code as a file."""
    draw = qr.svg if kind == "svg" else qr.png
    return await asyncio.to_thread(draw, link.url, size, link.spoken if label else "")
