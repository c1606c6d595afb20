"""The sums over all photos, as Prometheus wants to have them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from appliance.jobs.models import INTERRUPTED_REASON, TIMEOUT_REASON
from appliance.jobs.tally import EDGES, LAST_SUCCESS, LabelledCount

_COUNTERS = {
    "photos": (
        "photochanger_photos",
        "Guests' photos that ended, by slot, outcome and reason.",
        ("slot", "outcome", "reason"),
    ),
    "requests": (
        "photochanger_provider_requests",
        "Attempts at providers, by how they ended.",
        ("provider", "model", "outcome"),
    ),
    "fallbacks": (
        "photochanger_fallbacks",
        "Photos that another route than the slot's primary one delivered.",
        ("slot",),
    ),
    "cost": (
        "photochanger_cost",
        "What attempts cost as far as it is known, in the currency of the provider.",
        ("provider", "currency"),
    ),
}


def of_photos(sums: Sequence[LabelledCount], slots: Iterable[str]) -> Iterator[Metric]:
    """Counters, histograms and summaries; there is one of each, with or without samples."""
    by_name: dict[str, list[LabelledCount]] = defaultdict(list)
    found = {(one.name, frozenset(one.labels.items())): one for one in (*_from_zero(slots), *sums)}
    for one in found.values():
        by_name[one.name].append(one)
    for name, (metric, said, labels) in _COUNTERS.items():
        counter = CounterMetricFamily(metric, said, labels=labels)
        for one in by_name[name]:
            counter.add_metric([one.labels[label] for label in labels], one.value)
        yield counter
    yield _histogram(
        "photochanger_photo_seconds",
        "From a photo's first byte to the end of its job.",
        by_name["photo_bucket"],
        by_name["photo_seconds"],
    )
    yield _histogram(
        "photochanger_headroom_seconds",
        "What was left of the deadline when a picture was delivered.",
        by_name["headroom_bucket"],
        by_name["headroom_seconds"],
    )
    yield _steps(by_name["step_count"], by_name["step_seconds"])
    moments = GaugeMetricFamily(
        "photochanger_last_success_timestamp_seconds",
        "When cleanup and backup last ended well.",
        labels=["task"],
    )
    for one in by_name[LAST_SUCCESS]:
        moments.add_metric([one.labels["task"]], one.value)
    yield moments


def _from_zero(slots: Iterable[str]) -> Iterator[LabelledCount]:
    """What is there before it first happens: Prometheus does not see a counter grow that begins at 1."""
    ends = (("done", ""), ("failed", INTERRUPTED_REASON), ("timeout", TIMEOUT_REASON))
    for slot in slots:
        for outcome, reason in ends:
            yield LabelledCount("photos", {"slot": slot, "outcome": outcome, "reason": reason}, 0.0)
        yield LabelledCount("fallbacks", {"slot": slot}, 0.0)


def _histogram(
    name: str, said: str, counts: Iterable[LabelledCount], totals: Iterable[LabelledCount]
) -> Metric:
    found: dict[str, list[float]] = defaultdict(lambda: [0.0] * (len(EDGES) + 1))
    for one in counts:
        found[one.labels["slot"]][len(EDGES) - int(one.labels["bucket"])] += one.value
    total = {one.labels["slot"]: one.value for one in totals}
    family = HistogramMetricFamily(name, said, labels=["slot"])
    for slot, counted in sorted(found.items()):
        reached, buckets = 0.0, []
        for edge, count in zip((*map(float, EDGES), "+Inf"), counted, strict=True):
            reached += count
            buckets.append((str(edge), reached))
        family.add_metric([slot], buckets, total.get(slot, 0.0))
    return family


def _steps(counts: Iterable[LabelledCount], totals: Iterable[LabelledCount]) -> Metric:
    seconds = {one.labels["step"]: one.value for one in totals}
    family = SummaryMetricFamily(
        "photochanger_step_seconds", "Where a photo's time went, by step.", labels=["step"]
    )
    for one in counts:
        step = one.labels["step"]
        family.add_metric([step], int(one.value), seconds.get(step, 0.0))
    return family
