"""What ``docs/ops/monitoring`` ships works with a real Prometheus and names figures that there are."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.bare.ports import free_port
from tests.support.camera import Camera, Shot
from tests.support.stack import CHECKOUT, Stack
from tests.support.waiting import until

FOLDER = CHECKOUT / "docs/ops/monitoring"
NAME = re.compile(r"\b(?:photochanger|process)_\w+")
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("promtool") and shutil.which("prometheus")),
    reason="Debian's prometheus is not installed",
)


@pytest.fixture
async def prometheus(stack: Stack, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Debian's Prometheus with the shipped job and rules; it scrapes every second."""
    job = (FOLDER / "prometheus.yml").read_text()
    job = job.replace("/etc/prometheus/photochanger-token", str(stack.data / "secrets" / "metrics-token"))
    job = job.replace("photobox.local:80", f"127.0.0.1:{stack.port}").replace("15s", "1s")
    (tmp_path / "prometheus.yml").write_text(job)
    shutil.copy(FOLDER / "photochanger-alerts.yml", tmp_path)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        "prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        await process.wait()


@needs_prometheus
async def test_a_real_prometheus_scrapes_the_appliance_by_the_shipped_job(
    prometheus: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    await camera.post("/api/ingest/slot-008", shot)

    async def answer(query: str) -> list[Any]:
        try:
            found = await prometheus.get("/api/v1/query", params={"query": query})
        except httpx.TransportError:
            return []
        return found.json()["data"]["result"] if found.status_code == 200 else []

    async def there() -> bool:
        found = await answer('photochanger_photos_total{slot="slot-008",outcome="done"}')
        return bool(found) and float(found[0]["value"][1]) >= 1

    await until(there, seconds=30)
    assert [one["value"][1] for one in await answer("photochanger_database_up")] == ["1"]
    rules = (await prometheus.get("/api/v1/rules")).json()["data"]["groups"][0]["rules"]
    assert len(rules) >= 8


@needs_prometheus
def test_promtool_accepts_the_shipped_rules(tmp_path: Path) -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", str(FOLDER / "photochanger-alerts.yml")],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_each_alert_fires_at_what_it_tells_of_and_at_nothing_less(tmp_path: Path) -> None:
    shipped = (FOLDER / "photochanger-alerts.yml").read_text()
    expected = Path(__file__).with_name("alert_rules.test.yml").read_text()
    for alert in re.findall(r"alert: (\w+)", shipped):
        assert expected.count(f"alertname: {alert},") == 2, f"{alert} is not tested"
    (tmp_path / "rules.yml").write_text(re.sub(r"(?m)^ +(annotations|summary|press):.*\n", "", shipped))
    (tmp_path / "test.yml").write_text(expected)
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def test_rules_and_dashboard_name_no_figure_that_there_is_not(
    scraper: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    await camera.post("/api/ingest/slot-008", shot)
    offered = (await scraper.get("/metrics")).text
    declared = set(re.findall(r"^# TYPE (\S+) ", offered, re.MULTILINE))
    named = set(NAME.findall((FOLDER / "photochanger-alerts.yml").read_text()))
    for panel in json.loads((FOLDER / "grafana-dashboard.json").read_text())["panels"]:
        named |= {name for target in panel["targets"] for name in NAME.findall(target["expr"])}
    parts = re.compile(r"_(?:bucket|sum|count)$")
    assert {name for name in named if name not in declared and parts.sub("", name) not in declared} == set()


async def test_the_manual_names_every_figure(scraper: httpx.AsyncClient) -> None:
    offered = (await scraper.get("/metrics")).text
    declared = set(re.findall(r"^# TYPE (photochanger_\w+) ", offered, re.MULTILINE))
    manual = (CHECKOUT / "docs/ops/monitoring.md").read_text()
    said = set(re.findall(r"photochanger_\w+", manual)) | {
        f"photochanger_permits{end}" for end in re.findall(r"`(_\w+)`", manual)
    }
    assert declared - said == set()
