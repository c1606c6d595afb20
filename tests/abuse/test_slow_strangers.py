"""Whoever holds connections open takes no booth's place."""

from __future__ import annotations

import pytest

from tests.support.siege import Siege

pytestmark = [pytest.mark.abuse]


def test_thousands_of_connections_that_send_a_byte_now_and_then_cost_no_photo(siege: Siege) -> None:
    outcome = siege.under("slow_connections", seconds=14, connections=2050)
    assert outcome.beside.lost == []
    assert outcome.answers["held at once"] > 1000
    assert outcome.ratio < 3, outcome
