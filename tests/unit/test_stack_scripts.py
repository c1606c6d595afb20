"""What the scripts of the stack read, say to the engine and write to ``compose/.env``, without an engine."""

from __future__ import annotations

import socket
import subprocess
from os.path import basename
from pathlib import Path

import pytest

from tests.support.scripts_alone import Folder
from tests.support.stack import CHECKOUT, free_port

SCRIPTS = CHECKOUT / "scripts"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "a folder")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=8081", "8081"),
        ("NAME=8081   # or 192.168.1.20:8080, to listen on one address only", "8081"),
        ('NAME="two words" # why', "two words"),
        ("NAME='a#b'", "a#b"),
        ("NAME=a#b", "a#b"),
        ("NAME=   # nothing", "else"),
        ("NAME=8081\r", "8081"),
        ("export NAME=8081", "8081"),
        ("  NAME = 8081", "8081"),
        ("\ufeffNAME=8081", "8081"),
        ("OTHER=1", "else"),
    ],
)
def test_a_value_is_read_as_compose_reads_it(folder: Folder, line: str, value: str) -> None:
    folder.write(line)
    assert folder.says("env_value NAME else") == value
    assert folder.says("set_env NAME mine; env_value NAME") == "mine"
    assert folder.says("set_env NAME ''; env_value NAME none") == "none"


@pytest.mark.parametrize("value", ["", "mine"])
def test_settings_that_cannot_be_written_stay_as_they_are(folder: Folder, value: str) -> None:
    folder.write("OTHER=1", "NAME=8081")
    no_room = "trap '' XFSZ; ulimit -f 0"  # as on a full disk, nothing can be added to a file
    done = folder.runs(f"( . scripts/_lib.sh; {no_room}; set_env NAME '{value}' )")
    assert done.returncode == 1
    assert "NAME could not be written to compose/.env, which is as it was." in done.stderr
    assert folder.holds() == ["OTHER=1", "NAME=8081"]
    assert [one.name for one in (folder.path / "compose").iterdir()] == [".env"]


def test_phones_are_sent_to_the_one_address_that_it_listens_on(folder: Folder) -> None:
    folder.write("HTTP_PORT=192.168.1.20:8081 # the booths' network")
    folder.says("tell_lan_address")
    assert folder.says("env_value LAN_BASE_URL") == "http://192.168.1.20:8081"


def test_a_machine_that_only_listens_to_itself_sends_nobody_there(folder: Folder) -> None:
    folder.write("HTTP_PORT=127.0.0.1:8081")
    folder.says("tell_lan_address")
    assert folder.says("env_value LAN_BASE_URL") == ""


@pytest.mark.parametrize("passphrase", ["<(printf 'two words')", "<(printf 'two words\\nmore')"])
def test_a_restore_sends_the_passphrase_as_a_line_and_then_the_backup(
    folder: Folder, passphrase: str
) -> None:
    line = f"printf age >b.age; scripts/restore b.age --passphrase-file {passphrase}"
    folder.runs(line)
    assert folder.given() == b"two words\nage"
    assert [call for call in folder.calls() if "restore -" in call and "--check" not in call]


def test_a_restore_that_is_interrupted_at_its_end_starts_the_app_all_the_same(folder: Folder) -> None:
    folder.runs("touch bin/interrupted; printf age >b.age; scripts/restore b.age")
    ups = [call.partition(" up ")[2] for call in folder.calls() if " up " in call]
    assert ups[-1] == "--detach"


@pytest.mark.parametrize("script", ["restore --passphrase-file", "install --port", "upgrade --image"])
def test_an_option_without_its_value_is_named(folder: Folder, script: str) -> None:
    done = folder.runs(f"scripts/{script}")
    name, option = script.split()
    assert (done.returncode, done.stderr) == (
        1,
        f"{option} needs a value; see scripts/{name} --help\n",
    )


def test_a_number_of_backups_that_is_none_is_named_before_one_is_made(folder: Folder) -> None:
    done = folder.runs("scripts/backup --to here --keep some")
    assert (done.returncode, done.stderr) == (1, "--keep takes a number, not some.\n")
    assert not (folder.path / "here").exists()


@pytest.mark.parametrize(
    "script",
    [
        *("restore b.age", "upgrade 2", "rollback"),
        *("install --yes", "make-certificate a.local", "add-node 2 10.0.0.2 --first 10.0.0.1", "restart"),
    ],
)
def test_what_stops_or_starts_the_app_is_not_begun_while_something_else_has_stopped_it(
    folder: Folder, script: str
) -> None:
    done = folder.runs(f"touch b.age; flock compose scripts/{script}")
    assert done.returncode == 1
    assert done.stderr.endswith(
        "Another script is at work here, such as an upgrade or a restore. Try again when it has ended.\n"
    )
    assert not [call for call in folder.calls() if " run " in call or " stop " in call]


def test_a_backup_that_is_not_where_it_was_said_is_named(folder: Folder) -> None:
    done = folder.runs("scripts/restore /mnt/stick/b.age")
    assert done.stderr == "There is no file /mnt/stick/b.age, or it cannot be read.\n"


def test_a_backup_takes_its_passphrase_from_a_pipe_too(folder: Folder) -> None:
    done = folder.runs("scripts/backup --passphrase-file <(printf 'two words')")
    assert done.returncode == 0, done.stderr
    assert folder.given() == b"two words\n"


def test_an_empty_passphrase_file_is_named_before_anything_is_done(folder: Folder) -> None:
    done = folder.runs("touch b.age empty; scripts/restore b.age --passphrase-file empty")
    assert (done.returncode, done.stderr) == (
        1,
        "empty is empty; its first line must be the passphrase.\n",
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("compose.yaml:compose.first.yaml", "compose.yaml:compose.first.yaml:compose.tls.yaml"),
        ("compose.yaml:compose.tls.yaml", "compose.yaml:compose.tls.yaml"),
        ("", "compose.yaml:compose.override.yaml:compose.tls.yaml"),
    ],
)
def test_a_certificate_leaves_the_other_compose_files_in_their_place(
    folder: Folder, before: str, after: str
) -> None:
    folder.write(f"COMPOSE_FILE={before}", f"HTTPS_PORT={free_port()}")
    done = folder.runs("touch compose/compose.override.yaml; scripts/make-certificate photos.local")
    assert done.returncode == 0, done.stderr
    assert f"COMPOSE_FILE={after}" in folder.holds()


def test_a_certificate_without_names_is_for_this_machines_own_also_while_nginx_is_down(
    folder: Folder,
) -> None:
    folder.write(f"HTTPS_PORT={free_port()}")
    done = folder.runs("scripts/make-certificate")
    assert done.returncode == 0, done.stderr
    assert [call for call in folder.calls() if "make-certificate" in call and call.endswith(" localhost")]


def test_a_port_of_another_program_is_named_before_a_certificate_is_made(folder: Folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        folder.write(f"HTTPS_PORT=127.0.0.1:{port}")
        done = folder.runs("scripts/make-certificate photos.local")
    assert done.returncode == 1
    assert f"Port {port} is taken by another program" in done.stderr
    assert folder.holds() == [f"HTTPS_PORT=127.0.0.1:{port}"]
    assert not [call for call in folder.calls() if " run " in call or " up " in call]


@pytest.mark.parametrize("before", [["COMPOSE_FILE=compose.yaml:compose.first.yaml"], []])
def test_where_https_does_not_come_up_everything_is_put_back_and_the_engines_word_told(
    folder: Folder, before: list[str]
) -> None:
    folder.write("HTTPS_PORT=1", *before)
    done = folder.runs("scripts/make-certificate photos.local")
    assert done.returncode == 1
    assert "port 1 is used" in done.stderr
    assert folder.holds() == ["HTTPS_PORT=1", *before]
    assert len([call for call in folder.calls() if " up " in call]) == 2


@pytest.mark.parametrize("script", ["install", "doctor", "backup", "restore a.tar"])
def test_a_script_of_another_folder_than_the_appliances_names_the_right_one(
    folder: Folder, tmp_path: Path, script: str
) -> None:
    real = Folder(tmp_path / "the real one")
    folder.runs("touch '../the real one/compose/compose.yaml'")
    folder.runs('printf %s "$PWD/../the real one/compose" >bin/started-from')
    done = folder.runs(f"scripts/{script}")
    assert done.returncode == 1
    assert f"{folder.path}/../the real one; use the scripts there" in done.stderr
    assert not [call for call in folder.calls() if " run " in call or " up " in call]
    real.runs('ln -s ../compose/ ../link; printf %s "$PWD/../link" >bin/started-from')
    assert "use the scripts there" not in real.runs("scripts/doctor").stderr


@pytest.mark.parametrize("call", ["doctor", "backup", "restore x.tar", "logs", "restart"])
def test_whoever_has_an_appliance_without_docker_is_told_of_it_and_not_to_install_another(
    folder: Folder, call: str
) -> None:
    (folder.path / "data/postgres").mkdir(parents=True)
    done = folder.runs(f"touch x.tar; scripts/{call}")
    assert (done.returncode, "made by scripts/run, without Docker" in done.stderr) == (1, True), done.stderr
    assert not (folder.path / "bin/calls").exists()


def test_without_an_appliance_there_are_no_logs_and_no_verbs(folder: Folder) -> None:
    done = folder.runs("touch bin/none; scripts/logs")
    assert (done.returncode, "no appliance here yet" in done.stderr) == (1, True)
    done = folder.runs("scripts/appliance backup")
    assert (done.returncode, "Start it with scripts/run" in done.stderr) == (1, True)


def test_the_doctor_tells_an_installation_that_did_not_finish_from_none(folder: Folder) -> None:
    assert "no appliance here yet" in folder.runs("touch bin/none; scripts/doctor").stderr
    folder.write("HTTP_PORT=8081")
    assert "scripts/install did not finish" in folder.runs("scripts/doctor").stderr


def test_a_mistake_in_the_settings_is_not_taken_for_an_appliance_that_is_not_there(folder: Folder) -> None:
    folder.write("HTTP_PORT 8081")
    done = folder.runs("echo 'line 1: key cannot contain a space' >bin/mistake; scripts/doctor")
    assert (done.returncode, done.stderr) == (
        1,
        "The settings cannot be read: line 1: key cannot contain a space\n",
    )


def test_the_doctor_counts_what_the_engine_says_is_bad(folder: Folder) -> None:
    folder.knows("--also-bad N")
    done = folder.runs("scripts/doctor")
    assert done.returncode == 1
    for service in ("nginx", "prepare", "migrate"):
        assert f"BAD   container {service}" in done.stdout
    assert folder.calls()[-1].endswith("doctor --also-bad 6")
    for_programs = folder.runs("scripts/doctor --json")
    assert (for_programs.returncode, for_programs.stdout) == (1, "")


def test_the_doctor_does_not_call_bad_what_is_still_starting(folder: Folder) -> None:
    done = folder.runs("echo 'running, starting, restarted 0 times' >bin/state; scripts/doctor")
    assert "look  container cleanup     running, starting" in done.stdout
    assert "BAD   container cleanup" not in done.stdout


def test_the_doctor_of_an_older_version_is_asked_what_it_knows(folder: Folder) -> None:
    assert folder.runs("scripts/doctor").returncode == 1
    assert folder.calls()[-1].endswith("app doctor")


@pytest.mark.parametrize(
    "script",
    [path for path in sorted(SCRIPTS.iterdir()) if path.is_file() and "/_lib.sh" in path.read_text()],
    ids=basename,
)
def test_a_script_may_be_started_with_sh(script: Path) -> None:
    asked = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    done = subprocess.run(["sh", script, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, asked.stdout, "")


def test_the_image_is_built_for_one_service_which_all_others_wait_for() -> None:
    """Compose builds for all at once, and the engine refuses a name that another build has just made."""
    text = (CHECKOUT / "compose/compose.yaml").read_text(encoding="utf-8")
    assert text.count(" build:\n") == 1
    assert " build:\n" in text.partition("\n  prepare:\n")[2].partition("\n  db:\n")[0]


def test_the_announcer_of_the_local_name_has_a_health_that_compose_can_wait_for() -> None:
    """`up --wait` fails for a service that goes on running and whose image's own check is disabled."""
    text = (CHECKOUT / "compose/compose.yaml").read_text(encoding="utf-8")
    announcer = text.partition("\n  announce:\n")[2].partition("\nnetworks:\n")[0]
    assert " healthcheck: {test: " in announcer
