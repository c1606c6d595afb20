"""The guests' languages say the same things, and links go where phones are."""

from __future__ import annotations

import re

import pytest

from appliance.core import public_base
from appliance.core.public_base import guest_base, request_base
from appliance.results.i18n import choose, languages, offered

ENGLISH = languages()["en"].texts


@pytest.mark.parametrize("code", sorted(languages()))
def test_every_language_has_the_same_keys_and_places(code: str) -> None:
    texts = languages()[code].texts
    assert set(texts) == set(ENGLISH)
    assert texts["dir"] in ("ltr", "rtl")
    for key, text in texts.items():
        assert text.strip(), key
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", ENGLISH[key])), key


def test_the_six_languages_are_there() -> None:
    assert {"en", "ru", "de", "fr", "es", "kk"} <= set(languages())


def test_a_language_is_chosen_by_wish_then_by_the_browser_then_the_first() -> None:
    available = offered(["ru", "de", "xx"])
    assert choose(available, "de", "ru").lang == "de"
    assert choose(available, "fr", "en;q=0.9, de-AT;q=0.8").lang == "de"
    assert choose(available, None, "ja").lang == "ru"


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("192.168.1.20:8080", "http://192.168.1.20:8080"),
        ("photobox.local", "http://photobox.local"),
        ("127.0.0.1:8080", "http://10.1.2.3:8080"),
        ("localhost:8080", "http://10.1.2.3:8080"),
        ("app:8000", "http://10.1.2.3:8000"),
        ("[::1]:8080", "http://10.1.2.3:8080"),
        ("bad host", "http://10.1.2.3"),
    ],
)
def test_guests_links_never_say_localhost(monkeypatch: pytest.MonkeyPatch, host: str, base: str) -> None:
    monkeypatch.setattr(public_base, "lan_address", lambda: "10.1.2.3")
    assert guest_base(None, "http", host) == base
    assert guest_base("https://photos.example.org", "http", host) == "https://photos.example.org"


def test_the_booths_own_link_keeps_its_host() -> None:
    assert request_base(None, "http", "127.0.0.1:8080") == "http://127.0.0.1:8080"
    assert request_base(None, "http", "bad host") == "http://localhost"
