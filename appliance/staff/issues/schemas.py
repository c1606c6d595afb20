"""The JSON forms of issues."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, field_validator

from appliance.core.clock import Moment, utcnow
from appliance.core.frozen import FrozenModel, StrictModel
from appliance.core.language import Message
from appliance.staff.issues.findings import ActionKind, Code, Severity

LONGEST_IGNORED = timedelta(days=90)


class IssueAction(FrozenModel):
    """What to press."""

    kind: ActionKind = Field(examples=["open_keys"])
    label: str = Field(examples=["Enter a key"])
    href: str | None = Field(description="the page to open", examples=["/admin/settings#keys-gemini"])
    method: str | None = Field(description="with `path`: the request that does it", examples=["POST"])
    path: str | None = Field(examples=["/api/disk/free"])
    body: dict[str, str] | None = Field(description="its JSON, where it has one")

    @classmethod
    def of(cls, action: Mapping[str, Any] | None, label: str | None) -> IssueAction | None:
        """As the table holds it, with the ``label`` of its button, where there is one."""
        if not action or not label:
            return None
        ways = {name: action.get(name) or None for name in ("href", "method", "path", "body")}
        return cls.model_validate({"kind": action["kind"], "label": label, **ways})


class IssueView(FrozenModel):
    """Something that needs attention, in the language of `Accept-Language`."""

    id: int = Field(examples=[7])
    key: str = Field(description="the same for the same trouble, today and next week", examples=["disk.low"])
    code: Code = Field(description="what kind it is, see docs/ops/issues.md", examples=["disk.low"])
    severity: Severity = Field(
        description="`stops_photos`: guests get no picture; `will_stop`: soon, or in part; `should_know`"
    )
    title: str
    meaning: str = Field(description="what comes of it, and what to do")
    action: IssueAction | None = Field(description="what to press; `null`: nothing here does it")
    learn_more: str = Field(examples=["/admin/manual/ops/issues.md#disklow"])
    slots: list[str] = Field(description="those that it touches", examples=[["slot-005"]])
    parameters: dict[str, Any] = Field(description="what stands in the words, for programs")
    since: datetime
    ignored_until: datetime | None = Field(description="nobody is told of it until then")
    ignored_by: str | None


class IssueList(FrozenModel):
    """What is not over, the worst first."""

    issues: list[IssueView]


class IgnoreRequest(StrictModel):
    """Until when nobody is to be told."""

    until: Moment | None = Field(
        description="at most 90 days from now; `null`: tell of it again", examples=["2026-11-28T09:00:00Z"]
    )

    @field_validator("until")
    @classmethod
    def _soon(cls, until: datetime | None) -> datetime | None:
        if until is not None and not utcnow() < until <= utcnow() + LONGEST_IGNORED:
            raise ValueError(Message("must be ahead, and at most 90 days"))
        return until
