"""``/metrics`` as Prometheus reads it."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scraped(scraper: httpx.AsyncClient) -> Samples:
    """Every sample by name and labels."""
    answer = await scraper.get("/metrics")
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): round(sample.value, 6)
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
