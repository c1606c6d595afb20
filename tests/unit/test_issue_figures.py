"""What sources make of figures that need no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from appliance.core.clock_skew import ClockSkew
from appliance.lifecycle.stack import certificates
from appliance.staff.issues.sources.certificate import certificate_source
from appliance.staff.issues.sources.clock import clock_source
from appliance.staff.issues.sources.disk import FillingRate
from appliance.staff.issues.sources.process import memory

NOW = datetime(2026, 11, 27, 21, 10, tzinfo=UTC)
GB = 10**9


def said(behind: float) -> str:
    """The ``Date`` of a server whose clock is so many seconds behind ours."""
    return format_datetime(NOW - timedelta(seconds=behind), usegmt=True)


async def test_a_clock_is_wrong_when_every_answer_says_so() -> None:
    skew = ClockSkew(now=lambda: NOW)
    source = clock_source(skew)
    assert await source.look() == []
    skew.heard(said(3600))
    (finding,) = await source.look()
    assert finding.parameters == {"off_seconds": 3600, "direction": "ahead"}
    skew.heard(said(1))
    assert await source.look() == []


@pytest.mark.parametrize("date", [None, "", "yesterday", "Fri, 32 Nov 2026 00:00:00 GMT"])
def test_an_answer_without_a_date_says_nothing_of_the_clock(date: str | None) -> None:
    skew = ClockSkew(now=lambda: NOW)
    skew.heard(date)
    assert skew.seconds() is None


def test_old_answers_say_nothing_of_the_clock() -> None:
    times = [0.0]
    skew = ClockSkew(clock=lambda: times[0], now=lambda: NOW)
    skew.heard(said(3600))
    times[0] = 3601.0
    assert skew.seconds() is None


def test_the_hours_until_the_disk_is_full_follow_from_what_went() -> None:
    times = [0.0]
    rate = FillingRate(lambda: times[0])
    rate.saw(10 * GB)
    assert rate.hours_until(GB) is None  # one look says nothing of a rate
    times[0] = 1800.0
    rate.saw(9 * GB)
    assert rate.hours_until(GB) == pytest.approx(4.0)
    times[0] = 2000.0
    rate.saw(11 * GB)
    assert rate.hours_until(GB) is None  # there is more than there was


def test_memory_is_the_containers_where_it_has_a_limit_and_else_the_machines(tmp_path: Path) -> None:
    machine = tmp_path / "meminfo"
    machine.write_text("MemTotal:  2000000 kB\nMemFree: 1 kB\nMemAvailable:  100000 kB\n")
    assert memory(tmp_path, machine) == (102_400_000, 2_048_000_000)
    for name, value in {"max": "1000", "current": "990", "stat": "anon 1\ninactive_file 90\n"}.items():
        (tmp_path / f"memory.{name}").write_text(value)
    assert memory(tmp_path, machine) == (100, 1000)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory(tmp_path, machine) == (102_400_000, 2_048_000_000)


async def test_a_certificate_is_told_of_before_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = tmp_path / "tls"
    source = certificate_source(front / certificates.CERTIFICATE)
    assert await source.look() == []
    certificates.make(tmp_path, front, ["booth.lan"])
    assert await source.look() == []
    monkeypatch.setattr(certificates, "_DAYS", 10)
    (front / certificates.CERTIFICATE).unlink()
    certificates.make(tmp_path, front, ["booth.lan"])
    (finding,) = await source.look()
    assert (finding.code, finding.severity) == ("certificate.ending", "should_know")
