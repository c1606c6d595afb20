"""The guests' languages say the same things, and links go where phones are."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.core import public_base
from appliance.core.public_base import guest_base, request_base
from appliance.guests import i18n
from appliance.guests.i18n import choose, languages, offered

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
    ("header", "lang"),
    [
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"),
        ("ja, de;q=0.5, ru;q=0.7", "ru"),
        ("ja, de; q=0.9 , ru; q=0.7", "de"),
        ("ru;q=0, es;q=0.1", "es"),
        ("", "en"),
        ("x;q=many", "en"),
    ],
)
def test_the_browsers_weights_count(header: str, lang: str) -> None:
    assert choose(languages(), None, header).lang == lang


@pytest.fixture
def with_arabic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The languages, and one more: a file is all that it takes."""
    folder = shutil.copytree(i18n.FOLDER, tmp_path / "words")
    english = (folder / "en.toml").read_text(encoding="utf-8")
    arabic = english.replace('name = "English"\ndir = "ltr"', 'name = "العربية"\ndir = "rtl"')
    (folder / "ar.toml").write_text(arabic, encoding="utf-8")
    monkeypatch.setattr(i18n, "FOLDER", folder)
    languages.cache_clear()
    yield
    languages.cache_clear()


@pytest.mark.usefixtures("with_arabic")
def test_another_language_is_one_file_and_may_be_written_from_right_to_left() -> None:
    found = choose(offered([]), None, "ar-EG, en;q=0.5")
    assert (found.lang, found.dir, found("name")) == ("ar", "rtl", "العربية")


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
    assert guest_base(None, None, "http", host) == base
    assert guest_base("https://photos.example.org", None, "http", host) == "https://photos.example.org"


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("192.168.1.20:8080", "http://192.168.1.20:8080"),
        ("localhost:8080", "http://10.7.7.7:8081"),
        ("nginx", "http://10.7.7.7:8081"),
    ],
)
def test_where_a_request_does_not_tell_the_address_that_the_machine_was_told_counts(
    host: str, base: str
) -> None:
    assert guest_base(None, "http://10.7.7.7:8081", "http", host) == base


def test_the_booths_own_link_keeps_its_host() -> None:
    assert request_base(None, "http", "127.0.0.1:8080") == "http://127.0.0.1:8080"
    assert request_base(None, "http", "bad host") == "http://localhost"


@pytest.mark.parametrize("code", sorted(languages()))
def test_every_language_names_the_seven_days(code: str) -> None:
    assert len(languages()[code]("weekdays").split()) == 7
