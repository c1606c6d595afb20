"""``/metrics``: what the database says of all photos, and what this process says of itself."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

from appliance import __version__
from appliance.core.db import Database
from appliance.core.error_handlers import from_database
from appliance.core.metrics import REGISTRY, watch_loop
from appliance.core.siblings import Siblings
from appliance.ingest.gate import Gate
from appliance.jobs.tally import LabelledCount, all_sums
from appliance.media.store import MediaStore
from appliance.providers.runner import RouteRunner
from appliance.staff.issues.repository import IssueRepository
from appliance.staff.metrics.families import of_photos
from appliance.staff.metrics.of_all import labelled, read
from appliance.staff.metrics.queries import MediaFigures, media_figures

log = structlog.get_logger()

_QUESTION = "figures"


class Metrics:
    """Writes the exposition. ``databases``: the pools by what they are for; the first answers."""

    def __init__(
        self,
        databases: dict[str, Database],
        media: MediaStore,
        runner: RouteRunner,
        gate: Gate,
        *,
        token: str,
        networks: Collection[IPv4Network | IPv6Network],
        process: int | None,
        siblings: Siblings,
    ) -> None:
        self._databases = databases
        self._media = media
        self._runner = runner
        self._gate = gate
        self._token = token
        self._networks = networks
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        self._number, self._siblings = process, siblings
        siblings.on(_QUESTION, self._told)

    def may_read(self, address: str, said: str) -> bool:
        """Whether a scraper at ``address`` that sends the token ``said`` may have the figures."""
        try:
            near = any(ip_address(address) in network for network in self._networks)
        except ValueError:  # no address: it came by the socket, past the front door
            near = False
        return near or secrets.compare_digest(said.encode(), self._token.encode())

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch the event loop during the block."""
        task = asyncio.create_task(watch_loop())
        try:
            yield
        finally:
            task.cancel()

    async def exposition(self) -> bytes:
        """The text. Without a database it has what the process knows, and says ``database_up 0``."""
        sums: list[LabelledCount] = []
        media: MediaFigures | None = None
        issues: dict[str, int] = {}
        try:
            async with next(iter(self._databases.values())).session() as session:
                sums = await all_sums(session)
                media = await media_figures(session)
                issues = await IssueRepository(session).counted()
        except Exception as error:
            if from_database(error) is None:
                raise
            log.info("metrics.no_database", error=type(error).__name__)
        found = [*self._of_now(media), *_of_issues(issues), *(of_photos(sums, media.slots) if media else ())]
        others = await self._siblings.ask(_QUESTION)
        return await asyncio.to_thread(self._written, found, others)

    def _written(self, found: list[Metric], others: list[Any]) -> bytes:
        own = [*self._permits(), *self._providers(), *self._pools()]
        if self._number is None:
            texts = [_text([*found, *own, *self._disk()]), generate_latest(REGISTRY)]
            return b"".join([*texts, generate_latest(self._process)])
        told = {one["process"]: read(one["figures"]) for one in others}
        told[self._number] = self._of_this_process(own)
        of_all = labelled(dict(sorted(told.items())))
        return _text([*found, *self._disk()]) + _text(of_all)

    def _of_this_process(self, own: list[Metric]) -> list[Metric]:
        return [*own, *REGISTRY.collect(), *self._process.collect()]

    async def _told(self, _: dict[str, Any]) -> Any:
        """For the process that is asked: its figures come with its own."""
        own = [*self._permits(), *self._providers(), *self._pools()]
        figures = await asyncio.to_thread(lambda: _text(self._of_this_process(own)))
        return {"process": self._number, "figures": figures.decode()}

    def _of_now(self, media: MediaFigures | None) -> Iterator[Metric]:
        yield InfoMetricFamily("photochanger_build", "The version that runs.", {"version": __version__})
        up = GaugeMetricFamily("photochanger_database_up", "Whether the database answered this scrape.")
        up.add_metric([], float(media is not None))
        yield up
        if media is not None:
            results = GaugeMetricFamily(
                "photochanger_results", "Results by what is the case now.", labels=["state"]
            )
            for state, count in media.results.items():
                results.add_metric([state], count)
            yield results
            size = GaugeMetricFamily("photochanger_results_bytes", "Bytes of the results that are there.")
            size.add_metric([], media.result_bytes)
            yield size
            slots = GaugeMetricFamily("photochanger_slots", "Slots by state.", labels=["state"])
            active = sum(media.slots.values())
            slots.add_metric(["active"], active)
            slots.add_metric(["paused"], len(media.slots) - active)
            yield slots
            expected = GaugeMetricFamily(
                "photochanger_expected_since_timestamp_seconds",
                "Since when a task has been expected to end well.",
                labels=["task"],
            )
            for task, at in media.expected_since.items():
                expected.add_metric([task], at)
            yield expected

    def _permits(self) -> Iterator[Metric]:
        taken = GaugeMetricFamily(
            "photochanger_permits_in_use", "Photos that are worked on.", labels=["kind", "name"]
        )
        limit = GaugeMetricFamily(
            "photochanger_permits_limit", "How many may be at once.", labels=["kind", "name"]
        )
        waiting = GaugeMetricFamily(
            "photochanger_permits_waiting", "Photos that wait for a permit.", labels=["kind", "name"]
        )
        for full_name, state in sorted(self._gate.state().items()):
            kind, _, name = full_name.partition(":")
            for family, value in zip((taken, limit, waiting), state, strict=True):
                family.add_metric([kind, name], value)
        yield from (taken, limit, waiting)

    def _providers(self) -> Iterator[Metric]:
        keys = GaugeMetricFamily(
            "photochanger_provider_keys",
            "Keys by provider: in use, or resting.",
            labels=["provider", "state"],
        )
        for name in self._runner.registry.names:
            if not self._runner.registry.driver(name).needs_key:
                continue
            states = self._runner.keys.states(name)
            resting = sum(1 for one in states if one.rests_for)
            if states:
                keys.add_metric([name, "usable"], len(states) - resting)
                keys.add_metric([name, "resting"], resting)
        circuits = GaugeMetricFamily(
            "photochanger_circuit_open",
            "1 for each route that is left alone after failures.",
            labels=["route"],
        )
        for route in sorted(self._runner.circuits.not_closed()):
            circuits.add_metric([route], 1)
        yield from (keys, circuits)

    def _pools(self) -> Iterator[Metric]:
        pool = GaugeMetricFamily(
            "photochanger_database_connections_in_use", "Connections that are taken.", labels=["pool"]
        )
        for name, database in self._databases.items():
            pool.add_metric([name], database.connections_in_use())
        yield pool

    def _disk(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("photochanger_disk_bytes", "The disk of the pictures.", labels=["state"])
        with contextlib.suppress(OSError):
            usage = shutil.disk_usage(self._media.root)
            family.add_metric(["total"], usage.total)
            family.add_metric(["free"], usage.free)
        yield family


def _of_issues(counted: dict[str, int]) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "photochanger_issues", "Open issues that nobody has ignored.", labels=["severity"]
    )
    for severity, count in counted.items():
        family.add_metric([severity], count)
    yield family


def _text(found: list[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_ReadyCollector(found))
    return generate_latest(registry)


class _ReadyCollector:
    """Families that are there already, as a collector."""

    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> list[Metric]:
        return self._found
