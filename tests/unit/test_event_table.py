"""What guests typed, in the event's table: no spreadsheet of any country runs it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.staff.event.archive import _harmless


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Maria", "Maria"),
        ("maria@example.org", "maria@example.org"),
        ("=1+1", "'=1+1"),
        ("  =1+1", "'  =1+1"),
        ("Anna;=cmd()", "Anna;'=cmd()"),
        ('Anna";=cmd()', "Anna\";'=cmd()"),
        ("Anna\t=cmd()", "Anna =cmd()"),
        ("Anna\r\n=cmd()", "Anna =cmd()"),
        ("Anna,+7 900", "Anna,'+7 900"),
        ("＝1", "'＝1"),
    ],
)
def test_a_formula_becomes_text(typed: str, kept: str) -> None:
    assert _harmless(typed) == kept


@given(st.text("=+-@;,\t\r\n|\"' a", max_size=30))
def test_no_cell_begins_with_a_formula_wherever_a_country_cuts_it(typed: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerow(["first", _harmless(typed), "last"])
    for separator in (",", ";", "\t", "|"):
        for row in csv.reader(out.getvalue().splitlines(), delimiter=separator):
            assert not [cell for cell in row if cell.strip().startswith(("=", "+", "-", "@"))]
