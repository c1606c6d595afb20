"""The stack's second one-shot step, when the database answers: role, tables, seed, first passwords.

The code of a version works on the tables of the next (migrations only add), so this may run while
the version before is still serving.
"""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import structlog

from appliance.config_file import load_config
from appliance.core.secrets import FirstPasswordFile
from appliance.lifecycle.backup import tables
from appliance.lifecycle.database import opened_database
from appliance.lifecycle.stack import role
from appliance.lifecycle.stack.prepare import superuser_password_file
from appliance.lifecycle.stack.welcome import passphrase_lines
from appliance.migrations.revisions import tables_age
from appliance.migrations.runner import upgrade
from appliance.providers.catalogue.files import installed
from appliance.providers.registry import ProviderRegistry
from appliance.seed import SeedReport, seed
from appliance.settings.environment import Settings
from appliance.settings.operator import OperatorSettings

log = structlog.get_logger()
# One line: the doctor shows the last of the log.
_REFUSED = (
    "The database refuses the password in the secret file database-superuser-password, which was lost or "
    "comes from elsewhere. What to do: docs/ops/settings.md, A lost database password.\n"
)


def set_up(settings: Settings) -> int:
    """All of it; a second run changes nothing that is there. Returns the exit code."""
    url = settings.sqlalchemy_url()
    file = superuser_password_file()
    if file.exists():
        try:
            asyncio.run(role.ensure(url, file.read_text(encoding="utf-8").strip()))
        except asyncpg.InvalidPasswordError:
            sys.stdout.write(_REFUSED)
            return 1
    if asyncio.run(_is_of_a_newer_version(settings)):
        # After a rollback: migrations only add, so we work with these tables as they are.
        log.warning("set_up.newer_tables")
    else:
        upgrade(url)
    report = asyncio.run(_seed(settings))
    sys.stdout.write(passwords_text(report))
    return 0


async def _is_of_a_newer_version(settings: Settings) -> bool:
    async with tables.connected(settings.sqlalchemy_url()) as connection:
        found = await tables.found_revision(connection)
    return found is not None and tables_age(found) == "newer"


async def _seed(settings: Settings) -> SeedReport:
    registry = ProviderRegistry(
        OperatorSettings(), catalogue=installed(settings.config_file, settings.site_dir)
    )
    try:
        config = load_config(settings.config_file, registry)
        for problem in registry.catalogue.problems:
            sys.stdout.write(f"Left out: {problem}\n")
        async with opened_database(settings) as database:
            return await seed(database, config, FirstPasswordFile(settings.secrets_dir))
    finally:
        await registry.aclose()


def passwords_text(report: SeedReport) -> str:
    """The passwords that were made just now, to be read by a person; empty when none were."""
    if not report.accounts and not report.ingest:
        return ""
    lines = ["", "First passwords, shown this once; change them in the admin pages:"]
    lines += [f"  {name:<16}{password}" for name, password in report.accounts.items()]
    if report.ingest:
        lines.append(f"  {'ingest':<16}{report.ingest}   (what the booths send)")
    lines += [
        "To read them again until they are changed: docker compose run --rm app first-passwords",
    ]
    lines += [*passphrase_lines(report.backup), "", ""]
    return "\n".join(lines)
