"""A booth goes on posting while somebody attacks, and loses nothing."""

from __future__ import annotations

import httpx
import pytest

from tests.abuse.conftest import Under
from tests.support.attacks.wire import BROKEN
from tests.support.siege import Siege


def no_fault_of_ours(answers: dict[str, int]) -> bool:
    """Whether nothing was answered as a failure of the program's. A 503 tells whoever floods to come back."""
    return bool(answers) and not any(status.startswith("5") and status != "503" for status in answers)


def test_large_bodies_where_no_file_goes_cost_no_photo(under: Under) -> None:
    outcome = under("large_bodies")
    assert set(outcome.answers) <= {"401", "413", "429"}


@pytest.mark.parametrize("name", ["odd_requests", "smuggled_requests"])
def test_requests_that_keep_to_no_protocol_end_nobody_elses(name: str, under: Under) -> None:
    outcome = under(name)
    assert no_fault_of_ours(outcome.answers), outcome.answers
    assert "metrics were seen" not in outcome.answers


def test_guessed_passwords_keep_no_booth_waiting(under: Under) -> None:
    outcome = under("wrong_passwords")
    assert set(outcome.answers) <= {"401", "429"}
    # Ten an address and sixty over all at once, then one a second, also while the booth posts alone.
    assert outcome.answers["401"] <= 4 * 10 + 60 + 2 * outcome.seconds


def test_uploads_without_a_password_fill_neither_the_disk_nor_a_booths_place(
    under: Under, siege: Siege
) -> None:
    outcome = under("uploads_without_password", seconds=8)
    assert set(outcome.answers) <= {"429", "400", "closed"}
    assert 20_000_000 < outcome.most_in_temp < 200_000_000


def test_pictures_that_swell_keep_nobody_waiting(under: Under, siege: Siege) -> None:
    outcome = under("swelling_pictures", password=siege.password)
    # On a busy machine a very large picture comes last, and whoever sent it gives up.
    assert set(outcome.answers) <= {"415", "200", "429", BROKEN}


def test_ranges_and_compressed_bodies_are_no_work(under: Under, siege: Siege) -> None:
    picture = siege.picture()
    outcome = under("ranges_and_compression", picture=picture)
    assert no_fault_of_ours(outcome.answers), outcome.answers
    assert httpx.get(siege.stack.url + picture, trust_env=False).status_code == 200


def test_thousands_of_connections_that_send_a_byte_now_and_then_cost_no_photo(under: Under) -> None:
    outcome = under("slow_connections", seconds=12, connections=2050)
    assert outcome.answers["held at once"] > 1000


def test_readers_of_nothing_keep_nobody_waiting(under: Under, siege: Siege) -> None:
    outcome = under("slow_readers", paths=[siege.picture(), "/admin/login"])
    assert outcome.answers["held"] > 50


def test_heads_of_endless_answers_end_nobody_elses(under: Under, siege: Siege) -> None:
    with siege.gallery() as gallery:
        outcome = under("heads_of_streams", paths=[f"{path}/live" for path in gallery["paths"]])
    assert set(outcome.answers) <= {"200", "429"}
    assert outcome.answers["200"] > 50


def test_guessed_pins_and_codes_keep_neither_booth_nor_guest_waiting(under: Under, siege: Siege) -> None:
    with siege.gallery(pin="90174382") as gallery:
        path = gallery["paths"][0]
        outcome = under("guessed_pins_and_codes", gallery=path)
        assert (
            httpx.post(siege.stack.url + path, data={"pin": "90174382"}, trust_env=False).status_code == 303
        )
    assert set(outcome.answers) <= {"401", "404", "429"}
    assert outcome.answers["401"] <= 200 + 3 * 200


def test_floods_of_streams_in_one_connection_cost_no_photo(under: Under, siege: Siege) -> None:
    """As with encryption on, but for the encryption."""
    siege.speak_http2()
    outcome = under("http2_floods")
    assert no_fault_of_ours(outcome.answers), outcome.answers
    assert set(outcome.answers) & {"200", "429"}, "HTTP/2 was spoken"
