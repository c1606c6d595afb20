"""From a recipe to a picture: the one place that calls drivers and judges what they raise."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

import structlog

from appliance.core.clock import Deadline
from appliance.core.errors import (
    ApplianceError,
    ProviderFailed,
    ProviderGaveNoImage,
    ProviderRefusedPhoto,
    ProviderUnavailable,
)
from appliance.providers.base import (
    EditedImage,
    EditRequest,
    GuestPhoto,
    Params,
    ProviderError,
    ProviderNoImage,
    ProviderRefused,
    ProviderTransient,
)
from appliance.providers.registry import ProviderRegistry

log = structlog.get_logger()


class Route(Protocol):
    """What to make of a photo, and with which provider."""

    @property
    def provider(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def model(self) -> str | None: ...
    @property
    def params(self) -> Params: ...


def as_appliance_error(error: ProviderError) -> ApplianceError:
    """What the booth is told of a provider's failure."""
    facts: Mapping[str, Any] = {"fields": {"provider": error.reason}}
    match error:
        case ProviderNoImage():
            return ProviderGaveNoImage(**facts)
        case ProviderRefused():
            return ProviderRefusedPhoto(**facts)
        case ProviderTransient():
            return ProviderUnavailable(**facts, retry_after=max(1, round(error.retry_after or 5)))
        case _:
            return ProviderFailed(**facts)


class ProviderLine:
    """Calls the driver of a route and records the attempt."""

    def __init__(self, registry: ProviderRegistry) -> None:
        self._registry = registry

    async def edit(
        self,
        job_id: str,
        route: Route,
        photo: GuestPhoto,
        deadline: Deadline,
        attempts: list[dict[str, Any]],
    ) -> EditedImage:
        """The finished picture. Every attempt is added to ``attempts``, whatever becomes of it.

        Raises an ``ApplianceError`` for the booth, or ``TimeoutError`` when time ran out.
        """
        attempt: dict[str, Any] = {
            "provider": route.provider,
            "operation": route.operation,
            "model": route.model,
            "started_ms": round(deadline.elapsed() * 1000),
            "outcome": "cancelled",
        }
        attempts.append(attempt)
        since = time.monotonic()
        request = EditRequest(job_id, photo, route.operation, route.params, route.model)
        try:
            edited = await self._registry.driver(route.provider).edit(request, deadline)
        except ProviderError as error:
            attempt |= {
                "outcome": "failed",
                "reason": error.reason,
                "detail": error.detail,
                "http_status": error.http_status,
            }
            raise as_appliance_error(error) from error
        except TimeoutError:
            attempt["outcome"] = "too_slow"
            raise
        else:
            attempt["outcome"] = "delivered"
            return edited
        finally:
            attempt["ms"] = round((time.monotonic() - since) * 1000)
