"""All sources together."""

from __future__ import annotations

import os
from collections.abc import Callable

from appliance.core.clock_skew import PROVIDERS
from appliance.core.db import Database
from appliance.core.places import FRONT
from appliance.core.secrets import BackupPassphrase
from appliance.housekeeping.disk_guard import DiskGuard
from appliance.media.store import MediaStore
from appliance.providers.runner import RouteRunner
from appliance.settings.operator import SettingsReader
from appliance.staff.booths.everywhere import AllBooths
from appliance.staff.issues.findings import Source
from appliance.staff.issues.sources.address import address_source
from appliance.staff.issues.sources.backup_target import backup_target_source
from appliance.staff.issues.sources.backups import backups_source
from appliance.staff.issues.sources.booths import booths_source
from appliance.staff.issues.sources.certificate import certificate_source
from appliance.staff.issues.sources.clock import clock_source
from appliance.staff.issues.sources.database import database_source
from appliance.staff.issues.sources.deployment import deployment_source
from appliance.staff.issues.sources.disk import FillingRate, disk_source
from appliance.staff.issues.sources.keys import keys_source
from appliance.staff.issues.sources.passwords import passwords_source
from appliance.staff.issues.sources.process import process_source
from appliance.staff.issues.sources.rates import rates_source
from appliance.staff.issues.sources.slots import slots_source
from appliance.staff.settings.address import Addresses
from appliance.staff.settings.provider_keys.testing import KeyTesting
from appliance.staff.stats.service import StatsService

FRONT_CERTIFICATE = FRONT / "tls" / "fullchain.pem"


def every_source(
    database: Database,
    stats: StatsService,
    runner: RouteRunner,
    testing: KeyTesting,
    media: MediaStore,
    guard: DiskGuard,
    passphrase: BackupPassphrase,
    addresses: Addresses,
    booths: AllBooths,
    base: Callable[[str | None], str | None],
    processes: int,
) -> list[Source]:
    """``base``: what guests' links begin with, given what the operator chose."""
    settings = SettingsReader(database)
    return [
        slots_source(stats, runner.keys),
        keys_source(runner, testing),
        disk_source(media, guard, FillingRate()),
        database_source(database),
        backups_source(database, passphrase),
        backup_target_source(database),
        rates_source(database),
        passwords_source(database),
        booths_source(database, booths),
        process_source(database, processes=processes),
        clock_source(PROVIDERS),
        certificate_source(FRONT_CERTIFICATE),
        deployment_source(settings, runner.registry, os.environ.get("ROLLED_BACK_FROM", "")),
        address_source(settings, addresses, base),
    ]
