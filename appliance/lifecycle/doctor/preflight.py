"""``preflight``: asks the running app for one, tells how far it is, and waits for its end."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from appliance.core.language import language
from appliance.lifecycle.doctor import examine as doctor
from appliance.settings.environment import Settings
from appliance.staff.preflight.models import Preflight
from appliance.staff.preflight.price import price_of_shots
from appliance.staff.preflight.repository import PreflightRepository
from appliance.staff.preflight.schemas import CheckView, PreflightRun, run_view
from appliance.staff.preflight.tools import Tools

TAKEN_WITHIN = 10.0  # seconds; an app looks for one every two
LOOK_EVERY = 0.5
NOBODY = "The app is not responding; this is what can be seen from outside."


async def run(settings: Settings, *, front: Path, paid: bool, sure: bool) -> tuple[int, list[CheckView]]:
    """The exit code, and what was found; where no app takes it up, by the doctor's means."""
    async with doctor.tools_outside(settings, front=front) as tools:
        if paid and not sure and not await _may_pay(tools):
            return 1, []
        try:
            row = await _asked(tools, paid=paid)
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, the database is away
            print(f"The database does not answer ({type(error).__name__}).", file=sys.stderr)
            row = None
        if row is not None:
            return await _followed(tools, row)
    print(NOBODY, file=sys.stderr)
    found = await doctor.examine(settings, front=front)
    return 1, found


async def _may_pay(tools: Tools) -> bool:
    """Says what it costs, as far as that is known, and asks."""
    price, words = await price_of_shots(tools.database, tools.runner.registry), language("staff", "en")
    said = [words.ngettext("preflight.paid.slots", price.slots)]
    if price.most:
        total = ", ".join(words.money(most, currency) for currency, most in price.most.items())
        said.append(words.gettext("preflight.paid.known", sum=total))
    if price.unknown:
        said.append(words.ngettext("preflight.paid.unknown", price.unknown))
    print(" ".join(said), "Pay for these photos? [y/N] ", end="", flush=True, file=sys.stderr)
    return (await asyncio.to_thread(sys.stdin.readline)).strip().lower() in ("y", "yes")


async def _asked(tools: Tools, *, paid: bool) -> Preflight | None:
    """One that an app has taken up; ``None``: there is none that does."""
    async with tools.database.session() as session:
        row = await PreflightRepository(session).ask(by="cli", paid=paid, base=None)
    until = time.monotonic() + TAKEN_WITHIN
    while row.started_at is None and time.monotonic() < until:
        await asyncio.sleep(LOOK_EVERY)
        row = await _now(tools, row)
    if row.started_at is not None:
        return row
    async with tools.database.session() as session:
        gone = await PreflightRepository(session).withdraw(row.id)
    return None if gone else row


async def _now(tools: Tools, row: Preflight) -> Preflight:
    async with tools.database.session() as session:
        found = await PreflightRepository(session).get(row.id)
    return found or row


async def _followed(tools: Tools, row: Preflight) -> tuple[int, list[CheckView]]:
    told = ""
    while row.is_running:
        if row.group and row.group != told:
            told = row.group
            print(language("staff", "en").gettext(f"preflight.group.{told}") + " …", file=sys.stderr)
        await asyncio.sleep(LOOK_EVERY)
        row = await _now(tools, row)
    found: PreflightRun | None = run_view(row, "en")
    assert found is not None  # noqa: S101 - there is a row
    if found.status == "interrupted":
        print("It was interrupted: the app was stopped or restarted.", file=sys.stderr)
        return 1, found.checks
    return int(found.state == "bad"), found.checks
