"""Photos come first: everything else that is asked waits for one of a few seats.

One loop serves all. Requests that are each allowed (pages, PINs, codes, pictures of a gallery) would keep
every photo's steps waiting behind theirs if enough of them came at once, from however many addresses. So
only a few are worked at beside each other, and one beside a photo; the others cost nothing while they wait.
Addresses take turns (an IPv6 address counts by its /64): who asks a hundred times waits behind nobody else.
Beside a photo, a seat that brought nobody anything stays empty for a moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import OrderedDict, deque
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.core.clients import network_of

SEATS = 4
SEATS_BESIDE_PHOTOS = 1
# Seconds after which a request gives up its seat: it waits for something else (a password that is hashed,
# a provider), or streams.
LONGEST = 0.1
# Seconds for which a refusal, or an answer to HEAD, keeps its seat beside a photo: who guesses or floods gets
# these, guests and staff seldom do. Without it, 107 guesses a second made a photo take 2.5 times as long.
PAUSE = 0.03
_WITHOUT_BODY = frozenset({"GET", "HEAD"})


class PhotoWork:
    """How many photos are worked at here right now; those that wait for a provider are elsewhere."""

    def __init__(self) -> None:
        self.now = 0
        self.ended = asyncio.Event()  # a piece of work, since this was cleared

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """One more."""
        self.now += 1
        try:
            yield
        finally:
            self.now -= 1
            self.ended.set()

    @contextlib.contextmanager
    def elsewhere(self) -> Iterator[None]:
        """Within ``going_on``: nothing is to be done for it here for a while."""
        self.now -= 1
        try:
            yield
        finally:
            self.now += 1


class PhotosFirst:
    """Gives seats to requests. ``open_to``: paths of those that need none."""

    def __init__(self, app: ASGIApp, work: PhotoWork, open_to: re.Pattern[str]) -> None:
        self.app = app
        self._open_to = open_to
        self._seats = PageSeats(work)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._open_to.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        client = scope.get("client")
        turn = self._seats.ask(network_of(client[0]) if client else "")
        if not turn.done():
            try:
                received = await _wait(turn, receive, has_body=scope["method"] not in _WITHOUT_BODY)
            except BaseException:
                self._seats.leave(turn)
                raise
            if received is None:
                self._seats.leave(turn)
                return
            receive = received
        seat = _Seat(self._seats, head_only=scope["method"] == "HEAD")
        try:
            await self.app(scope, receive, seat.given_back_by(send))
        finally:
            seat.left()


async def _wait(turn: asyncio.Future[None], receive: Receive, *, has_body: bool) -> Receive | None:
    """Wait for ``turn``. What the app receives then; ``None``: nobody listens any longer."""
    if has_body:
        await turn
        return receive
    first: Message | None = await receive()
    if first and first.get("more_body"):
        await turn
    else:
        gone = asyncio.ensure_future(receive())
        either: set[asyncio.Future[Any]] = {turn, gone}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
        if not turn.done():
            return None

    async def receiving() -> Message:
        nonlocal first
        message, first = first, None
        return message if message is not None else await receive()

    return receiving


class PageSeats:
    """So many at once, address by address."""

    def __init__(self, work: PhotoWork) -> None:
        self._work = work
        self._taken = 0
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def beside_a_photo(self) -> bool:
        """Whether a photo is worked at."""
        return self._work.now > 0

    def ask(self, who: str) -> asyncio.Future[None]:
        """A turn, which is done when there is a seat; then ``give_back`` it, or before ``leave``."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(turn)
        self._hand_out()
        return turn

    def leave(self, turn: asyncio.Future[None]) -> None:
        """Whoever asked does not want it any longer."""
        if turn.done() and not turn.cancelled():
            self.give_back()
        turn.cancel()

    def give_back(self) -> None:
        """A seat is free."""
        self._taken -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self._taken < (SEATS_BESIDE_PHOTOS if self.beside_a_photo else SEATS):
            who, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[who] = turns  # behind the others
            if not turn.done():
                self._taken += 1
                turn.set_result(None)


class _Seat:
    """One request's, until its answer begins; a little longer where the answer is in vain."""

    def __init__(self, seats: PageSeats, *, head_only: bool) -> None:
        self._seats: PageSeats | None = seats
        self._head_only = head_only
        self._pauses = False
        self._at_last = asyncio.get_running_loop().call_later(LONGEST, self._give_back)

    def left(self) -> None:
        """The request is over."""
        if not self._pauses:
            self._give_back()

    def given_back_by(self, send: Send) -> Send:
        """``send``, which gives the seat back when it is told how the answer begins."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answered(in_vain=self._head_only or message["status"] >= HTTPStatus.BAD_REQUEST)
            await send(message)

        return sending

    def _answered(self, *, in_vain: bool) -> None:
        if in_vain and self._seats is not None and self._seats.beside_a_photo:
            self._pauses = True
            self._at_last.cancel()
            self._at_last = asyncio.get_running_loop().call_later(PAUSE, self._give_back)
        else:
            self._give_back()

    def _give_back(self) -> None:
        """Once."""
        if self._seats is not None:
            seats, self._seats = self._seats, None
            self._at_last.cancel()
            seats.give_back()
