"""A job as the pages show it: its reason in the visitor's language, its times as bars."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.core.language import Language
from appliance.staff.jobs.schemas import AdviceText, AttemptView, JobSummary, JobView

WIDTH = 1000  # units of a chart; it is drawn as wide as there is room
STEPS = ("receive", "wait", "provider", "finish", "store")


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a chart."""

    name: str
    ms: int
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class AttemptBar:
    """One attempt, and where it lies between the photo's first byte and the deadline."""

    view: AttemptView
    bar: Bar


def advice_text(language: Language, job: JobSummary) -> AdviceText | None:
    """Why it failed and what to do; ``None`` for a job that did not fail."""
    if job.advice is None:
        return None
    return job.advice.in_language(language.code)


def attempts_chart(job: JobView) -> list[AttemptBar]:
    """Every attempt on one scale, which ends with the deadline."""
    whole = _whole(job)
    return [
        AttemptBar(one, _bar(one.outcome, one.started_ms, one.ms, whole))
        for one in sorted(job.attempts, key=lambda one: one.started_ms)
    ]


def timings_chart(job: JobView) -> list[Bar]:
    """The steps one after the other, on the same scale."""
    whole, left, bars = _whole(job), 0, []
    for name in STEPS:
        ms = int(job.timings.get(name, 0))
        if ms:
            bars.append(_bar(name, left, ms, whole))
            left += ms
    return bars


def _whole(job: JobView) -> float:
    ends = [one.started_ms + one.ms for one in job.attempts]
    return max(job.deadline_seconds * 1000, job.elapsed_ms, *ends, 1)


def _bar(name: str, start: int, ms: int, whole: float) -> Bar:
    left = min(max(0.0, start * WIDTH / whole), WIDTH - 4.0)
    return Bar(name, ms, round(left, 1), round(max(4.0, min(ms * WIDTH / whole, WIDTH - left)), 1))
