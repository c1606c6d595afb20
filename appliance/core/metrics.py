"""What this process counts of itself, for ``/metrics``: requests, and how late the event loop is."""

from __future__ import annotations

import asyncio
import re
import time

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "photochanger_requests",
    "Answers, by who asked for what. Guests' downloads are counted when they begin.",
    ["room", "status"],
    registry=REGISTRY,
)
LOOP_LAG = Histogram(
    "photochanger_loop_lag_seconds",
    "How late the event loop was, looked at four times a second.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
    registry=REGISTRY,
)
_LOOK_EVERY = 0.25
_ROOMS = tuple(
    (name, re.compile(pattern))
    for name, pattern in {
        "ingest": r"/(?:api/)?ingest/",
        "health": r"/(?:healthz|readyz|metrics)$",
        "login": r"/(?:api/login|admin/login)$",
        "staff_api": r"/api/",
        "staff_pages": r"/admin(?:/|$)",
        "guest_live": r"/(?:g|wall)/[^/]+/live$",
        "guest_preview": r".*/(?:preview|before|qr\.svg|qr\.png)$",
        "guest_download": r"/public/results/|/(?:g|wall|e)/.*/(?:download|zip)",
        "guest_codes": r"/s(?:/|$)",
        "guest_pages": r"/(?:r|e|g|wall)(?:/|$)",
    }.items()
)


def answers_counted(path: str, status: int) -> Counter:
    """What counts the answers of this kind. ``status`` 0: the client was gone before there was any."""
    room = next((name for name, pattern in _ROOMS if pattern.match(path)), "other")
    return REQUESTS.labels(room, str(status) if status else "none")


async def watch_loop() -> None:
    """Observe how late the loop wakes us, until cancelled."""
    while True:
        due = time.monotonic() + _LOOK_EVERY
        await asyncio.sleep(_LOOK_EVERY)
        LOOP_LAG.observe(max(0.0, time.monotonic() - due))
