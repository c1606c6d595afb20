"""From a plan to a picture: the routes of a job, under its one deadline.

The first route has the whole deadline less what the others would need, which is at most half of
it. A fallback starts when the routes before it have failed or, beside them, at the last moment at
which it would still make the deadline by its measured p95. Its picture is then held, finished and
stored meanwhile, until the better route has failed or time is up: the guest gets the best picture
that came in time.

With hedging the second route races the first as soon as that is later than its p90, and the first
good picture wins.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from appliance.core.errors import (
    ApplianceError,
    ProviderFailed,
    ProviderGaveNoImage,
    ProviderRefusedPhoto,
    ProviderUnavailable,
)
from appliance.core.language import Message
from appliance.core.tasks import begin
from appliance.providers.attempts import Delivery, Outcome
from appliance.providers.base import (
    ProviderError,
    ProviderNoImage,
    ProviderRefused,
    ProviderTransient,
)
from appliance.providers.failures import failure_of
from appliance.providers.runner import EditJob, RouteRunner

HEADROOM = 1.0  # seconds beyond its p95 that a fallback is given: it starts when all else is late
CANCEL_SECONDS = 0.05  # how long losers may take to let go: less than what is kept back to store a picture


def as_appliance_error(error: BaseException) -> ApplianceError:
    """What the booth is told of a route's failure; the reason is the provider's own."""
    if isinstance(error, ApplianceError):
        return error
    if not isinstance(error, ProviderError):
        raise error
    known = failure_of(error.reason, error.kind)
    message = Message("%(what)s %(do)s", what=Message(known.what), do=Message(known.do)) if known else None
    fields = {"provider": error.reason}
    match error:
        case ProviderNoImage():
            return ProviderGaveNoImage(message, fields=fields)
        case ProviderRefused():
            return ProviderRefusedPhoto(message, fields=fields)
        case ProviderTransient():
            wait = max(1, round(error.retry_after or 5))
            return ProviderUnavailable(message, fields=fields, retry_after=wait)
        case _:
            return ProviderFailed(message, fields=fields)


class ProviderLine:
    """Makes pictures from plans."""

    def __init__(self, runner: RouteRunner) -> None:
        self._runner = runner

    async def edit(self, job: EditJob) -> Delivery:
        """The best picture that came before ``job.deadline``, and its route.

        Every attempt is noted in the job.
        Raises an ``ApplianceError`` for the booth when every route failed, ``TimeoutError`` when
        time ran out.
        """
        race = _Race(job, self._runner)
        try:
            delivery = await race.run()
        finally:
            await race.stop()
        delivery.attempt.outcome = Outcome.DELIVERED
        return delivery


@dataclass(slots=True)
class _Race:
    """The routes of one job that run, have failed, or hold a picture."""

    job: EditJob
    runner: RouteRunner
    running: dict[asyncio.Task[Delivery], int] = field(default_factory=dict)
    held: dict[int, Delivery] = field(default_factory=dict)
    errors: dict[int, BaseException] = field(default_factory=dict)
    told_of: int | None = None  # whose held picture the job was told of
    begun: int = 0
    last_began: float = 0.0

    async def run(self) -> Delivery:
        self._start_next()
        while True:
            until = self._next_event()
            await asyncio.wait(
                self.running, timeout=max(0.0, until - time.monotonic()), return_when=asyncio.FIRST_COMPLETED
            )
            self._collect()
            # Asked once: where it passed between two looks, a picture that is held would be nobody's.
            time_is_up = self.job.deadline.remaining() <= 0
            if (best := self._winner(time_is_up)) is not None:
                return self.held[best]
            self._tell_of_held()
            if time_is_up:
                raise TimeoutError
            if not self.held and (not self.running or time.monotonic() >= until):
                self._start_next()
            if not self.running:
                raise as_appliance_error(self.errors[min(self.errors)])

    def _start_next(self) -> None:
        routes = self.job.plan.routes
        if self.begun < len(routes):
            work = self.runner.run(self.job, routes[self.begun], last_chance=self.begun == len(routes) - 1)
            self.running[begin(work)] = self.begun
            self.begun += 1
            self.last_began = time.monotonic()

    def _next_event(self) -> float:
        """When, on the monotonic clock, something must be decided even if no route has ended."""
        routes, deadline = self.job.plan.routes, self.job.deadline
        if self.held or self.begun >= len(routes):
            return deadline.expires
        others = sum(self.runner.expected(route, 0.95) + HEADROOM for route in routes[self.begun :])
        half = (self.last_began + deadline.expires) / 2
        latest_start = max(deadline.expires - others, half)
        if self.job.plan.hedge and self.begun == 1:
            return min(latest_start, self.last_began + self.runner.expected(routes[0], 0.9))
        return latest_start

    def _collect(self) -> None:
        for task in [task for task in self.running if task.done()]:
            index = self.running.pop(task)
            if task.cancelled():
                self.errors[index] = TimeoutError()
            elif (error := task.exception()) is not None:
                self.errors[index] = error
            else:
                self.held[index] = task.result()

    def _winner(self, time_is_up: bool) -> int | None:
        """Whose picture is to be delivered now, if any."""
        if not self.held:
            return None
        best = min(self.held)
        better_runs = any(index < best for index in self.running.values())
        hedged = self.job.plan.hedge and best <= 1
        return best if hedged or not better_runs or time_is_up else None

    def _tell_of_held(self) -> None:
        if self.held and self.job.on_held and (best := min(self.held)) != self.told_of:
            self.told_of = best
            self.job.on_held(self.held[best])

    async def stop(self) -> None:
        """End what still runs, so that no permit or connection stays behind."""
        for task in self.running:
            task.cancel()
        if self.running:
            await asyncio.wait(self.running, timeout=CANCEL_SECONDS)
