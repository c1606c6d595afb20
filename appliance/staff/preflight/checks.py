"""What a pre-flight says of one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from appliance.staff.issues.findings import Action, Finding

Group = Literal["machine", "providers", "slots", "guests", "backups", "known"]
GROUPS: tuple[Group, ...] = get_args(Group)

# ``bad`` keeps guests from their pictures, ``warning`` will, or is worth knowing.
State = Literal["ok", "warning", "bad"]
STATES: tuple[State, ...] = get_args(State)

ISSUE = "issue."  # what begins so is worded as the issue of the rest of the code


@dataclass(frozen=True, slots=True)
class Check:
    """One line. Its words are those of ``preflight.{code}``, or of an issue; ``action``: what to press."""

    group: Group
    code: str
    state: State = "ok"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    slots: tuple[str, ...] = ()
    action: Action | None = None

    def as_json(self) -> dict[str, Any]:
        """As the table holds it."""
        return {**asdict(self), "parameters": dict(self.parameters), "slots": list(self.slots)}


def of_issue(group: Group, finding: Finding, state: State | None = None) -> Check:
    """What a source of issues says; red where guests get no pictures."""
    weight: State = "bad" if finding.severity == "stops_photos" else "warning"
    return Check(
        group, ISSUE + finding.code, state or weight, finding.parameters, finding.slots, finding.action
    )


def worst(states: Sequence[State]) -> State:
    """The worst of these; ``ok`` of none."""
    return max(states, key=STATES.index, default="ok")
