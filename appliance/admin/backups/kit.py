"""What the emergency kit says of this installation; nothing on it is a secret."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime

from appliance import __version__
from appliance.admin.security import PageContext
from appliance.core.clock import utcnow
from appliance.core.public_base import base_urls_of
from appliance.settings.operator import SettingsReader

_IN_AN_IMAGE = "APPLIANCE_VERSION"


@dataclass(frozen=True, slots=True)
class EmergencyKit:
    """The facts; ``image`` is that of a stack."""

    printed_at: datetime
    event: str
    address: str
    version: str
    image: str
    hint: str


async def kit_of(context: PageContext) -> EmergencyKit:
    """As of now."""
    operator = await context.service(SettingsReader).operator_settings()
    version = os.environ.get(_IN_AN_IMAGE, __version__)
    return EmergencyKit(
        utcnow(),
        operator.event_title,
        base_urls_of(context.request).own(operator.public_base_url),
        version,
        f"photochanger:{version}",
        operator.backup_hint,
    )
