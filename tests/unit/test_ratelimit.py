"""Limits as data, and whom the throttle takes for one client."""

from __future__ import annotations

import pytest

from appliance.accounts.login import normalized_username
from appliance.core.clients import network_of
from appliance.core.ratelimit import Limit


@pytest.mark.parametrize(
    ("words", "count", "seconds"),
    [
        ("10 per 5 minutes", 10, 300),
        ("1 per minute", 1, 60),
        ("3 per hour", 3, 3600),
        ("20 per 1 second", 20, 1),
        ("100 per 2 days", 100, 172_800),
    ],
)
def test_a_limit_is_read_from_words(words: str, count: int, seconds: float) -> None:
    limit = Limit.parse(words)
    assert (limit.count, limit.seconds) == (count, seconds)
    assert limit.per_second == pytest.approx(count / seconds)


@pytest.mark.parametrize(
    "words", ["", "10", "10 per", "0 per minute", "10 per 0 minutes", "x per minute", "10/m"]
)
def test_what_is_no_limit_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="10 per 5 minutes"):
        Limit.parse(words)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.168.1.20", "192.168.1.20"),
        ("::ffff:192.168.1.20", "192.168.1.20"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("local", "local"),
        ("x" * 200, "x" * 64),
    ],
)
def test_one_client_is_one_ipv4_address_or_one_ipv6_network(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("typed", "name"), [("serg", "serg"), (" Serg ", "serg"), ("a\0b", "?"), ("", "?"), ("Сергей", "?")]
)
def test_a_name_that_no_account_can_have_is_nobodys(typed: str, name: str) -> None:
    assert normalized_username(typed) == name
