"""``/metrics`` as Prometheus reads it."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scraped(scraper: httpx.AsyncClient) -> Samples:
    """Every sample by name and labels, those of several processes together."""
    answer = await scraper.get("/metrics")
    assert answer.status_code == 200, answer.text
    found: Samples = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = sorted((name, said) for name, said in sample.labels.items() if name != "process")
            one = sample.name, tuple(labels)
            found[one] = round(found.get(one, 0.0) + sample.value, 6)
    return found
