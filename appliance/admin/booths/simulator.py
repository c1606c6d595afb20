"""A simulated booth: chosen, sent off, and shown as the booth would show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.errors import explained
from appliance.admin.headers import MOUNT
from appliance.admin.render import part
from appliance.admin.security import MayTestSlots, PageContext
from appliance.core.errors import ApplianceError, NotFound
from appliance.core.public_base import base_urls_of
from appliance.staff.booths.programs import PROGRAMS
from appliance.staff.booths.simulator import BoothSimulator, Simulation
from appliance.staff.slots.editor import SlotEditor

router = APIRouter(prefix="/booths/simulations")


@dataclass(frozen=True, slots=True)
class SimulatedSlot:
    """A slot that can be chosen."""

    slot_id: str
    name: str
    active: bool
    is_free: bool  # every one of its ways is made on this machine


async def simulator_form(context: PageContext) -> dict[str, Any]:
    """What can be chosen; the slots that cost nothing come first."""
    may = context.may("slots:test")
    slots = await context.service(SlotEditor).all() if may else []
    found = [
        SimulatedSlot(
            one.slot_id,
            one.display_name,
            one.active,
            {one.provider, *(way.provider for way in one.fallbacks)} == {"local"},
        )
        for one in slots
    ]
    return {
        "may_simulate": may,
        "simulated_slots": sorted(found, key=lambda one: not one.is_free),
        "programs": PROGRAMS,
        "simulations": f"{MOUNT}/booths/simulations",
    }


@router.post("")
async def start(context: MayTestSlots) -> Response:
    """Send a booth's request by the front door."""
    form = await context.form()
    program = next((one for one in PROGRAMS if one == form.text("program")), PROGRAMS[0])
    try:
        made = context.service(BoothSimulator).begin(
            program, form.text("slot_id"), base_urls_of(context.request).guests(None), context.person
        )
    except ApplianceError as error:
        said: dict[str, Any] = explained(context, error)
        return part(context, "_slot_test_refused.html", status=422, error=error, **said)
    return _shown(context, made)


@router.get("/{simulation_id}")
async def progress(simulation_id: str, context: MayTestSlots) -> Response:
    """How far it is; at its end what the booth would show."""
    made = context.service(BoothSimulator).get(simulation_id)
    if made is None:
        raise NotFound
    return _shown(context, made)


def _shown(context: PageContext, made: Simulation) -> Response:
    template = "_booth_simulation_running.html" if made.running else "_booth_simulation_done.html"
    return part(context, template, made=made, simulations=f"{MOUNT}/booths/simulations")
