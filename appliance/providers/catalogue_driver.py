"""What the drivers have in common whose models are in the catalogue."""

from __future__ import annotations

from typing import ClassVar

import httpx

from appliance.core.clock import utcnow
from appliance.providers.catalogue import ProviderModels, shipped


class CatalogueDriver:
    """A client, the provider's address, and its models: those that ship, if none are given."""

    name: ClassVar[str]
    needs_key: ClassVar[bool] = True

    def __init__(
        self, client: httpx.AsyncClient, *, base_url: str, models: ProviderModels | None = None
    ) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._models = models or shipped().of(self.name)

    @property
    def models(self) -> tuple[str, ...]:
        """The model names that may be chosen, the default first."""
        return self._models.names_on(utcnow().date())

    def typical_seconds(self, operation: str, model: str | None) -> float:  # noqa: ARG002 - one call for all
        """How long a picture usually takes, until it has been measured."""
        found = self._models.get(model) or self._models.default
        return found.time.seconds if found else 0.0

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
