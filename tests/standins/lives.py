"""How long the services' models live, as published on 2026-11-26; independent of our own catalogue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date


@dataclass(frozen=True, slots=True)
class Life:
    """``stage`` is Google's word; ``ends``: the date that the service announces; ``ended``: it
    answers 404, as it does to accounts newer than the day on which it was ``closed_to_new`` ones.
    """

    stage: str = "STABLE"
    ends: date | None = None
    closed_to_new: bool = False
    ended: bool = False


_SPRING = Life("RETIRED", date(2026, 6, 25), ended=True)
_YEARS_END = Life("DEPRECATED", date(2026, 12, 1))
_DALL_E = Life("RETIRED", date(2026, 5, 12), ended=True)

GEMINI = {
    "gemini-nano-banana-2.1": Life(),
    "gemini-3-pro-image": Life(),
    "gemini-3.1-flash-lite-image": Life(),
    "gemini-3.1-flash-image": Life("DEPRECATED"),  # its end is published contradictorily
    "gemini-2.5-flash-image": Life("DEPRECATED", date(2027, 3, 15), closed_to_new=True),
    "gemini-3.1-flash-image-preview": _SPRING,
    "gemini-3-pro-image-preview": _SPRING,
}
OPENAI = {
    "gpt-image-2.6-flare": Life(),
    "gpt-image-2.6-sunburst": Life(),
    "gpt-image-2.5-flare": Life(),
    "gpt-image-2.5-sunburst": Life(),
    "gpt-image-2.5-flare-2026-09-08": Life(),
    "gpt-image-2.5-sunburst-2026-09-08": Life(),
    "gpt-image-2": Life(),
    "gpt-image-2-2026-04-21": Life(),
    "gpt-image-1.5": _YEARS_END,
    "gpt-image-1-mini": _YEARS_END,
    "chatgpt-image-latest": _YEARS_END,
    "gpt-image-1": Life("RETIRED", date(2026, 10, 23), ended=True),
    "dall-e-2": _DALL_E,
    "dall-e-3": _DALL_E,
}


class Lives:
    """The models of one running stand-in: they may end, or their end be announced, in mid-event."""

    def __init__(self, known: dict[str, Life], *, new_account: bool = False) -> None:
        self._known = dict(known)
        self._new_account = new_account

    def of(self, model: str) -> Life:
        """The life of ``model``; one that is not known here lives."""
        return self._known.get(model, Life())

    def over(self, model: str) -> bool:
        """Whether this account is told that there is no such model."""
        life = self.of(model)
        return life.ended or (life.closed_to_new and self._new_account)

    def retire(self, model: str) -> None:
        """End a model now, for good."""
        self._known[model] = replace(self.of(model), stage="RETIRED", ended=True)

    def announce(self, model: str, ends: date | None) -> None:
        """Name the date at which a model will end."""
        stage = "STABLE" if ends is None else "DEPRECATED"
        self._known[model] = replace(self.of(model), stage=stage, ends=ends, ended=False)
