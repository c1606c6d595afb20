"""The figures of several processes in one exposition: each sample says whose it is.

They are not added up: a sum would fall when one process starts anew, and Prometheus would take that for a new
start of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

PROCESS = "process"  # the label


def read(exposition: str) -> list[Metric]:
    """The families of a text; raises ``ValueError`` for what is none."""
    return list(text_string_to_metric_families(exposition))


def labelled(by_process: Mapping[int, Iterable[Metric]]) -> list[Metric]:
    """All families once, each sample with the number of its process."""
    found: dict[str, Metric] = {}
    for process, families in by_process.items():
        for family in families:
            whole = found.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for name, labels, value, *_ in family.samples:
                whole.add_sample(name, {PROCESS: str(process), **labels}, value)
    return list(found.values())
