"""Asking a provider whether it takes a key, without paying for a picture."""

from __future__ import annotations

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
from appliance.providers.scrub import word

log = structlog.get_logger()

TEST_SECONDS = 9.0  # a person waits for the answer
_LONGEST_REASON = 80

Outcome = Literal["works", "refused", "no_quota", "not_served", "unreachable", "unproven", "failed"]


@dataclass(frozen=True, slots=True)
class KeyTest:
    """What came of a test.

    ``works``: the provider accepts the key; ``refused``: it does not; ``no_quota``: it does, but
    gives nothing for it now; ``not_served``: it did not look at the key, because it does not serve this
    place, project or organisation; ``unreachable``: nobody answered, or not the provider; ``unproven``: it
    did not refuse, and only a picture would show more; ``failed``: it answered something else.
    ``reason`` is the provider's word, ``detail`` its message, cleaned; ``rest`` says for how many
    seconds the key is better left alone.
    """

    outcome: Outcome
    at: datetime
    reason: str | None = None
    detail: str = ""
    rest: float = 0.0


async def ask_provider(driver: Driver, key: str, seconds: float = TEST_SECONDS) -> KeyTest:
    """Ask, for ``seconds`` at most; fails never."""
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
    return KeyTest("works" if proven else "unproven", utcnow())


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
