"""Amounts of money as staff read them: no more decimals than help, and never nothing for something."""

from __future__ import annotations

from decimal import Decimal

import pytest

from appliance.core.language import languages


@pytest.mark.parametrize(
    ("amount", "most", "en", "ru"),
    [
        ("0.033612", 4, "$0.0336", "0,0336 $"),
        ("0.0300", 4, "$0.03", "0,03 $"),
        ("1.267812", 2, "$1.27", "1,27 $"),
        ("12", 2, "$12.00", "12,00 $"),
        ("0.0049", 2, "$0.0049", "0,0049 $"),
        ("0.000031", 2, "$0.000031", "0,000031 $"),
        ("0", 2, "$0.00", "0,00 $"),
    ],
)
def test_an_amount_is_rounded_but_never_to_nothing(amount: str, most: int, en: str, ru: str) -> None:
    said = {code: languages("staff")[code].money(Decimal(amount), "USD", most) for code in ("en", "ru")}
    assert said == {"en": en, "ru": ru.replace(" ", "\xa0")}
