"""``doctor`` and ``preflight``: the checks of the pre-flight, from outside or done by the running app."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.core import local_http
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.processes import listen_of, numbers
from appliance.guests.tokens import GuestTokens
from appliance.lifecycle.stack.certificates import CERTIFICATE
from appliance.migrations.revisions import tables_age
from appliance.providers.breaker import Circuits
from appliance.providers.catalogue.files import installed
from appliance.providers.keys import KeyFiles, KeyRing
from appliance.providers.learned import LearnedModels
from appliance.providers.registry import ProviderRegistry
from appliance.providers.runner import RouteRunner
from appliance.providers.stored_keys import AllKeys, StoredKeys
from appliance.providers.timings import RouteTimings
from appliance.settings.environment import Settings
from appliance.settings.operator import OperatorSettings
from appliance.staff.issues.sources.address import DOUBTFUL
from appliance.staff.preflight.checks import Check, Group, State
from appliance.staff.preflight.examine import examine as look_at_all
from appliance.staff.preflight.schemas import CheckView, check_view, in_order
from appliance.staff.preflight.tools import RunState, Tools
from appliance.staff.settings.address import Addresses
from appliance.staff.settings.provider_keys.testing import KeyTesting


async def examine(settings: Settings, *, front: Path) -> list[CheckView]:
    """Look at everything from outside; what depends on the database is left out where it does not answer."""
    listening = [listen_of(settings.listen, one) for one in numbers(settings.processes)]
    apps = await asyncio.gather(*(asyncio.to_thread(_app, one) for one in listening))
    app = next((one for one in apps if one.state != "ok"), apps[0])
    async with tools_outside(settings, front=front) as tools:
        found = await look_at_all(tools, RunState(by="cli"), _silent)
    if app.code == "app.away":
        found = [one for one in found if not _only_the_app_knows(one)]
    return in_order([check_view(one.as_json(), "en") for one in (app, *found)])


def _only_the_app_knows(check: Check) -> bool:
    """Whether what answers at the address in QR codes is this appliance: Nginx alone cannot say it."""
    return check.code == "issue.address.wrong" and check.parameters["state"] in DOUBTFUL


async def _silent(_: Group, __: Sequence[Check]) -> None:
    """Nobody is told of progress."""


@asynccontextmanager
async def tools_outside(settings: Settings, *, front: Path) -> AsyncIterator[Tools]:
    """What the checks work with where there is no app: dry runs and the trial restore are left to it."""
    database = Database(settings.sqlalchemy_url(), pool_size=2)
    registry = ProviderRegistry(
        OperatorSettings(), settings.provider_base_urls, installed(settings.config_file, settings.site_dir)
    )
    stored = StoredKeys(database, EncryptionKeys(settings.secrets_dir), registry)
    keys = KeyRing(AllKeys(stored, KeyFiles(settings.secrets_dir), registry))
    learned = LearnedModels(database)
    try:
        yield Tools(
            settings,
            database,
            tables_age,
            RouteRunner(registry, keys, RouteTimings(database), Circuits(), learned),
            KeyTesting(database, registry, keys, learned),
            Addresses(GuestTokens(settings.secrets_dir).identity),
            lambda chosen: chosen or settings.public_base_url or settings.lan_base_url,
            front / "tls" / CERTIFICATE,
        )
    finally:
        await stored.aclose()
        await learned.aclose()
        await database.aclose()
        await registry.aclose()


def _app(listen: str) -> Check:
    since = time.monotonic()
    try:
        status, body = local_http.get("/readyz", 5, listen)
    except Exception as error:  # noqa: BLE001 - whatever it is, the app does not answer
        return Check("machine", "app.away", "bad", {"error": type(error).__name__})
    if status != 200:
        checks = json.loads(body)["checks"]
        wrong = "; ".join(f"{name}: {said}" for name, said in checks.items() if said != "ok")
        return Check("machine", "app.not_ready", "bad", {"why": wrong})
    return Check("machine", "app", parameters={"ms": round((time.monotonic() - since) * 1000)})


def page(checks: Sequence[CheckView], *, also_bad: int = 0) -> str:
    """The page, in colours on a terminal; ``also_bad``: how many were found bad elsewhere."""
    lines = [text for one in checks for text in line(one)]
    bad = sum(each.state == "bad" for each in checks) + also_bad
    amber = sum(each.state == "warning" for each in checks)
    now = (
        f"{bad} of {len(checks) + also_bad} need attention now."
        if bad
        else "Nothing needs attention now."
        if amber
        else "All is well."
    )
    return "\n".join([*lines, "", f"{now} {amber} worth a look." if amber else now])


def line(check: CheckView) -> list[str]:
    """One check, and what to do about it."""
    colours: dict[State, str] = {"ok": "32", "warning": "33", "bad": "31"}
    signs: dict[State, str] = {"ok": "ok  ", "warning": "look", "bad": "BAD "}
    sign = signs[check.state]
    if sys.stdout.isatty():
        sign = f"\033[{colours[check.state]}m{sign}\033[0m"
    found = [f"{sign}  {check.group:<10}{check.said}"]
    if check.do and check.state != "ok":
        found.append(f"{'':<16}→ {check.do}")
    return found


def as_json(checks: Sequence[CheckView]) -> str:
    """The same for programs."""
    return json.dumps([each.model_dump(mode="json") for each in checks], indent=2, ensure_ascii=False)
