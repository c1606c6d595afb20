"""The arithmetic of PINs and codes: what a night of guessing from 200 addresses finds."""

from __future__ import annotations

from appliance.guests.codes import ALPHABET, LENGTH
from appliance.guests.guessing import CODES, PINS, Allowance
from appliance.staff.shared_galleries.schemas import PIN_DIGITS
from tests.support.stack import CHECKOUT

ADDRESSES = 200
NIGHT = 12 * 3600
PICTURES = 2_000
STARTS = 2  # of an address's allowance: its name changes at midnight


def guesses(allowance: Allowance) -> int:
    """All that are answered in a night, however they are spread."""

    def taken(count: int, per_second: float, starts: int) -> float:
        return starts * count + per_second * NIGHT

    most = taken(allowance.of_all.count, allowance.of_all.per_second, 1)
    alone = allowance.of_address_alone
    most += ADDRESSES * taken(alone.count, alone.per_second, STARTS)
    if allowance.where_known:  # the guesser sits behind the guests' own router
        most += taken(allowance.where_known.count, allowance.where_known.per_second, STARTS)
    return round(most)


def test_a_night_from_two_hundred_addresses_finds_a_pin_in_less_than_one_of_a_hundred() -> None:
    assert guesses(PINS) / 10**PIN_DIGITS < 0.01


def test_a_night_from_two_hundred_addresses_finds_any_picture_in_less_than_one_of_a_hundred() -> None:
    assert guesses(CODES) * PICTURES / len(ALPHABET) ** LENGTH < 0.01


def test_the_manual_reckons_with_the_same_numbers() -> None:
    text = (CHECKOUT / "docs/guest/links.md").read_text()
    assert f"{guesses(PINS):,} guesses" in text
    assert f"{guesses(CODES):,} guesses" in text


def test_waits_grow() -> None:
    for allowance in (PINS, CODES):
        waits = [1 / limit.per_second for limit in (*allowance.of_address, allowance.of_address_alone)]
        assert waits == sorted(waits)
        assert waits[0] < 15 < waits[1]
