"""The environment is read once; everything wrong with it is said together."""

from __future__ import annotations

import os
from typing import Any

import pytest

from appliance import cli
from appliance.settings.environment import SettingsError, environment_names, load_settings
from appliance.settings.operator import ProviderConnection, readable_settings

GOOD = {
    "PHOTOCHANGER_DATABASE_URL": "postgresql://app@db:5432/photochanger",
    "PHOTOCHANGER_MEDIA_ROOT": "/media",
    "PHOTOCHANGER_SECRETS_DIR": "/nowhere",
    "PHOTOCHANGER_CONFIG_FILE": "/config/appliance.toml",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in environment_names():
        monkeypatch.delenv(name, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_an_app_on_a_port_believes_nobody_who_names_another_client(
    environment: pytest.MonkeyPatch,
) -> None:
    assert load_settings().trusted_proxies == ()


def test_a_good_environment_is_read(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PHOTOCHANGER_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2")
    environment.setenv("PHOTOCHANGER_PUBLIC_BASE_URL", "https://photos.example.org/")
    settings = load_settings()
    assert settings.trusted_proxies == ("10.0.0.1", "10.0.0.2")
    assert settings.public_base_url == "https://photos.example.org"
    assert settings.sqlalchemy_url().drivername == "postgresql+asyncpg"


def test_all_problems_are_reported_together_and_misspelt_names_among_them(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.delenv("PHOTOCHANGER_MEDIA_ROOT")
    environment.setenv("PHOTOCHANGER_DATABASE_URL", "sqlite:///x.db")
    environment.setenv("PHOTOCHANGER_MEDIAROOT", "/media")
    environment.setenv("PHOTOCHANGER_LISTEN", "8000")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "PHOTOCHANGER_MEDIAROOT",
        "PHOTOCHANGER_DATABASE_URL",
        "PHOTOCHANGER_MEDIA_ROOT",
        "PHOTOCHANGER_LISTEN",
    ]


@pytest.mark.parametrize("zone", ["Moscow", "Europe", "UTC+3", "/etc/localtime"])
def test_a_time_zone_that_would_silently_be_utc_is_named(environment: pytest.MonkeyPatch, zone: str) -> None:
    environment.setenv("TZ", zone)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.problems == [f"TZ: there is no time zone '{zone}'; its name is such as Europe/Moscow"]


@pytest.mark.parametrize(
    "zone", ["Europe/Moscow", "UTC", "", ":/etc/localtime", "CET-1CEST,M3.5.0,M10.5.0/3"]
)
def test_a_time_zone_that_the_system_knows_is_taken(environment: pytest.MonkeyPatch, zone: str) -> None:
    environment.setenv("TZ", zone)
    assert load_settings()


@pytest.mark.parametrize(
    ("listen", "options"),
    [
        ("127.0.0.1:8000", {"host": "127.0.0.1", "port": 8000}),
        ("[::1]:80", {"host": "::1", "port": 80}),
        ("unix:/run/app.sock", {"uds": "/run/app.sock"}),
    ],
)
def test_listen_takes_a_port_or_a_socket(
    environment: pytest.MonkeyPatch, listen: str, options: object
) -> None:
    environment.setenv("PHOTOCHANGER_LISTEN", listen)
    assert load_settings().listen_options() == options


def test_each_of_several_processes_knows_its_number_and_its_socket(environment: pytest.MonkeyPatch) -> None:
    assert (load_settings().process, load_settings().processes) == (1, 1)
    environment.setenv("PHOTOCHANGER_LISTEN", "unix:/run/app.sock")
    environment.setenv("APP_PROCESSES", "2")
    environment.setenv("APP_PROCESS", "2")
    assert load_settings().listen_options() == {"uds": "/run/app-2.sock"}


A_NODE = {
    "APP_NODE": "2",
    "PHOTOCHANGER_LISTEN": "unix:/run/app.sock",
    "PHOTOCHANGER_NODE_LISTEN": "0.0.0.0:8100",
}


def test_each_process_of_a_further_machine_has_a_port_and_a_number(environment: pytest.MonkeyPatch) -> None:
    assert not load_settings().several
    for name, value in {**A_NODE, "APP_PROCESSES": "2", "APP_PROCESS": "2"}.items():
        environment.setenv(name, value)
    found = load_settings()
    assert found.several
    assert (found.number, found.node_place()) == (102, ("0.0.0.0", 8101))


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ({"APP_PROCESSES": "many"}, "APP_PROCESSES: "),
        ({"APP_PROCESSES": "9"}, "APP_PROCESSES: "),
        ({"APP_PROCESSES": "2", "APP_PROCESS": "3", "PHOTOCHANGER_LISTEN": "unix:/a"}, "APP_PROCESS is 3"),
        ({"APP_PROCESSES": "2", "PHOTOCHANGER_LISTEN": "127.0.0.1:80"}, "needs PHOTOCHANGER_LISTEN"),
        ({"APP_NODES": "10.0.0.2"}, "need PHOTOCHANGER_LISTEN"),
        ({"APP_NODES": "10.0.0.2:x"}, "APP_NODES: 10.0.0.2:x is no address"),
        ({**A_NODE, "PHOTOCHANGER_NODE_LISTEN": ""}, "goes with an APP_NODE above 1"),
        ({**A_NODE, "APP_NODE": "1"}, "goes with an APP_NODE above 1"),
        ({**A_NODE, "APP_NODES": "10.0.0.3"}, "APP_NODES is for the first machine"),
    ],
)
def test_what_is_wrong_with_the_number_of_processes_is_said(
    environment: pytest.MonkeyPatch, names: dict[str, str], problem: str
) -> None:
    for name, value in names.items():
        environment.setenv(name, value)
    with pytest.raises(SettingsError, match=problem):
        load_settings()


def test_an_empty_name_of_a_newer_compose_file_stops_nothing(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PHOTOCHANGER_OF_A_LATER_VERSION", "")
    load_settings()


def test_in_the_image_a_name_of_a_newer_compose_file_is_told_and_left_out(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("PHOTOCHANGER_OF_A_LATER_VERSION", "1")
    with pytest.raises(SettingsError):
        load_settings()
    environment.setenv("APPLIANCE_VERSION", "0.1.0")
    load_settings()
    assert "PHOTOCHANGER_OF_A_LATER_VERSION" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("stored", "in_force"),
    [
        ({"ai_rules": "mars"}, {"ai_rules": "eu"}),
        ({"result_ttl_hours": 99999, "slot_permits": 3}, {"result_ttl_hours": 72, "slot_permits": 3}),
        ({"providers": {"gemini": {"base_url": "http://p:1", "later": 1}}}, {"base_url": "http://p:1"}),
        ({"guest_languages": ["en", "??", "ru", "!!"]}, {"guest_languages": ["en", "ru"]}),
        ({"guest_languages": [*["en"] * 9, "??", "!!", "ru"]}, {"guest_languages": [*["en"] * 9, "ru"]}),
        ({"provider_permits_by_name": {"gemini": 0, "fal": 4}}, {"provider_permits_by_name": {"fal": 4}}),
        ({"event_title": {"en": "Fair", "ru": "Ярмарка"}}, {"event_title": ""}),
        ({"later": True}, {"slot_permits": 2}),
    ],
)
def test_what_a_newer_version_stored_has_its_default_and_the_rest_stays_in_force(
    stored: dict[str, Any], in_force: dict[str, Any]
) -> None:
    settings = readable_settings(stored)
    shown = settings.model_dump() | settings.providers.get("gemini", ProviderConnection()).model_dump()
    assert {name: shown[name] for name in in_force} == in_force


@pytest.mark.parametrize(
    "other", ["http://user:password@192.168.1.20", "http://192.168.1.20:99999", "http://192.168.1.20/party"]
)
def test_other_addresses_of_the_machine_are_checked_like_the_first(
    environment: pytest.MonkeyPatch, other: str
) -> None:
    environment.setenv("PHOTOCHANGER_LAN_OTHER_URLS", f"http://10.0.0.1:8080, {other}")
    with pytest.raises(SettingsError, match="LAN_OTHER_URLS"):
        load_settings()


def test_other_addresses_of_the_machine_are_kept_in_ascii(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PHOTOCHANGER_LAN_OTHER_URLS", "http://фото.local:8080/")
    assert load_settings().lan_other_urls == ("http://xn--n1aalg.local:8080",)


def test_a_file_of_another_user_is_named_with_whose_it_must_be(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/secrets/database-password")

    environment.setitem(cli.VERBS, "check", refused)
    assert cli.main(["check"]) == 1
    words = f"/secrets/database-password cannot be used by the user {os.geteuid()}, to whom it must belong."
    assert words in capsys.readouterr().err
