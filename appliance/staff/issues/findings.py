"""What sources say: findings, and what can be pressed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from appliance.core.language import Message

Severity = Literal["stops_photos", "will_stop", "should_know"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the worst first

Code = Literal[
    "slot.failing",
    "slot.fallback",
    "provider.resting",
    "model.ended",
    "model.ending",
    "key.missing",
    "key.refused",
    "key.spent",
    "key.resting",
    "key.unusable",
    "password.missing",
    "password.ingest_wrong",
    "password.login_wrong",
    "address.wrong",
    "disk.away",
    "disk.read_only",
    "disk.full",
    "disk.low",
    "backup.not_sent",
    "backup.held",
    "backup.unproven",
    "photos.late",
    "photos.slow",
    "booths.silent",
    "budget.reached",
    "disk.filling",
    "database.away",
    "jobs.stuck",
    "cleanup.silent",
    "backup.missing",
    "backup.old",
    "backup.unsealed",
    "certificate.ending",
    "clock.wrong",
    "memory.low",
    "app.restarts",
    "booth.silent",
    "booth.refused",
    "upgrade.rolled_back",
    "models.left_out",
    "marks.off",
]
CODES: tuple[Code, ...] = get_args(Code)

ActionKind = Literal[
    "open_keys",
    "open_slot",
    "test_slot",
    "open_job",
    "open_jobs",
    "open_models",
    "open_audit",
    "open_password",
    "open_booths",
    "open_address",
    "open_marks",
    "open_backups",
    "open_alerts",
    "open_screens",
    "use_successor",
    "free_space",
]

PATIENCE = 60.0  # seconds that something lasts before anybody is told: most things go by themselves
AT_ONCE = 0.0


@dataclass(frozen=True, slots=True)
class Action:
    """What to press: a page to open at ``href``, or a request to the API with ``body`` that does it."""

    kind: ActionKind
    href: str = ""
    method: str = ""
    path: str = ""
    body: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a source sees now.

    ``since``: when it began, where the source knows; ``patience``: how long it must last to be told;
    ``own_key``: where there can be several of one code at a time.
    """

    code: Code
    severity: Severity
    parameters: Mapping[str, Any] = field(default_factory=dict)
    slots: tuple[str, ...] = ()
    action: Action | None = None
    since: datetime | None = None
    patience: float = PATIENCE
    own_key: str = ""

    @property
    def key(self) -> str:
        """The same while it is the same trouble."""
        return self.own_key or self.code

    def columns(self) -> dict[str, Any]:
        """What of it may change while the issue is open, as the table holds it."""
        return {
            "severity": self.severity,
            "parameters": dict(self.parameters),
            "slots": list(self.slots),
            "action": asdict(self.action) if self.action else None,
        }


def fields_said(fields: Mapping[str, str]) -> list[dict[str, Any]]:
    """What is wrong with fields, as parameters that can be said in every language later."""
    said = {name: text if isinstance(text, Message) else Message(text) for name, text in fields.items()}
    return [{"name": name, **text.as_json()} for name, text in sorted(said.items())]


@dataclass(frozen=True, slots=True)
class Source:
    """Looks every ``every`` seconds; its issues are those of ``codes``, which no other source has."""

    name: str
    codes: tuple[Code, ...]
    look: Callable[[], Awaitable[Sequence[Finding]]]
    every: float = 5.0
