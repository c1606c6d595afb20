"""``scripts/upgrade`` and ``scripts/rollback`` step by step, against a stand-in of the ``docker`` command."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.cli import build_parser
from tests.support.engine import VERBS
from tests.support.engine_command import docker_command
from tests.support.venue import NEW, OLD, Venue


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    made = Venue(tmp_path)
    with docker_command(made.docker, made.engine):
        yield made


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_the_program_knows_what_the_scripts_say_to_it(words: tuple[str, ...]) -> None:
    assert build_parser().parse_args(words).verb == words[0]


def test_an_upgrade_tries_everything_first_and_closes_the_door_for_the_least(venue: Venue) -> None:
    done = venue.call("upgrade", "1.1")
    assert done.returncode == 0, done.stderr
    assert "Closing the door: the app has one process" in done.stdout
    assert "1.1 is running; the door was closed for" in done.stdout
    assert venue.runs(NEW)
    assert venue.env()["APPLIANCE_VERSION"] == "1.1"
    assert (venue.env()["PREVIOUS_VERSION"], venue.env()["PREVIOUS_DATABASE"]) == (
        "1.0",
        "photochanger-1.tar",
    )
    steps = ["pull", f"backup {OLD}", f"check {NEW}", "close", f"stop app {OLD}", f"start migrate {NEW}",
             f"start app {NEW}", f"smoke {NEW}", "open"]  # fmt: skip
    assert [venue.at(step) for step in steps] == sorted(venue.at(step) for step in steps)
    assert venue.engine.backups["photochanger-1.tar"] == [OLD], "kept before the tables change"
    assert {"db-first", "nginx-first"} <= venue.engine.containers.keys()


def test_another_nginx_or_postgresql_comes_in_while_the_door_is_closed_anyway(venue: Venue) -> None:
    venue.engine.foreign = {"db": "db:2", "nginx": "nginx:2"}
    venue.engine.registry |= {"db:2": "sha256:db2", "nginx:2": "sha256:nginx2"}
    done = venue.call("upgrade", "1.1")
    assert done.returncode == 0, done.stderr
    assert venue.runs(NEW)
    steps = ["pull db:2", "pull nginx:2", "close", f"stop app {OLD}", "start db sha256:db2 (closed)",
             f"start app {NEW}", f"smoke {NEW}", "start nginx sha256:nginx2 (closed)", "open"]  # fmt: skip
    assert [venue.at(step) for step in steps] == sorted(venue.at(step) for step in steps)


def test_an_nginx_that_cannot_be_fetched_leaves_everything_as_it_is(venue: Venue) -> None:
    venue.engine.foreign["nginx"] = "nginx:2"
    done = venue.call("upgrade", "1.1")
    assert done.returncode == 1
    assert "nginx:2 cannot be fetched" in done.stderr
    assert venue.runs(OLD)
    assert venue.env()["APPLIANCE_VERSION"] == "1.0"


@pytest.mark.parametrize("fault", ["migrate", "app", "health", "smoke"])
def test_what_fails_behind_the_closed_door_brings_the_old_version_and_its_data_back(
    venue: Venue, fault: str
) -> None:
    venue.engine.faults[NEW] = [fault]
    done = venue.call("upgrade", "1.1")
    assert done.returncode == 1
    assert "1.0 is running again with its data" in done.stderr
    assert venue.runs(OLD)
    assert set(venue.engine.database) == {OLD}
    assert venue.env()["APPLIANCE_VERSION"] == "1.0"


def test_data_that_cannot_be_put_back_is_not_said_to_be_there(venue: Venue) -> None:
    venue.engine.faults |= {NEW: ["smoke"], OLD: ["restore"]}
    done = venue.call("upgrade", "1.1")
    assert f"the database stays as 1.1 left it: RuntimeError: restore of {OLD} fails" in done.stderr
    assert "1.0 is running again; the door was closed" in done.stderr


@pytest.mark.parametrize(("image", "fault"), [(NEW, "check"), (OLD, "backup")])
def test_what_fails_before_closes_no_door_and_leaves_the_app_alone(
    venue: Venue, image: str, fault: str
) -> None:
    venue.engine.faults[image] = [fault]
    done = venue.call("upgrade", "1.1")
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert f"RuntimeError: {fault} of {image} fails" in done.stderr
    assert venue.engine.is_ready()
    assert "app-first" in venue.engine.containers
    assert not [event for event in venue.engine.events if event.startswith(("close", "stop"))]
    assert venue.env()["APPLIANCE_VERSION"] == "1.0"


def test_a_database_that_cannot_be_copied_leaves_the_old_version_at_work_and_says_why(venue: Venue) -> None:
    venue.engine.faults[OLD] = ["backup"]
    done = venue.call("upgrade", "1.1", "--no-backup")
    assert done.returncode == 1
    assert f"The database cannot be copied: RuntimeError: backup of {OLD} fails" in done.stderr
    assert venue.runs(OLD)


def test_a_disk_that_is_full_behind_the_closed_door_leaves_the_old_version_at_work(
    venue: Venue, tmp_path: Path
) -> None:
    before, is_full = venue.env(), tmp_path / "full"
    (tmp_path / "bin/mktemp").write_text(f'#!/bin/sh\n[ ! -e "{is_full}" ] && exec /usr/bin/mktemp "$@"\n')
    (tmp_path / "bin/mktemp").chmod(0o755)
    venue.engine.when[f"stop app {OLD}"] = is_full.touch
    done = venue.call("upgrade", "1.1")
    assert done.returncode == 1
    assert "could not be written to compose/.env" in done.stderr
    assert "The old version keeps running" in done.stderr
    assert venue.runs(OLD)
    assert before.items() <= venue.env().items()


def test_a_first_step_that_fails_leaves_the_old_version_at_work_and_says_why(venue: Venue) -> None:
    venue.engine.faults[NEW] = ["prepare"]
    done = venue.call("upgrade", "1.1")
    assert done.returncode == 1
    assert "1.1 could not be prepared: RuntimeError: prepare gave up" in done.stderr
    assert venue.runs(OLD)


def test_a_version_that_does_not_exist_changes_nothing(venue: Venue) -> None:
    done = venue.call("upgrade", "9.9")
    assert done.returncode == 1
    assert "9.9 cannot be fetched: Error response from daemon: manifest for" in done.stderr
    assert "Nothing was changed." in done.stderr
    assert venue.runs(OLD)


def test_an_upgrade_that_was_cut_off_behind_the_closed_door_is_finished_when_it_is_run_again(
    venue: Venue,
) -> None:
    venue.call_and_kill(f"start app {NEW}", "upgrade", "1.1")
    assert venue.engine.door_closed
    done = venue.call("upgrade", "1.1")
    assert done.returncode == 0, done.stderr
    assert "1.1 is running." in done.stdout
    assert venue.runs(NEW)
    assert venue.env() == {
        "APPLIANCE_IMAGE": "place/photochanger",
        "APPLIANCE_VERSION": "1.1",
        "PREVIOUS_IMAGE": "place/photochanger",
        "PREVIOUS_VERSION": "1.0",
        "PREVIOUS_DATABASE": "photochanger-1.tar",
    }
    assert "is already running" in venue.call("upgrade", "1.1").stdout
    assert venue.call("rollback", "--with-data").returncode == 0
    assert venue.runs(OLD)


def test_ctrl_c_before_anything_is_done_ends_the_script_and_is_not_taken_for_a_failure(venue: Venue) -> None:
    code, said = venue.call_and_interrupt(["pull place/photochanger:1.1"], "upgrade", "1.1")
    assert (code, "cannot be fetched" in said) == (130, False), said
    assert venue.runs(OLD)


def test_ctrl_c_goes_back_and_pressing_it_again_does_not_stop_that(venue: Venue) -> None:
    events = [f"start app {NEW} (closed)", f"restore {OLD} (closed)", f"start app {OLD} (closed)"]
    code, said = venue.call_and_interrupt(
        [event.removesuffix(" (closed)") for event in events], "upgrade", "1.1"
    )
    assert (code, "it was interrupted" in said) == (1, True)
    assert set(events) <= set(venue.engine.events)
    assert "could not be restored" not in said
    assert "1.0 is running again with its data" in said
    assert venue.runs(OLD)


def test_ctrl_c_while_the_engines_words_are_kept_back_is_told_all_the_same(venue: Venue) -> None:
    code, said = venue.call_and_interrupt([f"stop app {OLD}"], "upgrade", "1.1")
    assert (code, "It was interrupted. The old version keeps running" in said) == (1, True), said
    assert venue.runs(OLD)


def test_an_upgrade_after_one_that_went_back_makes_the_app_once(venue: Venue) -> None:
    venue.engine.faults[NEW] = ["smoke"]
    venue.call("upgrade", "1.1")
    assert venue.app().rolled_back_from == "1.1", "the issue on the dashboard goes by it"
    venue.engine.faults.clear()
    assert venue.call("upgrade", "1.1").returncode == 0
    assert venue.engine.events.count(f"start app {NEW} (closed)") == 1
    assert venue.engine.events.count(f"start app {NEW}") == 0


def test_what_belongs_to_somebody_else_or_is_a_link_stays_so(venue: Venue, tmp_path: Path) -> None:
    real = tmp_path / "kept elsewhere"
    shutil.move(tmp_path / "compose/.env", real)
    os.chown(real, 1234, 1234)
    (tmp_path / "compose/.env").symlink_to(real)
    venue.call("upgrade", "1.1")
    assert (tmp_path / "compose/.env").is_symlink()
    assert "APPLIANCE_VERSION=1.1" in real.read_text()
    assert (real.stat().st_uid, real.stat().st_gid) == (1234, 1234)


@pytest.fixture
def offline(venue: Venue, tmp_path: Path) -> Venue:
    """The same without internet, beside whose folder a newer bundle was unpacked."""
    with (tmp_path / "compose/.env").open("a") as env:
        env.write("HTTP_PORT=8081\nNGINX_IMAGE=nginx:older\n")
    (tmp_path / "compose/site").mkdir()
    (tmp_path / "compose/site/appliance.toml").write_text("of this venue")
    venue.unpack_bundle()
    return venue


def test_a_bundle_that_was_unpacked_beside_an_appliance_upgrades_it_with_its_settings(
    offline: Venue, tmp_path: Path
) -> None:
    before = (tmp_path / "compose/.env").read_text()
    done = offline.call("upgrade")
    assert done.returncode == 0, done.stderr
    assert offline.runs(NEW)
    assert offline.app().folder == str(tmp_path / "photo changer-1.1/compose")
    assert (offline.env()["HTTP_PORT"], offline.env()["NGINX_IMAGE"]) == ("8081", "nginx:digest-0123")
    assert (tmp_path / "photo changer-1.1/compose/site/appliance.toml").read_text() == "of this venue"
    assert (tmp_path / "compose/.env").read_text() == before
    assert "is already running" in offline.call("upgrade").stdout


def test_an_upgrade_from_a_bundle_that_was_cut_off_as_it_took_the_settings_can_be_run_again(
    offline: Venue, tmp_path: Path
) -> None:
    shutil.copy(tmp_path / "compose/.env", tmp_path / "photo changer-1.1/compose")
    done = offline.call("upgrade")
    assert done.returncode == 0, done.stderr
    assert offline.runs(NEW)


@pytest.mark.parametrize("fault", ["check", "smoke"])
def test_an_upgrade_from_a_bundle_that_fails_leaves_the_appliance_in_its_own_folder_and_can_be_run_again(
    offline: Venue, tmp_path: Path, fault: str
) -> None:
    offline.engine.faults[NEW] = [fault]
    assert offline.call("upgrade").returncode == 1
    assert offline.runs(OLD)
    assert offline.app().folder == str(tmp_path / "compose")
    offline.engine.faults.clear()
    assert offline.call("upgrade").returncode == 0
    assert offline.runs(NEW)


def test_after_a_bundle_it_goes_back_to_the_folder_of_before(offline: Venue, tmp_path: Path) -> None:
    offline.call_and_kill(f"start app {NEW}", "upgrade")
    assert offline.call("upgrade").returncode == 0
    assert offline.runs(NEW)
    done = offline.call("rollback")
    assert done.returncode == 0, done.stderr
    assert f"started from {tmp_path} again" in done.stdout
    assert offline.runs(OLD)
    assert offline.app().folder == str(tmp_path / "compose")
    offline.go_back_to(tmp_path)
    assert "no upgrade to roll back" in offline.call("rollback").stderr


def test_a_guest_who_is_being_served_is_left_in_peace_unless_it_is_forced(venue: Venue) -> None:
    venue.engine.in_flight = 1
    refused = venue.call("upgrade", "1.1")
    assert (refused.returncode, "A guest is being served (1)" in refused.stderr) == (1, True)
    assert venue.runs(OLD)
    assert venue.call("upgrade", "1.1", "--force").returncode == 0
    assert venue.runs(NEW)


def test_a_tag_that_was_pushed_anew_is_taken_and_can_be_gone_back_from(venue: Venue) -> None:
    venue.engine.registry["place/photochanger:1.0"] = NEW
    assert venue.call("upgrade").returncode == 0
    assert venue.runs(NEW)
    assert venue.call("rollback").returncode == 0
    assert venue.runs(OLD)
    assert venue.call("upgrade", "1.0").returncode == 0
    assert venue.runs(NEW)


@pytest.mark.parametrize(("words", "database"), [([], [OLD, NEW, OLD]), (["--with-data"], [OLD])])
def test_rolling_back_leaves_the_tables_unless_the_data_is_wanted_too(
    venue: Venue, words: list[str], database: list[str]
) -> None:
    venue.call("upgrade", "1.1")
    done = venue.call("rollback", *words)
    assert done.returncode == 0, done.stderr
    assert venue.runs(OLD)
    assert venue.engine.database == database
    assert venue.env()["APPLIANCE_VERSION"] == "1.0"
    assert "PREVIOUS_VERSION" not in venue.env()


def test_a_rollback_that_fails_starts_the_version_again_that_was_there(venue: Venue) -> None:
    venue.call("upgrade", "1.1")
    venue.engine.faults[OLD] = ["migrate"]
    done = venue.call("rollback")
    assert done.returncode == 1
    assert "1.0 did not become ready" in done.stderr
    assert venue.runs(NEW)
    assert venue.env()["APPLIANCE_VERSION"] == "1.1"


def test_data_that_is_gone_is_missed_before_anything_is_stopped(venue: Venue) -> None:
    venue.call("upgrade", "1.1")
    venue.engine.backups.clear()
    done = venue.call("rollback", "--with-data")
    assert (done.returncode, "Nothing was changed" in done.stderr) == (1, True)
    assert venue.runs(NEW)
    assert not [event for event in venue.engine.events if event.startswith(("close", "stop"))]


def test_without_an_upgrade_there_is_nothing_to_go_back_to(venue: Venue) -> None:
    done = venue.call("rollback")
    assert (done.returncode, "no upgrade to roll back" in done.stderr) == (1, True)
    assert venue.runs(OLD)
