"""One route, tried until it delivers, is refused, or an attempt no longer fits."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import NoReturn

import structlog

from appliance.core.clock import Deadline
from appliance.providers.attempts import Attempt, Delivery
from appliance.providers.base import (
    Driver,
    EditedImage,
    EditRequest,
    GuestPhoto,
    MediaPublisher,
    ProviderBadKey,
    ProviderBadPicture,
    ProviderError,
    ProviderNoImage,
    ProviderNoModel,
    ProviderNotServed,
    ProviderQuota,
    ProviderTransient,
    ProviderUnreachable,
    ProviderWrongPlace,
)
from appliance.providers.breaker import Admission, Circuit, Circuits
from appliance.providers.keys import KeyRing, ends_in, is_spent, rest_seconds, rests_whole
from appliance.providers.learned import LearnedModels
from appliance.providers.model_facts import ModelFacts
from appliance.providers.registry import ProviderRegistry
from appliance.providers.route_clock import RouteClock
from appliance.providers.routes import EditPlan, Route
from appliance.providers.timings import RouteTimings
from appliance.providers.usage import Usage

log = structlog.get_logger()

MAX_TRIES = 8
NO_IMAGE_TRIES = 3  # before a fallback gets its chance
BAD_PICTURE_TRIES = 3  # even without a fallback: each of them is billed
KEY_PATIENCE = 3.0  # seconds a route waits for a resting key while a fallback is ready
KEY_LOOK = 0.5  # seconds after which a waiting route looks for a key that was entered meanwhile
STALLED = 1.5  # times p95: a measured route that takes longer is given up, once, while there is time

Permits = Callable[[str, Deadline], AbstractAsyncContextManager[None]]


@dataclass(slots=True)
class EditJob:
    """What all attempts of a job share; each attempt is added to ``attempts``.

    ``on_held`` is told of each picture that is held while a better one is awaited.
    """

    plan: EditPlan
    photo: GuestPhoto
    deadline: Deadline
    permits: Permits
    attempts: list[Attempt]
    publisher: MediaPublisher | None = None
    on_held: Callable[[Delivery], None] | None = None


@dataclass(slots=True)
class _RouteState:
    """One photo at one route: what happens once, however often it is tried."""

    last_chance: bool  # no other route waits
    failed: bool = False  # and its circuit knows
    used: list[Usage] = field(default_factory=list)  # what the provider bills for the try that runs
    bad_pictures: int = 0  # that came
    stalled: bool = False  # given up for being slow; the next try has all the time there is
    not_served: set[str] = field(default_factory=set)  # keys whose account gets nothing from this route


@dataclass(slots=True)
class RouteRunner:
    """Retries and rotates keys; knows no other route."""

    registry: ProviderRegistry
    keys: KeyRing
    timings: RouteTimings
    circuits: Circuits
    models: LearnedModels = field(default_factory=LearnedModels)
    random: random.Random = field(default_factory=random.Random)

    def expected(self, route: Route, share: float) -> float:
        """Seconds within which ``share`` of this route's attempts end."""
        estimate = self.registry.driver(route.provider).typical_seconds(route.operation, route.model)
        return self.timings.percentile(route.timed_as, share, estimate)

    async def run(self, job: EditJob, route: Route, *, last_chance: bool) -> Delivery:
        """The route's picture.

        ``last_chance``: no other route waits, so an empty answer is tried again for as long as
        there is time. Raises the last attempt's error, ``SlotBusy`` or ``TimeoutError``.
        """
        tries, state = 0, _RouteState(last_chance)
        while True:
            key = await self._key(job, route, state)
            driver = self.registry.driver(route.provider)  # the one whose address the key is for
            tries += 1
            try:
                return await self._attempt(job, route, (driver, key), state)
            except ProviderError as error:
                pause = self._pause_after(error, route, key, tries, state)
                if pause is None or not error.again:
                    raise
                if job.deadline.remaining() - pause < self.expected(route, 0.5):
                    raise
            await asyncio.sleep(pause)

    async def _key(self, job: EditJob, route: Route, state: _RouteState) -> str | None:
        """A key for the next attempt; waits for one to come back where an attempt still fits after
        that, but not long while another route is ready.
        """
        if not self.registry.driver(route.provider).needs_key:
            return None
        model = self._model(route)
        await self.keys.refresh()
        while (key := self.keys.take(route.provider, model, state.not_served)) is None:
            wait = self.keys.seconds_until_usable(route.provider, model)
            if wait is None:
                raise ProviderBadKey(
                    self.keys.lacks(route.provider), f"there is no usable API key for {route.provider}"
                )
            patience = job.deadline.remaining() - self.expected(route, 0.5)
            if wait > (patience if state.last_chance else min(patience, KEY_PATIENCE)):
                raise ProviderQuota("keys_rest", "every key is refused or out of quota", retry_after=wait)
            await asyncio.sleep(min(wait + 0.01, KEY_LOOK))
            await self.keys.refresh()
        return key

    def _pause_after(
        self, error: ProviderError, route: Route, key: str | None, tries: int, state: _RouteState
    ) -> float | None:
        """Seconds to wait before the next try; ``None``: this route is done."""
        model = self._model(route)
        if isinstance(error, (ProviderNotServed, ProviderNoModel)) and key is not None:
            # Not the key's fault, so it does not rest; another account's key may be served.
            state.not_served.add(key)
            others = set(self.keys.usable(route.provider, model)) - state.not_served
            hopeless = isinstance(error, ProviderWrongPlace) or not others or tries >= MAX_TRIES
            return None if hopeless else 0.0
        if isinstance(error, (ProviderBadKey, ProviderQuota)) and key is not None:
            resting = None if rests_whole(error) else model
            self.keys.set_aside(
                route.provider, key, rest_seconds(error), error.reason, resting, spent=is_spent(error)
            )
            may_go_on = isinstance(error, ProviderQuota) or self.keys.usable(route.provider, model)
            return 0.0 if may_go_on and tries < MAX_TRIES else None
        if not isinstance(error, ProviderTransient) or isinstance(error, CircuitOpen) or tries >= MAX_TRIES:
            return None
        if isinstance(error, ProviderBadPicture):
            state.bad_pictures += 1
        if isinstance(error, ProviderNoImage):
            enough = tries >= NO_IMAGE_TRIES and not state.last_chance
            enough = enough or state.bad_pictures >= BAD_PICTURE_TRIES
            return None if enough else self.random.uniform(0.05, 0.25)
        backoff = min(8.0, 2.0 ** (tries - 2)) * self.random.uniform(0.5, 1.5)
        return max(backoff, error.retry_after or 0.0)

    async def _attempt(
        self, job: EditJob, route: Route, way: tuple[Driver, str | None], state: _RouteState
    ) -> Delivery:
        _, key = way
        # An open circuit sends photos to the next route. Where there is none, refusing would lose the
        # picture for certain: the photo goes on trying, and its growing pauses spare the provider.
        circuit = self.circuits.of(route.name)
        if circuit.state == "open" and not state.last_chance:
            self._skip(job, route, circuit)
        async with job.permits(route.provider, job.deadline):
            admission = circuit.admit()
            if admission is None and not state.last_chance:
                self._skip(job, route, circuit)
            attempt = Attempt.begin(route, ends_in(key) if key else None, job.deadline)
            attempt.primary = route is job.plan.routes[0]
            job.attempts.append(attempt)
            since = time.monotonic()
            clock = RouteClock(None if state.stalled else self._cut(job.deadline, route))
            state.used.clear()
            try:
                edited = await self._call(job, route, way, state, attempt, clock)
                attempt.succeeded(edited)
            except BaseException as error:
                attempt.ended(error, job.deadline)
                self._judge(circuit, admission, error, job.deadline, state)
                if isinstance(error, ProviderNoModel):
                    self._heard(route, ModelFacts(there=False, of_end=False))
                raise
            finally:
                attempt.ms = round((time.monotonic() - since) * 1000)
                self._charge(attempt, route, state)
            circuit.succeeded()
            if key is not None:
                self.keys.worked(route.provider, key)
            self._heard(route, edited.facts or ModelFacts(of_end=False))
            self.timings.record(route.timed_as, clock.seconds)
            return Delivery(route, attempt, edited)

    def _charge(self, attempt: Attempt, route: Route, state: _RouteState) -> None:
        name = self._model(route)
        model = self.registry.catalogue.get(route.provider, name) if name else None
        free = not self.registry.driver(route.provider).needs_key
        attempt.charged(state.used[-1] if state.used else None, model.price if model else None, free=free)

    def _heard(self, route: Route, facts: ModelFacts) -> None:
        self.models.heard(route.provider, self._model(route), facts)

    def _model(self, route: Route) -> str | None:
        return self.registry.model(route.provider, route.operation, route.model)

    @staticmethod
    def _skip(job: EditJob, route: Route, circuit: Circuit) -> NoReturn:
        """Leave a route whose circuit is open alone, at once."""
        error = CircuitOpen(
            "circuit_open", circuit.last_reason or "", retry_after=circuit.seconds_until_probe()
        )
        attempt = Attempt.begin(route, None, job.deadline)
        attempt.primary = route is job.plan.routes[0]
        attempt.skipped(error)
        job.attempts.append(attempt)
        raise error

    async def _call(
        self,
        job: EditJob,
        route: Route,
        way: tuple[Driver, str | None],
        state: _RouteState,
        attempt: Attempt,
        clock: RouteClock,
    ) -> EditedImage:
        driver, key = way

        def note_position(position: int) -> None:
            clock.queued(waiting=position > 0)
            if attempt.queue_position != position:
                attempt.queue_position = position
                log.info("provider.queue", job=job.plan.job_id, route=route.name, position=position)

        def note_step(step: int, steps: int) -> None:
            attempt.step, attempt.steps = step, steps

        request = EditRequest(
            job_id=job.plan.job_id,
            photo=job.photo,
            operation=route.operation,
            params=route.params,
            model=route.model,
            templates=route.templates,
            input_max_side=route.input_max_side,
            api_key=key,
            publisher=job.publisher,
            on_position=note_position,
            on_step=note_step,
            on_usage=state.used.append,
        )
        try:
            async with job.deadline.guard(), clock.running():
                return await driver.edit(request, job.deadline)
        except TimeoutError:
            if not clock.was_cut:
                raise
            state.stalled = True
            self.timings.record(route.timed_as, clock.seconds)  # so that slower times become usual
            raise ProviderUnreachable("stalled", "much slower than usual; given up") from None

    def _cut(self, deadline: Deadline, route: Route) -> float | None:
        """Seconds after which an attempt counts as stalled; ``None``: it has all the time there is.

        It may not have stalled: the provider may have become slower, and the usual times say nothing of the
        next try. So one is given up only where the next has twice as long.
        """
        if not self.timings.measured(route.timed_as):
            return None
        cut = max(2.0, STALLED * self.expected(route, 0.95))
        return cut if deadline.remaining() > 3 * cut else None

    def _judge(
        self,
        circuit: Circuit,
        admission: Admission,
        error: BaseException,
        deadline: Deadline,
        state: _RouteState,
    ) -> None:
        """What a failure says of the provider; a refusal or an empty answer says nothing."""
        late = isinstance(error, asyncio.CancelledError) and deadline.remaining() <= 0
        if late or isinstance(error, (ProviderUnreachable, TimeoutError)):
            circuit.failed(getattr(error, "reason", "too_slow"), admission, again=state.failed)
            state.failed = True
        else:
            circuit.undecided(admission)


class CircuitOpen(ProviderUnreachable):
    """The route is left alone for now; it is not tried again within this job."""
