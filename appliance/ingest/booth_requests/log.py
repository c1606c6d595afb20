"""The last requests of each booth, in memory: gone with a restart, and never many.

A booth is one that brought a key, else an address (an IPv6 network). Strangers who only fail give way first.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from appliance.core.clients import network_of
from appliance.ingest.booth_requests.arrival import Arrival
from appliance.ingest.booth_requests.records import BoothRequest, record_of

MOST_BOOTHS = 50
MOST_REQUESTS = 20  # of one booth


@dataclass(slots=True)
class Booth:
    """A booth and its last requests, the newest first."""

    id: str
    name: str  # of its key; empty without one
    address: str
    known: bool = False  # a password or key of it was right
    requests: deque[BoothRequest] = field(default_factory=lambda: deque(maxlen=MOST_REQUESTS))


class BoothRequests:
    """Keeps them."""

    def __init__(self, process: int = 1, of: int = 1) -> None:
        self._booths: OrderedDict[str, Booth] = OrderedDict()
        self._numbers = itertools.count(process, of)  # no two processes give one number
        self.newest = 0  # the number of the last request

    def add(self, arrival: Arrival) -> None:
        """Keep a request that was answered."""
        self.newest = next(self._numbers)
        record = record_of(arrival, self.newest)
        known = arrival.proof.booth if arrival.proof else None
        if known and known.is_test:
            name, key = "", "simulator"
        elif known:
            name, key = known.name, str(known.id)
        else:
            name, key = "", network_of(arrival.address)
        booth = self._booths.setdefault(key, Booth(key, name, arrival.address))
        booth.name, booth.address = name, arrival.address
        booth.known = booth.known or record.shown_by is not None
        booth.requests.appendleft(record)
        self._booths.move_to_end(key)
        if len(self._booths) > MOST_BOOTHS:
            strangers = (one.id for one in self._booths.values() if not one.known)
            del self._booths[next(strangers, next(iter(self._booths)))]

    def forget(self) -> None:
        """Keep none of them any longer."""
        self._booths.clear()

    def jobs(self) -> set[str]:
        """The jobs of requests of which something is kept that a guest may have typed."""
        return {one.job_id for one in self._all() if one.job_id and one.says_something}

    def forget_values(self, jobs: Collection[str], before: datetime) -> None:
        """Forget what guests may have typed in requests of these jobs, and in those before that moment."""
        for booth in self._booths.values():
            for at, one in enumerate(booth.requests):
                if one.says_something and (one.job_id in jobs or one.at < before):
                    booth.requests[at] = one.without_values()

    def booths(self) -> list[Booth]:
        """Every booth, the one that came last first."""
        return list(reversed(self._booths.values()))

    def request(self, number: int) -> BoothRequest | None:
        """One request by its number."""
        return next((one for one in self._all() if one.number == number), None)

    def _all(self) -> Iterator[BoothRequest]:
        return (one for booth in self._booths.values() for one in booth.requests)
