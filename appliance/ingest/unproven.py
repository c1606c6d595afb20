"""What uploads may take before their password has come.

Whoever sends the password before the photo, as booths do, takes a place for as long as a few hundred
bytes need. Whoever sends it last, or never, has so many places, so many bytes on the disk and so much
time: for each address, and for all strangers together. Their bytes are read at a pace that leaves the
processors and the disk to photos, and a refusal takes its time, since whoever floods comes again at once.
When strangers have taken what there is for all, every address still has a few places of its own, and an
address that sent the right password lately needs none of theirs. Kept in memory, as the uploads themselves
are.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.core.clients import network_of
from appliance.core.errors import MissingField, RateLimited
from appliance.core.language import Message
from appliance.core.newest import Newest

SECONDS = 30.0  # a photo of 20 MB over a slow Wi-Fi, and its password after it
# Fifteen booths behind one address that all post at once, twice.
PLACES_OF_ADDRESS = 30
PLACES_OF_STRANGERS = 200  # each may hold 256 kB of text in memory: 51 MB
OWN_PLACES = 4
# Three photos of 20 MB from one address; of all, what the disk guard keeps free is never reached.
BYTES_OF_ADDRESS = 60_000_000
BYTES_OF_STRANGERS = 180_000_000
# Read of all strangers' photos: the first two of a camera (8 MB) at once, then as fast as a good Wi-Fi.
BYTES_A_SECOND = 10_000_000
BYTES_AT_ONCE = 20_000_000
REFUSED_AFTER = 2.0  # seconds
MOST_KNOWN = 1024  # addresses from which the right password came; the one quiet for longest is forgotten
RETRY_AFTER = 5


class UnprovenUploads:
    """Counts uploads whose password has not come, by network (an IPv4 address, an IPv6 /64)."""

    def __init__(self) -> None:
        self._places: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._known: Newest[str, None] = Newest(MOST_KNOWN)
        self._read_until = 0.0  # when all that strangers sent so far is read, at their pace

    @asynccontextmanager
    async def waiting(self, address: str, *, proven: bool = False) -> AsyncIterator[UnprovenUpload]:
        """An upload from ``address``; its time ends when its password was found right.

        ``proven``: a key in its address has shown already whose it is.

        Raises ``RateLimited`` where there are too many, and ``MissingField`` when the time is over.
        """
        upload = UnprovenUpload(self, network_of(address), proven=proven)
        try:
            async with asyncio.timeout(None if proven else SECONDS) as upload.limit:
                yield upload
        except TimeoutError:
            if not upload.limit.expired():
                raise
            raise MissingField(
                Message(
                    "The password did not arrive within %(n)s seconds. Send it before the photo.",
                    n=f"{SECONDS:.0f}",
                ),
                fields={"password": Message("send it as a field")},
            ) from None
        finally:
            upload.give_back()

    def take_place(self, network: str) -> None:
        """Raises ``RateLimited`` where there is none."""
        own = self._places[network]
        if own >= PLACES_OF_ADDRESS or (
            own >= OWN_PLACES
            and network not in self._known
            and self._of_strangers(self._places) >= PLACES_OF_STRANGERS
        ):
            raise _too_many()
        self._places[network] += 1

    def take_bytes(self, network: str, size: int) -> None:
        """Raises ``RateLimited`` where so many are too many."""
        if self._bytes[network] + size > BYTES_OF_ADDRESS or (
            network not in self._known and self._of_strangers(self._bytes) + size > BYTES_OF_STRANGERS
        ):
            raise _too_many()
        self._bytes[network] += size

    def pause(self, network: str, size: int) -> float:
        """Seconds to wait after so many bytes of a photo before more are read."""
        if network in self._known:
            return 0.0
        now, in_hand = time.monotonic(), BYTES_AT_ONCE / BYTES_A_SECOND
        self._read_until = max(self._read_until, now - in_hand) + size / BYTES_A_SECOND
        return max(0.0, self._read_until - now)

    def give_back(self, network: str, size: int) -> None:
        """An upload is proven, or over."""
        for counted, taken in ((self._places, 1), (self._bytes, size)):
            counted[network] -= taken
            if not counted[network]:
                del counted[network]

    def know(self, network: str) -> None:
        """The right password came from there."""
        self._known[network] = None

    def _of_strangers(self, counted: Counter[str]) -> int:
        return sum(taken for network, taken in counted.items() if network not in self._known)


class UnprovenUpload:
    """One upload, until its password has come."""

    limit: asyncio.Timeout

    def __init__(self, uploads: UnprovenUploads, network: str, *, proven: bool = False) -> None:
        if proven:
            uploads.know(network)
        else:
            uploads.take_place(network)
        self._uploads: UnprovenUploads | None = None if proven else uploads
        self._network = network
        self._bytes = 0

    def take(self, size: int) -> None:
        """So many bytes of its photo are about to be kept; raises ``RateLimited``."""
        if self._uploads is not None:
            self._uploads.take_bytes(self._network, size)
            self._bytes += size

    async def take_slowly(self, size: int) -> None:
        """Likewise, at the pace of strangers until its password was found right."""
        try:
            self.take(size)
        except RateLimited:
            await asyncio.sleep(REFUSED_AFTER)
            raise
        if self._uploads is not None and (seconds := self._uploads.pause(self._network, size)):
            await asyncio.sleep(seconds)

    def proven(self) -> None:
        """Its password is right: it takes no more of the budget, and has as long as its deadline says."""
        if self._uploads is not None:
            self._uploads.know(self._network)
        self.give_back()
        self.limit.reschedule(None)

    def give_back(self) -> None:
        """Return what it took, once."""
        if self._uploads is not None:
            self._uploads.give_back(self._network, self._bytes)
            self._uploads = None


def _too_many() -> RateLimited:
    return RateLimited(
        Message(
            "Too many uploads are waiting for their password. Set the booth software to send the password "
            "before the photo."
        ),
        retry_after=RETRY_AFTER,
    )
