"""What is noted of each try, and what a job's row tells of it later."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.providers.attempts import Outcome
from appliance.providers.base import FailureKind, ProviderError
from appliance.staff.jobs.schemas import AttemptView
from tests.providers.routes import engine
from tests.standins import Script, Step


async def test_the_delivered_attempt_is_the_one_whose_picture_is_given_also_where_two_are_alike(
    tmp_path: Path,
) -> None:
    """The fallback asks the same model; the better route's picture comes last and is delivered."""
    async with engine(tmp_path, Script([Step("slow", seconds=2.0)])) as at:
        first, second = await at.attempts(at.route(), at.route(), seconds=3.0)
    assert second.started_ms > first.started_ms
    assert (first.outcome, second.outcome) == (Outcome.DELIVERED, Outcome.PICTURE)


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("refused", FailureKind.REFUSED),
        ("key_revoked", FailureKind.BAD_KEY),
        ("bad_request", FailureKind.IMPOSSIBLE),
        ("unavailable", FailureKind.UNREACHABLE),
        ("no_image", FailureKind.NO_IMAGE),
    ],
)
async def test_a_failed_attempt_keeps_what_its_failure_means(
    tmp_path: Path, step: str, kind: FailureKind
) -> None:
    async with engine(tmp_path, Script([step])) as at:
        first = (await at.attempts(at.route()))[0]
    assert (first.outcome, first.kind) == (Outcome.FAILED, kind)


def test_every_way_to_fail_has_a_kind() -> None:
    classes = [ProviderError]
    for cls in classes:
        classes.extend(cls.__subclasses__())
    assert len(classes) > len(FailureKind)
    assert all(isinstance(cls.kind, FailureKind) for cls in classes[1:])


def test_an_attempt_of_an_older_row_is_still_readable() -> None:
    older = {
        "provider": "gemini", "operation": "image_edit", "model": None, "started_ms": 5, "ms": 0,
        "outcome": "skipped", "reason": "circuit_open", "detail": "http_503",
    }  # fmt: skip
    view = AttemptView.model_validate(older)
    assert (view.outcome, view.reason, view.kind, view.key) == ("skipped", "circuit_open", None, None)


async def test_what_a_row_keeps_of_an_attempt_is_plain_json(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(["refused"])) as at:
        [refused] = await at.attempts(at.route())
    view = AttemptView.model_validate_json(AttemptView.model_validate(refused.stored()).model_dump_json())
    assert (view.kind, view.reason, view.http_status) == ("refused", "IMAGE_SAFETY", 200)
