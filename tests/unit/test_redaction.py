"""What a support bundle's text loses before it leaves the machine."""

from __future__ import annotations

import pytest

from appliance.ingest.booth_keys.service import make_booth_key
from appliance.lifecycle.doctor.redaction import redact

JOB = "0e77bdeb-8833-47aa-986d-81162f8bdede"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (f'"path":"/r/{JOB}","status":200', '"path":"/r/[removed]","status":200'),
        (f'"path":"/r/{JOB}/state"', '"path":"/r/[removed]/state"'),
        (f"/public/results/{JOB}/preview?w=960", "/public/results/[removed]/preview?w=960"),
        ('"path":"/s/7K3F9Q"', '"path":"/s/[removed]"'),
        ('"GET /s?code=7k3-f9q HTTP/1.1"', '"GET /s?code=[removed] HTTP/1.1"'),
        ('{"path": "/e/AAec_x-9Qw"}', '{"path": "/e/[removed]"}'),
        ('"/g/Zx81-_kq/p/AbCd/original"', '"/g/[removed]/p/AbCd/original"'),
        ("http://photobox.local/wall/Zx81-_kq/live", "http://photobox.local/wall/[removed]/live"),
    ],
)
def test_a_link_that_opens_a_picture_is_cut_out_of_a_line(said: str, left: str) -> None:
    assert redact(said, []) == left


def test_a_jobs_lines_can_still_be_matched_by_the_first_digits_of_its_id() -> None:
    said = f'"event": "ingest.done", "job": "{JOB}"\ncleanup.not_removed job={JOB.upper()} path={JOB}.jpg'
    left = '"event": "ingest.done", "job": "0e77bdeb"\ncleanup.not_removed job=0E77BDEB path=0e77bdeb.jpg'
    assert redact(said, []) == left


def test_a_booths_key_is_cut_out_wherever_it_stands() -> None:
    said = f"POST /ingest/slot-001?reply=image&key={make_booth_key()}&table=7 HTTP/1.1"
    assert redact(said, []) == "POST /ingest/slot-001?reply=image&key=[removed]&table=7 HTTP/1.1"


def test_a_link_whose_token_is_a_known_secret_is_cut_out_once() -> None:
    assert redact("/e/hunter22", ["hunter22"]) == "/e/[removed]"


@pytest.mark.parametrize(
    "line",
    [
        '"path":"/api/slots/slot-001","status":200',
        '"path":"/public/event/logo"',
        '"request_id":"8c1f0b2a4d5e6f708192a3b4c5d6e7f8"',
        '"path":"/"',
    ],
)
def test_a_line_that_opens_nothing_stays_as_it_is(line: str) -> None:
    assert redact(line, []) == line
