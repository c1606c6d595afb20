"""``scripts/install`` and ``scripts/bundle``, without an engine."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.scripts_alone import Folder
from tests.support.stack import free_port


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "a folder")


@pytest.mark.parametrize("port", ["abc", "0", "99999", "192.168.1.20:"])
def test_a_port_that_is_none_is_named_and_not_kept(folder: Folder, port: str) -> None:
    folder.write("HTTP_PORT=8081")
    done = folder.runs(f"scripts/install --yes --port {port}")
    assert done.returncode == 1
    assert f"{port} is not a port" in done.stderr
    assert folder.holds() == ["HTTP_PORT=8081"]


def test_a_program_that_listens_at_one_other_address_of_the_machine_has_the_port_too(folder: Folder) -> None:
    with socket.create_server(("127.0.0.2", 0)) as other:
        port = other.getsockname()[1]
        folder.runs("printf '#!/bin/sh\\necho 127.0.0.2\\n' >bin/hostname; chmod +x bin/hostname")
        done = folder.runs(f"scripts/install --yes --port {port}")
    assert done.returncode == 1
    assert f"Port {port} is taken by another program" in done.stderr


def test_an_image_that_cannot_be_fetched_is_named_with_what_the_engine_says(folder: Folder) -> None:
    done = folder.runs(f"touch bin/no-image; scripts/install --yes --port {free_port()}")
    assert done.returncode == 1
    assert "photochanger:1 cannot be fetched: dial tcp: no such host\n" in done.stderr


def test_a_bundle_brings_a_pinned_image_under_a_name_that_the_other_machine_knows(
    folder: Folder, tmp_path: Path
) -> None:
    folder.write("NGINX_IMAGE=local:5000/nginx:1.30@sha256:0123456789abcdef")
    assert folder.runs("touch compose/compose.yaml; scripts/bundle ../it.tar").returncode == 0
    name = "local:5000/nginx:digest-0123456789ab"
    assert f"save {name} photochanger:1" in folder.calls()
    there = Folder(tmp_path / "there")
    unpacked = "touch bin/none; tar -xf ../it.tar --strip-components=1"
    done = there.runs(f"{unpacked} && scripts/install --yes --port {free_port()}")
    assert done.returncode == 0, done.stderr
    named = {f"NGINX_IMAGE={name}", "APPLIANCE_IMAGE=photochanger", "APPLIANCE_VERSION=1"}
    assert named <= set(there.holds())
    assert "load --quiet" in there.calls()


def test_data_of_an_appliance_is_not_taken_over_without_its_settings(folder: Folder) -> None:
    done = folder.runs("touch bin/none bin/volume; scripts/install --yes")
    assert done.returncode == 1
    assert "An appliance's data is here already" in done.stderr
    folder.write(f"HTTP_PORT={free_port()}")
    assert folder.runs("scripts/install --yes").returncode == 0


def test_another_version_is_not_installed_over_the_one_that_runs(folder: Folder) -> None:
    done = folder.runs(f"scripts/install --yes --version 2 --port {free_port()}")
    assert done.returncode == 1
    assert "To change the version, use scripts/upgrade" in done.stderr


def test_the_folder_for_a_venues_own_files_belongs_to_who_installs_and_can_be_read(folder: Folder) -> None:
    folder.runs("umask 077; touch bin/none; scripts/install --yes")
    assert (folder.path / "compose/site").stat().st_mode & 0o777 == 0o755


def test_newer_files_in_the_folder_bring_no_other_version_in_passing(folder: Folder) -> None:
    folder.runs("touch bin/none; scripts/install --yes")
    assert "APPLIANCE_VERSION=1" in folder.holds(), "the version is kept"
    folder.write(f"HTTP_PORT={free_port()}")  # as it was installed before
    done = folder.runs("rm bin/none; echo 2 >bin/newer; scripts/install --yes")
    assert done.returncode == 1
    assert "photochanger:1 is running here. To change the version, use scripts/upgrade" in done.stderr


def test_an_installation_that_fails_tells_what_the_engine_says(folder: Folder) -> None:
    folder.write(f"HTTP_PORT={free_port()}", "HTTPS_PORT=1", "COMPOSE_FILE=compose.yaml:compose.tls.yaml")
    done = folder.runs("scripts/install --yes")
    assert done.returncode == 1
    assert "port 1 is used" in done.stderr


def test_a_mistake_in_the_settings_is_found_before_what_runs_is_stopped(folder: Folder) -> None:
    folder.write("BACKUP_HOUR=25")
    done = folder.runs(
        f"echo 'BACKUP_HOUR: must be 23 or less' >bin/wrong; scripts/install --yes --port {free_port()}"
    )
    assert done.returncode == 1
    assert "BACKUP_HOUR: must be 23 or less" in done.stderr
    assert [call for call in folder.calls() if "appliance check --settings-only" in call]
    assert not [call for call in folder.calls() if " up " in call]


@pytest.mark.parametrize(
    ("said", "do"),
    [
        ("path /mnt/stick is not a shared or slave mount", "Set BACKUP_FOLDER_PROPAGATION=rprivate"),
        ("invalid mount config: bind source path does not exist: /mnt/stick", "correct BACKUP_FOLDER"),
    ],
)
def test_a_folder_that_the_engine_refuses_is_found_before_what_runs_is_stopped(
    folder: Folder, said: str, do: str
) -> None:
    done = folder.runs(f"echo '{said}' >bin/refused; scripts/install --yes --port {free_port()}")
    assert done.returncode == 1
    assert (said in done.stderr, do in done.stderr) == (True, True), done.stderr
    assert not [call for call in folder.calls() if " up " in call]


def test_a_machine_whose_engine_has_no_room_is_named(folder: Folder) -> None:
    of_the_engine = 'case $2 in */bin) free=100 ;; *) free=9000 ;; esac; printf "\\n/ 9 9 $free\\n"'
    (folder.path / "bin/df").write_text(f"#!/bin/sh\n{of_the_engine}\n")
    done = folder.runs("chmod +x bin/df; scripts/install")
    assert done.returncode == 1
    assert f"100 MB of disk are free in {folder.path}/bin" in done.stderr
