"""What is said of keys: why one is refused, what state it is in, what its last test said."""

from __future__ import annotations

from typing import Any, cast

from appliance.core.errors import NotFound, ValidationFailed
from appliance.core.language import Message
from appliance.providers.key_tests import KeyTest, Outcome
from appliance.providers.models import ProviderKey
from appliance.staff.settings.provider_keys.schemas import KeyState


def state_of(*, is_unreadable: bool, is_elsewhere: bool, rests: bool) -> KeyState:
    if is_unreadable:
        return "unreadable"
    if is_elsewhere:
        return "other_address"
    return "set_aside" if rests else "in_use"


def no_such_key() -> NotFound:
    return NotFound(
        Message("There is no such key. It may have been removed in the meantime; check the list.")
    )


def twice(found: Message) -> ValidationFailed:
    return ValidationFailed(fields={"key": found})


def test_columns(tested: KeyTest) -> dict[str, Any]:
    return {"tested_at": tested.at, "test_outcome": tested.outcome, "test_reason": tested.reason}


def kept_test(row: ProviderKey) -> KeyTest | None:
    """The last test as its row remembers it."""
    if row.tested_at is None or row.test_outcome is None:
        return None
    return KeyTest(cast("Outcome", row.test_outcome), row.tested_at, row.test_reason)
