"""The booths' last requests, whichever process they came to."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from appliance.core.siblings import Siblings
from appliance.ingest.booth_requests.log import MOST_BOOTHS, MOST_REQUESTS, Booth, BoothRequests
from appliance.ingest.booth_requests.retention import BoothRequestRetention

_BOOTHS, _NEWEST, _FORGET = "booths", "newest_booth_request", "forget_booth_requests"
_FORM = TypeAdapter(list[Booth])


class AllBooths:
    """Knows this process's, and asks the others for theirs."""

    def __init__(self, kept: BoothRequests, retention: BoothRequestRetention, siblings: Siblings) -> None:
        self._kept, self._retention, self._siblings = kept, retention, siblings
        siblings.on(_BOOTHS, self._told)
        siblings.on(_NEWEST, self._newest)
        siblings.on(_FORGET, self._forget)

    async def newest(self) -> int:
        """A number that grows with each request."""
        others: list[int] = await self._siblings.ask(_NEWEST)
        return self._kept.newest + sum(others)

    async def booths(self) -> list[Booth]:
        """Every booth, the one that came last first, without what is to be forgotten by now."""
        await self._retention.apply()
        own = self._kept.booths()
        others = [_FORM.validate_python(one) for one in await self._siblings.ask(_BOOTHS)]
        return _together([own, *others]) if others else own

    async def forget(self) -> None:
        """Keep none of them any longer."""
        self._kept.forget()
        await self._siblings.ask(_FORGET)

    async def _told(self, _: dict[str, Any]) -> Any:
        await self._retention.apply()
        return _FORM.dump_python(self._kept.booths(), mode="json")

    async def _newest(self, _: dict[str, Any]) -> Any:
        return self._kept.newest

    async def _forget(self, _: dict[str, Any]) -> Any:
        self._kept.forget()


def _together(found: Sequence[Sequence[Booth]]) -> list[Booth]:
    """One booth's requests to several processes are those of one booth, the newest first."""
    whole: dict[str, Booth] = {}
    for booth in (booth for booths in found for booth in booths):
        known = whole.get(booth.id)
        if known is None:
            whole[booth.id] = Booth(booth.id, booth.name, booth.address, booth.known, booth.requests)
            continue
        newer = max(known, booth, key=lambda one: one.requests[0].at)
        requests = sorted((*known.requests, *booth.requests), key=lambda one: one.at, reverse=True)
        whole[booth.id] = Booth(
            booth.id,
            newer.name,
            newer.address,
            known.known or booth.known,
            deque(requests[:MOST_REQUESTS], MOST_REQUESTS),
        )
    return sorted(whole.values(), key=lambda one: one.requests[0].at, reverse=True)[:MOST_BOOTHS]
