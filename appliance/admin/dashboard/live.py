"""Server-sent events for the dashboard: what has changed, and a beat while nothing does."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence

import structlog
from fastapi import Request

from appliance.accounts.permissions import Principal
from appliance.accounts.sessions import SessionService
from appliance.admin.dashboard.cards import Card, Dashboard, OpenIssues
from appliance.core.clients import client_address
from appliance.core.errors import ApplianceError
from appliance.core.injection import service_of
from appliance.core.stopping import Stopping
from appliance.core.tasks import to_its_end, wait_for_event

log = structlog.get_logger()

LOOK_EVERY = 2.0  # seconds
BEAT_EVERY = 15.0  # shorter than Nginx waits
ASK_EVERY = 1.0  # whether the session still stands: one query by its key
LONGEST = 600.0  # then the browser comes back by itself and shows its cookies again
COME_BACK_MS = 2000

Render = Callable[[Sequence[Card], Sequence[Card], OpenIssues], str]


async def changes(
    request: Request, who: Principal, dashboard: Dashboard, render: Render
) -> AsyncIterator[str]:
    """Each time something changed: the cards that did, the tally and the issues, as ``render`` shows them.

    The first event holds every card: the browser may have been away. The stream ends when the
    session does or ``who`` may no longer do the same, when the appliance is stopped, and after a while by
    itself.
    """
    stopping = service_of(request, Stopping)
    began = beat = time.monotonic()
    known: dict[str, str] = {}
    known_issues = ""
    yield f"retry: {COME_BACK_MS}\n\n"
    while not stopping.is_set() and time.monotonic() - began < LONGEST:
        try:
            cards, issues = await to_its_end(dashboard.cards()), await to_its_end(dashboard.issues())
        except Exception as error:  # noqa: BLE001 - the database is away: the browser asks and is told
            log.warning("live.ended", error=type(error).__name__)
            return
        changed = [card for card in cards if known.get(card.slot_id) != card.mark]
        if changed or issues.mark != known_issues:
            known, known_issues = {card.slot_id: card.mark for card in cards}, issues.mark
            yield event("cards", render(changed, cards, issues))
        if time.monotonic() - beat > BEAT_EVERY:
            beat = time.monotonic()
            yield event("beat", "")
        if not await _waited_in_session(request, who, stopping):
            return


async def _waited_in_session(request: Request, who: Principal, stopping: Stopping) -> bool:
    """Wait until it is time to look again; ``False`` as soon as the session has ended or changed."""
    until = time.monotonic() + LOOK_EVERY
    while (left := until - time.monotonic()) > 0 and not stopping.is_set():
        await wait_for_event(stopping, min(left, ASK_EVERY))
        if not await _still_in(request, who):
            return False
    return True


async def _still_in(request: Request, who: Principal) -> bool:
    """Whether the session that opened the stream still stands, with all that was allowed then: the cards
    are drawn for that.
    """
    token = getattr(request.state, "access_token", "")
    try:
        sessions = service_of(request, SessionService)
        now = await to_its_end(sessions.authenticate(token, client_address(request)))
    except ApplianceError:
        return False
    except Exception as error:  # noqa: BLE001 - the database is away: likewise
        log.warning("live.ended", error=type(error).__name__)
        return False
    return now == who


def event(name: str, data: str) -> str:
    """One event in the form of ``text/event-stream``."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n"
