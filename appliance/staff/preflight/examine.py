"""All looks in their order: what later ones need, earlier ones find."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog

from appliance.staff.preflight.checks import Check, Group
from appliance.staff.preflight.inspections import backups, guests, known, machine, nodes, providers, slots
from appliance.staff.preflight.tools import RunState, Tools

log = structlog.get_logger()

Inspection = Callable[[Tools, RunState], Awaitable[list[Check]]]
NoteChecks = Callable[[Group, Sequence[Check]], Awaitable[None]]

INSPECTIONS: tuple[tuple[Group, Inspection], ...] = (
    ("machine", machine.version),
    ("machine", machine.database),
    ("machine", machine.disk),
    ("machine", machine.memory),
    ("machine", machine.certificate),
    ("providers", providers.look),
    ("machine", machine.clock),
    ("machine", nodes.look),
    ("slots", slots.look),
    ("guests", guests.address),
    ("guests", guests.code),
    ("guests", guests.pages),
    ("backups", backups.age),
    ("backups", backups.target),
    ("backups", backups.proof),
    ("known", known.look),
)


# What belongs to a machine that is not the first of its site; the rest is looked at there.
_OF_A_NODE: tuple[Inspection, ...] = (
    *(machine.version, machine.database, machine.disk, machine.memory),
    *(providers.look, machine.clock, nodes.look),
)


async def examine(tools: Tools, run: RunState, progress: NoteChecks) -> list[Check]:
    """Every look; one that cannot be done is a line too. ``progress`` is told what is there so far, and
    which group is looked at.
    """
    found: list[Check] = []
    for group, look in INSPECTIONS:
        if tools.deployment.node > 1 and look not in _OF_A_NODE:
            continue
        await progress(group, found)
        try:
            found += await look(tools, run)
        except Exception as error:  # noqa: BLE001 - the other looks are worth having all the same
            log.warning("preflight.not_looked", group=group, error=type(error).__name__)
            found.append(Check(group, "not_looked", "warning", {"error": type(error).__name__}))
    return found
