"""What is noted of each try of a route, from the call to the job's row."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from appliance.core.clock import Deadline
from appliance.core.errors import ApplianceError
from appliance.providers.base import EditedImage, FailureKind, ProviderError
from appliance.providers.catalogue import Price
from appliance.providers.http import NEVER_SENT
from appliance.providers.routes import LOCAL, Route
from appliance.providers.usage import NOTHING, Usage, cost_of


class Outcome(StrEnum):
    """How an attempt ended."""

    DELIVERED = "delivered"  # the guest got its picture
    PICTURE = "picture"  # made, but another route's was delivered
    FAILED = "failed"
    TOO_SLOW = "too_slow"
    CANCELLED = "cancelled"  # another route was ready first
    SKIPPED = "skipped"  # its circuit was open


@dataclass(slots=True)
class Attempt:
    """One try of one route with one key; ``started_ms`` counts from the request's first byte.

    ``key`` is the end of the key. ``reason`` and ``detail`` are the provider's own words. ``queue_position``
    is how many waited before it in the provider's queue when that was last asked; 0: it was being made.
    ``step`` of ``steps`` is how far it got, where the provider tells.
    ``primary``: of the job's first route. ``lasting``: the next photo will fail alike until somebody
    does something.
    ``billed``: whether the provider charges for it (``None``: not known), ``tokens`` what it counted by
    kind, ``price`` the decimal sum in ``currency`` (``None``: not known).
    """

    provider: str
    operation: str
    model: str | None
    key: str | None
    started_ms: int
    ms: int = 0
    outcome: Outcome = Outcome.CANCELLED
    kind: FailureKind | None = None
    reason: str | None = None
    detail: str | None = None
    http_status: int | None = None
    response_id: str | None = None
    queue_position: int | None = None
    step: int | None = None
    steps: int | None = None
    primary: bool = False
    lasting: bool = False
    billed: bool | None = None
    tokens: dict[str, int] | None = None
    price: str | None = None
    currency: str | None = None

    @classmethod
    def begin(cls, route: Route, key: str | None, deadline: Deadline) -> Attempt:
        """An attempt at ``route`` that starts now; it counts as cancelled until it ends."""
        return cls(route.provider, route.operation, route.model, key, round(deadline.elapsed() * 1000))

    def succeeded(self, picture: EditedImage) -> None:
        """The provider answered with a picture."""
        self.outcome = Outcome.PICTURE
        self.response_id = picture.response_id

    def charged(self, usage: Usage | None, price: Price | None, *, free: bool) -> None:
        """Note what the ended attempt used and costs. ``free``: nobody charges for this provider."""
        made = self.outcome == Outcome.PICTURE
        if usage is not None and usage.tokens:
            self.tokens = dict(usage.tokens)
        if free:
            self.billed = False
        elif made or usage is not None:
            cost = cost_of(usage or Usage(), price, picture=made)
            self.billed = cost != NOTHING
            if cost is not None and self.billed:
                self.price, self.currency = str(cost.amount), cost.currency
        elif not self.asked or (self.http_status or 0) >= 400:
            self.billed = False

    @property
    def by_ai(self) -> bool:
        """Whether a model was asked, and not this machine's own looks."""
        return self.provider != LOCAL

    @property
    def under_way(self) -> bool:
        """Whether it has not ended: its time is written when it does."""
        return self.outcome == Outcome.CANCELLED and not self.ms

    @property
    def asked(self) -> bool:
        """Whether the request may have reached the provider."""
        return self.outcome != Outcome.SKIPPED and self.reason not in NEVER_SENT

    def skipped(self, error: ProviderError) -> None:
        """The provider was not asked."""
        self.failed_as(error)
        self.outcome = Outcome.SKIPPED
        self.billed = False

    def ended(self, error: BaseException, deadline: Deadline) -> None:
        """It ended without a picture."""
        cancelled = isinstance(error, asyncio.CancelledError)
        if isinstance(error, ProviderError):
            self.failed_as(error)
        elif isinstance(error, TimeoutError) or (cancelled and deadline.remaining() <= 0):
            self.outcome = Outcome.TOO_SLOW
        elif not cancelled:
            self.outcome = Outcome.FAILED
            self.reason = str(error.code) if isinstance(error, ApplianceError) else "internal_error"

    def failed_as(self, error: ProviderError) -> None:
        """The provider did not deliver, for this reason."""
        self.outcome = Outcome.FAILED
        self.kind = error.kind
        self.lasting = error.lasting
        self.reason = error.reason
        self.detail = error.detail
        self.http_status = error.http_status
        self.response_id = error.response_id

    def stored(self) -> dict[str, Any]:
        """As it is kept in the job's row."""
        return asdict(self)


_FIELDS = frozenset(one.name for one in fields(Attempt))
_ALWAYS_KEPT = {"operation": "", "model": None, "key": None, "started_ms": 0}


def stored_attempts(kept: Any) -> list[Attempt]:
    """The attempts as a job's row keeps them. What cannot be read, as another version or a hand wrote it,
    is left out.
    """
    return [one for one in map(_stored, kept) if one is not None] if isinstance(kept, list) else []


def _stored(kept: Any) -> Attempt | None:
    if not isinstance(kept, dict):
        return None
    values = _ALWAYS_KEPT | {name: value for name, value in kept.items() if name in _FIELDS}
    try:
        values["outcome"] = Outcome(values["outcome"])
        values["kind"] = FailureKind(values["kind"]) if values.get("kind") else None
        return Attempt(**values)
    except (KeyError, TypeError, ValueError):
        return None


def delivered(attempts: Iterable[Attempt]) -> Attempt | None:
    """The attempt whose picture the guest got."""
    return next((one for one in attempts if one.outcome == Outcome.DELIVERED), None)


def decided(attempts: Sequence[Attempt]) -> Attempt | None:
    """The newest attempt that shows how the primary route is: it made a picture, or will not make the
    next one either; ``None`` where this job shows nothing of that.
    """
    made = (Outcome.DELIVERED, Outcome.PICTURE)
    return next(
        (one for one in reversed(attempts) if one.primary and (one.lasting or one.outcome in made)), None
    )


@dataclass(frozen=True, slots=True)
class Delivery:
    """A picture, the route it came by, and the attempt that made it."""

    route: Route
    attempt: Attempt
    picture: EditedImage
