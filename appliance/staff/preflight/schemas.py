"""The JSON forms of pre-flights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from appliance.core.frozen import FrozenModel, StrictModel
from appliance.staff.issues.schemas import IssueAction
from appliance.staff.preflight.checks import GROUPS, STATES, Group, State, worst
from appliance.staff.preflight.models import Preflight
from appliance.staff.preflight.words import check_words


class CheckView(FrozenModel):
    """One line, in the language of `Accept-Language`."""

    group: Group
    code: str = Field(description="see docs/ops/preflight.md", examples=["key.refused"])
    state: State = Field(
        description="`bad`: guests get no pictures, or not all of them; `warning`: they will not, or worth "
        "knowing; `ok`"
    )
    said: str = Field(description="how it is")
    do: str = Field(description="what to do about it; empty where it is well")
    action: IssueAction | None = Field(description="what to press; `null`: nothing here does it")
    slots: list[str] = Field(examples=[["slot-005"]])
    parameters: dict[str, Any] = Field(description="what stands in the words, for programs")


class PreflightRun(FrozenModel):
    """One pre-flight."""

    id: int = Field(examples=[3])
    status: Literal["running", "done", "interrupted"] = Field(
        description="`interrupted`: the app was stopped or restarted before its end"
    )
    state: State = Field(description="the worst of its checks so far")
    asked_at: datetime
    asked_by: str
    paid: bool = Field(description="whether slots were tried with photos that are paid for")
    finished_at: datetime | None
    group: Group | None = Field(description="what is looked at now")
    checks: list[CheckView]


class PreflightState(FrozenModel):
    """The newest pre-flight, and the newest that came to its end."""

    newest: PreflightRun | None
    whole: PreflightRun | None


class PreflightRequest(StrictModel):
    """What is to be tried."""

    paid: bool = Field(
        default=False, description="try each slot that costs money with one photo, which is paid for"
    )


def check_view(check: Mapping[str, Any], language: str) -> CheckView:
    """With its words in that language."""
    words = check_words(check, language)
    action = IssueAction.of(check["action"], words.action)
    return CheckView.model_validate({**check, "said": words.said, "do": words.do, "action": action})


def in_order(checks: Sequence[CheckView]) -> list[CheckView]:
    """Group by group, the worst of each first."""
    return sorted(checks, key=lambda one: (GROUPS.index(one.group), -STATES.index(one.state)))


def run_view(row: Preflight | None, language: str) -> PreflightRun | None:
    """A run as the API and the page show it."""
    if row is None:
        return None
    checks = [check_view(one, language) for one in row.checks]
    return PreflightRun.from_object(
        row,
        status="interrupted" if row.was_interrupted else "running" if row.is_running else "done",
        state=worst([one.state for one in checks]),
        checks=in_order(checks),
    )
