"""What guests need: the address, the code that they scan, the pages, walls and shared galleries."""

from __future__ import annotations

import asyncio
import http.client
import uuid

from appliance.core import local_http
from appliance.core.clock import utcnow
from appliance.guests.shared_galleries.repository import GalleryRepository
from appliance.guests.shared_galleries.service import state_of
from appliance.jobs.links import page_path
from appliance.media import qr
from appliance.staff.issues.findings import Action, Finding
from appliance.staff.issues.sources.address import DOUBTFUL
from appliance.staff.preflight.checks import Check, of_issue
from appliance.staff.preflight.qr_reading import texts_in
from appliance.staff.preflight.tools import RunState, Tools

_PATIENCE = 8.0  # seconds
_CODE_PIXELS = 600
_ENCRYPTED = 308  # the front door sends everybody to https
_SET = Action("open_address", href="/admin/settings#event")
_SCREENS = Action("open_screens", href="/admin/screens")


def _base(tools: Tools, run: RunState) -> str | None:
    return run.base or tools.base(run.settings.public_base_url)


async def address(tools: Tools, run: RunState) -> list[Check]:
    """Asked for as a phone would; from this machine some of what is found is doubtful."""
    base = _base(tools, run)
    if base is None:
        return [Check("guests", "address.unknown", "warning" if tools.dry_runs else "ok", action=_SET)]
    found = await tools.addresses.check(base)
    if found.state == "fine":
        return [Check("guests", "address", parameters={"base": base})]
    said = {"state": found.state, "base": base, "host": found.host, "detail": found.detail}
    finding = Finding("address.wrong", "will_stop", said, (), _SET)
    return [of_issue("guests", finding, "warning" if found.state in DOUBTFUL else "bad")]


async def code(tools: Tools, run: RunState) -> list[Check]:
    """The code of a picture's link, drawn as guests get it and read back by another program."""
    base = _base(tools, run)
    if base is None:
        return []
    link = base + page_path(uuid.uuid4())
    read = await asyncio.to_thread(lambda: texts_in(qr.png(link, _CODE_PIXELS)))
    if link in read:
        return [Check("guests", "qr", parameters={"base": base})]
    return [Check("guests", "qr.unreadable", "bad", {"base": base}, (), _SET)]


async def pages(tools: Tools, run: RunState) -> list[Check]:
    """Asked for at the front door: a picture's page, and each open wall and shared gallery."""
    if tools.dry_runs is None or not run.reached:
        return []
    async with tools.database.session() as session:
        galleries = await GalleryRepository(session).all()
    open_now = [one for one in galleries if state_of(one, utcnow()) == "open"]
    found = [await _answer(tools, "page", page_path(uuid.uuid4()), "", {404})]
    for gallery in open_now:
        title = gallery.title or run.settings.event_title
        found.append(await _answer(tools, "gallery", f"/g/{gallery.token}", title, {200, 401}))
        found.append(await _answer(tools, "wall", f"/wall/{gallery.wall_token}", title, {200}))
    return found if open_now else [*found, Check("guests", "galleries.none")]


async def _answer(tools: Tools, what: str, path: str, title: str, good: set[int]) -> Check:
    said: dict[str, object] = {"title": title}
    door = tools.deployment.front_door or tools.deployment.listen
    try:
        status, _ = await asyncio.to_thread(local_http.get, path, _PATIENCE, door)
    except (OSError, http.client.HTTPException) as error:
        said["answer"] = type(error).__name__
    else:
        if status in good or status == _ENCRYPTED:
            return Check("guests", f"{what}.answers", parameters=said)
        said["answer"] = str(status)
    return Check("guests", f"{what}.silent", "bad", said, (), _SCREENS if title else None)
