"""Guests' links go where phones are, and a reader gets a language that they can read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.core import language as languages_module
from appliance.core import public_base
from appliance.core.language import choose, languages, offered
from appliance.core.public_base import guest_base, request_base


def test_the_six_languages_of_guests_are_there() -> None:
    assert {"en", "ru", "de", "fr", "es", "kk"} <= set(languages("guests"))


def test_a_language_is_chosen_by_wish_then_by_the_browser_then_the_first() -> None:
    available = offered("guests", ["ru", "de", "xx"])
    assert choose(available, "de", "ru").code == "de"
    assert choose(available, "fr", "en;q=0.9, de-AT;q=0.8").code == "de"
    assert choose(available, None, "ja").code == "ru"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"),
        ("ja, de;q=0.5, ru;q=0.7", "ru"),
        ("ja, de; q=0.9 , ru; q=0.7", "de"),
        ("ru;q=0, es;q=0.1", "es"),
        ("", "en"),
        ("x;q=many", "en"),
    ],
)
def test_the_browsers_weights_count(header: str, code: str) -> None:
    assert choose(languages("guests"), None, header).code == code


@pytest.fixture
def with_arabic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The languages, and one more: a file is all that it takes."""
    folder = shutil.copytree(languages_module.FOLDER, tmp_path / "locale")
    english = (folder / "guests" / "en.po").read_text(encoding="utf-8")
    (folder / "guests" / "ar.po").write_text(
        english.replace("Language: en", "Language: ar"), encoding="utf-8"
    )
    monkeypatch.setattr(languages_module, "FOLDER", folder)
    languages.cache_clear()
    yield
    languages.cache_clear()


@pytest.mark.usefixtures("with_arabic")
def test_another_language_is_one_file_and_may_be_written_from_right_to_left() -> None:
    found = choose(offered("guests", []), None, "ar-EG, en;q=0.5")
    assert (found.code, found.dir, found.name) == ("ar", "rtl", "العربية")


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("192.168.1.20:8080", "http://192.168.1.20:8080"),
        ("photobox.local", "http://photobox.local"),
        ("127.0.0.1:8080", "http://10.1.2.3:8080"),
        ("localhost:8080", "http://10.1.2.3:8080"),
        ("app:8000", "http://10.1.2.3:8000"),
        ("[::1]:8080", "http://10.1.2.3:8080"),
        ("photo_box:18101", "http://10.1.2.3:18101"),
        ("169.254.7.7:18101", "http://10.1.2.3:18101"),
        ("photo_box.lan:18101", "http://photo_box.lan:18101"),
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
