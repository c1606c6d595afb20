"""The providers that exist, by name. A new provider is a folder and a line here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from appliance.core.errors import ValidationFailed
from appliance.providers.base import Driver, Operation, Params
from appliance.providers.local.driver import LocalDriver


def build_drivers() -> list[Driver]:
    """One driver for each provider."""
    return [LocalDriver()]


class ProviderRegistry:
    """Finds drivers and checks parameters against their models."""

    def __init__(self, drivers: Iterable[Driver]) -> None:
        self._drivers: dict[str, Driver] = {driver.name: driver for driver in drivers}

    @property
    def names(self) -> list[str]:
        """All providers' names."""
        return sorted(self._drivers)

    def driver(self, name: str) -> Driver:
        """The driver called ``name``; raises ``ValidationFailed`` if there is none."""
        if name not in self._drivers:
            raise ValidationFailed(
                fields={"provider": f"there is no provider {name!r}; there are {', '.join(self.names)}"}
            )
        return self._drivers[name]

    def operation(self, provider: str, name: str) -> Operation:
        """One operation of a provider; raises ``ValidationFailed`` if it has none of that name."""
        operations = self.driver(provider).operations
        if name not in operations:
            raise ValidationFailed(
                fields={"operation": f"{provider} has no operation {name!r}; it has {', '.join(operations)}"}
            )
        return operations[name]

    def parse(self, provider: str, operation: str, params: Mapping[str, Any]) -> Params:
        """``params`` as the operation's own frozen model.

        Raises ``ValidationFailed`` with one message per field, named ``params.…``.
        """
        model = self.operation(provider, operation).params
        try:
            return model.model_validate(params)
        except ValidationError as error:
            raise ValidationFailed(
                fields={".".join(map(str, ("params", *item["loc"]))): item["msg"] for item in error.errors()}
            ) from None

    async def aclose(self) -> None:
        """Close every driver."""
        for driver in self._drivers.values():
            await driver.aclose()
