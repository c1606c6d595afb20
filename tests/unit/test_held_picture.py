"""A picture that is held when time is up is delivered, at whatever moment somebody looks at the clock."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import cast

import pytest

from appliance.core.clock import Deadline
from appliance.providers.attempts import Attempt, Delivery
from appliance.providers.base import EditedImage, Params
from appliance.providers.failover import ProviderLine
from appliance.providers.routes import EditPlan, Route
from appliance.providers.runner import EditJob, RouteRunner
from tests.providers.photos import photo_in


class NoParams(Params):
    """Nothing can be chosen."""


BETTER, FALLBACK = (Route("local", name, None, NoParams()) for name in ("better", "fallback"))


class Runner:
    """The better route never ends; the other has its picture at once."""

    def expected(self, _route: Route, _share: float) -> float:
        return 0.0

    async def run(self, job: EditJob, route: Route, *, last_chance: bool) -> Delivery:
        del last_chance
        if route is BETTER:
            await asyncio.sleep(60)
        return Delivery(route, Attempt.begin(route, None, job.deadline), EditedImage(b"", "image/jpeg", 1, 1))


class PassingBy(Deadline):
    """A deadline that is still there for so many looks after it has passed, as between two ticks."""

    def __init__(self, seconds: float, looks: int) -> None:
        whole = Deadline.after(seconds)
        for name, value in (("started", whole.started), ("expires", whole.expires), ("left", [1e-6] * looks)):
            object.__setattr__(self, name, value)

    def remaining(self) -> float:
        left: list[float] = self.__dict__["left"]
        return Deadline.remaining(self) or (left.pop() if left else 0.0)


@pytest.mark.parametrize("looks", range(5))
async def test_time_that_is_up_between_two_looks_costs_no_picture(tmp_path: Path, looks: int) -> None:
    job = EditJob(
        plan=EditPlan("job-1", (BETTER, FALLBACK)),
        photo=photo_in(tmp_path),
        deadline=PassingBy(0.1, looks),
        permits=lambda _provider, _deadline: nullcontext(),
        attempts=[],
    )
    delivery = await ProviderLine(cast("RouteRunner", Runner())).edit(job)
    assert delivery.route is FALLBACK
