"""``scripts/upgrade`` where the image is built from sources, against a stand-in of the ``docker`` command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine_command import docker_command
from tests.support.venue import NEW, OLD, Venue


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    made = Venue(tmp_path)
    with docker_command(made.docker, made.engine):
        yield made


def test_newer_sources_are_built_under_their_own_version(venue: Venue) -> None:
    venue.get_sources("1.1")
    done = venue.call("upgrade")
    assert done.returncode == 0, done.stderr
    assert "1.1 is running" in done.stdout
    assert venue.runs(NEW)
    assert (venue.app().image, venue.env()["APPLIANCE_VERSION"]) == ("photochanger:1.1", "1.1")
    assert venue.env()["PREVIOUS_VERSION"] == "1.0"


def test_sources_that_are_built_under_the_tag_that_runs_can_be_gone_back_from(venue: Venue) -> None:
    venue.get_sources("1.0")
    done = venue.call("upgrade")
    assert done.returncode == 0, done.stderr
    assert venue.runs(NEW)
    assert venue.call("rollback").returncode == 0
    assert venue.runs(OLD)


def test_sources_that_have_not_changed_are_running_already(venue: Venue) -> None:
    venue.get_sources("1.0")
    venue.engine.built = OLD
    images = dict(venue.engine.images)
    assert "1.0 is already running" in venue.call("upgrade").stdout
    assert venue.engine.images == images


def test_without_the_image_that_runs_there_is_no_upgrade_since_there_is_no_way_back(venue: Venue) -> None:
    venue.engine.images["place/photochanger:1.0"] = "sha256:built-by-hand"
    done = venue.call("upgrade", "1.1")
    assert done.returncode == 1
    assert "The image of 1.0, which runs here, is gone" in done.stderr
    assert venue.runs(OLD)
