"""What a job's row keeps of its attempts, read back."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.jobs.models import JobHistory
from appliance.providers.attempts import Attempt, Outcome, delivered, stored_attempts

MADE = Attempt("gemini", "image_edit", "nano", "…f3a9", 40, outcome=Outcome.DELIVERED, primary=True)
FAILED = Attempt("local", "frame", None, None, 20, outcome=Outcome.FAILED)


def test_attempts_are_read_as_they_were_kept() -> None:
    assert stored_attempts([FAILED.stored(), MADE.stored()]) == [FAILED, MADE]


def test_an_attempt_of_an_older_version_is_read_with_what_it_has() -> None:
    [attempt] = stored_attempts([{"provider": "openai", "outcome": "delivered", "started_ms": 40}])
    assert (attempt.provider, attempt.outcome, attempt.started_ms) == ("openai", Outcome.DELIVERED, 40)


def test_what_a_newer_version_adds_to_an_attempt_is_left_out() -> None:
    assert stored_attempts([MADE.stored() | {"mood": "good"}]) == [MADE]


@pytest.mark.parametrize(
    "kept", [None, {}, "delivered", [None], [{}], [{"provider": 3, "outcome": ["x"]}], [{"outcome": "made"}]]
)
def test_what_is_no_attempt_is_left_out(kept: Any) -> None:
    assert stored_attempts(kept) == []


def test_a_picture_is_of_the_provider_that_delivered_it() -> None:
    assert delivered([FAILED, MADE]) == MADE
    assert JobHistory(attempts=[FAILED.stored(), MADE.stored()]).by_ai


def test_a_picture_of_which_no_attempt_tells_is_of_the_primary_route() -> None:
    assert JobHistory(provider="openai", attempts=[]).by_ai
    assert not JobHistory(provider="local", attempts=[FAILED.stored()]).by_ai
