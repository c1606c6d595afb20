"""Whether a machine of the venue's own has what a slot's workflow needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from appliance.core.clock import Deadline
from appliance.core.errors import ValidationFailed
from appliance.providers.base import ProviderError
from appliance.providers.machine import ChecksMachine
from appliance.providers.runner import RouteRunner
from appliance.slots.schemas import RouteConfig

SECONDS = 9.0  # a person waits for the answer


@dataclass(frozen=True, slots=True)
class MachineReport:
    """``fits``: it has everything; ``lacks``: it has not got the ``findings``; ``unreachable``: for
    ``reason``; ``wrong``: the workflow itself does not fit together yet.
    """

    outcome: Literal["fits", "lacks", "unreachable", "wrong"]
    findings: tuple[str, ...] = ()
    reason: str = ""


class Machines:
    """Asks the machines that run workflows."""

    def __init__(self, runner: RouteRunner) -> None:
        self._runner = runner

    async def look(self, route: RouteConfig, deadline: Deadline | None = None) -> MachineReport:
        """What the route's machine says; it makes no picture."""
        deadline = deadline or Deadline.after(SECONDS)
        registry = self._runner.registry
        driver = registry.driver(route.provider)
        if not isinstance(driver, ChecksMachine):
            return MachineReport("fits")
        try:
            params = registry.parse(route.provider, route.operation, route.params)
        except ValidationFailed as error:
            return MachineReport("wrong", tuple((error.fields or {}).values()))
        try:
            async with deadline.guard():
                found = await driver.lacks(params, deadline)
        except ProviderError as error:
            return MachineReport("unreachable", reason=error.reason)
        except TimeoutError:
            return MachineReport("unreachable", reason="too_slow")
        return MachineReport("lacks" if found else "fits", found)
