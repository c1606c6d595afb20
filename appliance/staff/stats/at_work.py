"""What is being worked at right now, in every process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from appliance.core.siblings import Siblings
from appliance.staff.jobs.progress import JobProgress, PhotoInProgress
from appliance.staff.jobs.schemas import ProgressView

# Permits by names such as ``slot:slot-005``.
InUse = Callable[[], Mapping[str, int]]

_QUESTION = "at_work"


@dataclass(frozen=True, slots=True)
class AtWork:
    """Permits taken by name; by slot what providers tell of pictures, and the photo longest on its way."""

    in_use: dict[str, int] = field(default_factory=dict)
    progress: dict[str, list[ProgressView]] = field(default_factory=dict)
    oldest: dict[str, PhotoInProgress] = field(default_factory=dict)


_FORM = TypeAdapter(AtWork)


class WorkOfAll:
    """Knows this process, and asks the others."""

    def __init__(self, in_use: InUse, progress: JobProgress, siblings: Siblings) -> None:
        self._in_use, self._progress, self._siblings = in_use, progress, siblings
        siblings.on(_QUESTION, self._told)

    async def now(self) -> AtWork:
        """Of all processes together."""
        others = await self._siblings.ask(_QUESTION)
        return _together([self._own(), *map(_FORM.validate_python, others)])

    def _own(self) -> AtWork:
        return AtWork(dict(self._in_use()), self._progress.by_slot(), self._progress.oldest_by_slot())

    async def _told(self, _: dict[str, Any]) -> Any:
        return _FORM.dump_python(self._own(), mode="json")


def _together(found: Sequence[AtWork]) -> AtWork:
    whole = AtWork()
    for one in found:
        for name, number in one.in_use.items():
            whole.in_use[name] = whole.in_use.get(name, 0) + number
        for slot, told in one.progress.items():
            whole.progress.setdefault(slot, []).extend(told)
        for slot, photo in one.oldest.items():
            known = whole.oldest.get(slot)
            if known is None or photo.elapsed > known.elapsed:
                whole.oldest[slot] = photo
    return whole
