"""What the looks work with: the same in the app, and from outside where the app may be down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from appliance.core.clock_skew import ClockSkew
from appliance.core.db import Database
from appliance.providers.runner import RouteRunner
from appliance.settings.environment import Settings
from appliance.settings.operator import OperatorSettings
from appliance.slots.models import Slot
from appliance.staff.issues.sources.every import FRONT_CERTIFICATE
from appliance.staff.settings.address import Addresses
from appliance.staff.settings.provider_keys.testing import KeyTesting

if TYPE_CHECKING:
    from appliance.staff.backups.service import Backups
    from appliance.staff.preflight.dry_run import DryRuns

ProviderModel = tuple[str, str | None]  # a provider, and the model that a route names
TablesAge = Literal["current", "older", "newer"]


@dataclass(frozen=True, slots=True)
class Tools:
    """``base``: what guests' links begin with, given what the operator chose. ``dry_runs`` and ``backups``
    are there only in the app: what they do is its work.
    """

    deployment: Settings
    database: Database
    tables_age: Callable[[str], TablesAge]
    runner: RouteRunner
    testing: KeyTesting
    addresses: Addresses
    base: Callable[[str | None], str | None]
    certificate: Path = FRONT_CERTIFICATE
    dry_runs: DryRuns | None = None
    backups: Backups | None = None


@dataclass(slots=True)
class RunState:
    """One pre-flight, while it goes on: what earlier looks found that later ones need."""

    paid: bool = False  # whether slots may be tried with photos that are paid for
    base: str | None = None  # of guests' links, as whoever asked for it is answered
    by: str = ""
    reached: bool = False  # whether the database answered
    settings: OperatorSettings = field(default_factory=OperatorSettings)
    slots: list[Slot] = field(default_factory=list)  # those that are active
    skew: ClockSkew = field(default_factory=ClockSkew)
    broken: set[ProviderModel] = field(default_factory=set)  # routes that would bring no picture
