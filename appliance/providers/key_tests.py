"""Asking a provider whether it takes a key, without paying for a picture."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import structlog

from appliance.core.clock import Deadline, utcnow
from appliance.providers.base import (
    Driver,
    ProviderBadKey,
    ProviderError,
    ProviderNotServed,
    ProviderQuota,
    ProviderUnreachable,
)
from appliance.providers.keys import rest_seconds
from appliance.providers.model_facts import ModelFacts, ModelFactsDriver
from appliance.providers.scrub import word

log = structlog.get_logger()

TEST_SECONDS = 9.0  # a person waits for the answer
_LONGEST_REASON = 80

NO_SUCH_MODEL = "model_not_found"

Outcome = Literal["works", "refused", "no_quota", "not_served", "unreachable", "unproven", "failed"]


@dataclass(frozen=True, slots=True)
class ModelTest:
    """What the provider said of one model to a key that it accepts.

    ``reason``: why the key gets no picture of it, in the provider's word; ``None``: nothing speaks against
    it. ``facts`` are ``None`` where it said nothing of the model itself.
    """

    model: str
    reason: str | None = None
    detail: str = ""
    facts: ModelFacts | None = None


@dataclass(frozen=True, slots=True)
class KeyTest:
    """What came of a test.

    ``works``: the provider accepts the key; ``refused``: it does not; ``no_quota``: it does, but
    gives nothing for it now; ``not_served``: it did not look at the key, because it does not serve this
    place, project or organisation; ``unreachable``: nobody answered, or not the provider; ``unproven``: it
    did not refuse, and only a picture would show more; ``failed``: it answered something else.
    ``reason`` is the provider's word, ``detail`` its message, cleaned; ``rest`` says for how many
    seconds the key is better left alone. ``models``: those that were asked for with it.
    """

    outcome: Outcome
    at: datetime
    reason: str | None = None
    detail: str = ""
    rest: float = 0.0
    models: tuple[ModelTest, ...] = ()


async def ask_provider(
    driver: Driver, key: str, models: Sequence[str] = (), seconds: float = TEST_SECONDS
) -> KeyTest:
    """Ask about the key and, where the provider tells of models, about ``models``; fails never."""
    deadline = Deadline.after(seconds)
    try:
        async with deadline.guard():
            proven = await driver.probe(key, deadline)
    except TimeoutError:
        return KeyTest("unreachable", utcnow(), "too_slow")
    except ProviderError as error:
        rests = isinstance(error, ProviderBadKey | ProviderQuota)
        return KeyTest(
            _outcome(error),
            utcnow(),
            word(error.reason)[:_LONGEST_REASON],
            error.detail,
            rest_seconds(error) if rests else 0.0,
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the person who asked gets an answer
        log.warning("key_test.failed", provider=driver.name, error=type(error).__name__)
        return KeyTest("failed", utcnow(), "internal_error")
    told: Sequence[ModelTest] = ()
    if isinstance(driver, ModelFactsDriver):
        told = await asyncio.gather(*(_ask_for(driver, key, model, deadline) for model in models))
    return KeyTest("works" if proven else "unproven", utcnow(), models=tuple(told))


async def _ask_for(driver: ModelFactsDriver, key: str, model: str, deadline: Deadline) -> ModelTest:
    try:
        async with deadline.guard():
            facts = await driver.model_facts(key, model, deadline)
    except TimeoutError:
        return ModelTest(model, "too_slow")
    except ProviderError as error:
        return ModelTest(model, word(error.reason)[:_LONGEST_REASON], error.detail)
    except Exception as error:  # noqa: BLE001 - as above
        log.warning("key_test.failed", model=model, error=type(error).__name__)
        return ModelTest(model, "internal_error")
    return ModelTest(model, None if facts.there else NO_SUCH_MODEL, facts=facts)


def _outcome(error: ProviderError) -> Outcome:
    match error:
        case ProviderBadKey():
            return "refused"
        case ProviderQuota():
            return "no_quota"
        case ProviderNotServed():
            return "not_served"
        case ProviderUnreachable():
            return "unreachable"
        case _:
            return "failed"
