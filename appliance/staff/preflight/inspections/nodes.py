"""The machines of a site: what each last said of itself, and how the one that looks stands to the first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from appliance.nodes.common import read_mark
from appliance.nodes.repository import NodeRepository, Seen
from appliance.nodes.watch import EVERY, FIRST, Look, Looking, Me
from appliance.staff.preflight.checks import Check
from appliance.staff.preflight.tools import RunState, Tools

NOTABLY_OFF = 2.0  # seconds between two clocks: worth a look long before it does harm
_TAKES_PHOTOS = frozenset({"node.well", "node.clock_off", "node.version"})
_PATIENCE = 3.0  # seconds to connect to another machine


async def look(tools: Tools, _: RunState) -> list[Check]:
    """On the first machine all others; on another one itself. Nothing where there is one alone."""
    deployment = tools.deployment
    me = Me(deployment.node, deployment.media_root, deployment.secrets_dir)
    if me.number != FIRST:
        looking = Looking(tools.database, me, tools.tables_age, says=False)
        seen = await looking.look()
        if seen.problem:  # the first machine may just have started anew, and have another mark
            await asyncio.sleep(EVERY)
            seen = await looking.look()
        return _of_this(me, seen)
    if not deployment.nodes:
        return []
    async with tools.database.session() as session:
        known = [one for one in await NodeRepository(session).all() if one.row.number != FIRST]
    if not known:
        return [Check("machine", "node.none", "warning", {"addresses": ", ".join(deployment.nodes)})]
    found = await asyncio.to_thread(_of_others, me, known)
    if _TAKES_PHOTOS.issuperset(one.code for one in found):
        found += await _unreached(deployment.nodes)
    return found


def _of_this(me: Me, found: Look) -> list[Check]:
    said = _figures(me.number, me.version, found.clock_ahead, found.database_ms)
    if found.problem:
        return [Check("machine", f"node.{found.problem}", "bad", said)]
    lines = [Check("machine", "node.well", parameters=said), *_of_its_clock(said, found.clock_ahead)]
    if found.first and found.first.row.version != me.version:
        lines.append(_other_version(said, found.first.row.version))
    return lines


def _of_others(me: Me, known: Sequence[Seen]) -> list[Check]:
    lines = []
    for one in known:
        row = one.row
        said = _figures(row.number, row.version, row.clock_ahead, row.database_ms)
        if one.is_silent:
            said["silent_seconds"] = round(one.seconds)
            lines.append(Check("machine", "node.silent", "warning", said))
        elif row.problem or not _shares(me, row.number, row.mark):
            lines.append(Check("machine", f"node.{row.problem or 'folder_other'}", "warning", said))
        else:
            lines += [Check("machine", "node.well", parameters=said), *_of_its_clock(said, row.clock_ahead)]
            if row.version != me.version:
                lines.append(_other_version(said, me.version))
    return lines


def _figures(number: int, version: str, ahead: float | None, database_ms: float | None) -> dict[str, object]:
    return {
        "node": number,
        "version": version,
        "clock_ms": round(abs(ahead or 0.0) * 1000),
        "database_ms": round(database_ms or 0.0, 1),
    }


def _of_its_clock(said: dict[str, object], ahead: float | None) -> list[Check]:
    off = abs(ahead or 0.0) >= NOTABLY_OFF
    return [Check("machine", "node.clock_off", "warning", said)] if off else []


def _other_version(said: dict[str, object], first: str) -> Check:
    return Check("machine", "node.version", "warning", {**said, "first": first})


def _shares(me: Me, number: int, mark: str) -> bool:
    try:
        return read_mark(me.media_root, number) == mark
    except OSError:
        return False


async def _unreached(addresses: Sequence[str]) -> list[Check]:
    """Those at which Nginx would find nobody, although every machine says that it is well."""

    async def is_reached(address: str) -> bool:
        host, _, port = address.rpartition(":")
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), _PATIENCE)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    answers = await asyncio.gather(*map(is_reached, addresses))
    return [
        Check("machine", "node.no_answer", "warning", {"address": address})
        for address, reached in zip(addresses, answers, strict=True)
        if not reached
    ]
