"""Starting and stopping scripts/run, well and badly."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bare.appliance_run import Appliance, eventually
from tests.chaos.mounts import needs_root, small_disk
from tests.support.installed import copied


def test_ctrl_c_stops_everything_and_a_later_start_knows_the_first_passwords(appliance: Appliance) -> None:
    with appliance.start_in_foreground() as process:
        assert appliance.run("--status").returncode == 0
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
        assert "everything stopped" in said
        assert appliance.pids() == []
    done = appliance.run("--status")
    assert done.returncode == 1
    assert "Nothing is running" in done.stdout
    again = appliance.run("--detach", "--port", str(appliance.port))
    assert "shown only this once" not in again.stdout
    assert str(appliance.folder.first_passwords) in again.stdout


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Iterator[Appliance]:
    """One that was started before, and is killed again and again."""
    one = Appliance(copied(installed, tmp_path_factory.mktemp("killed") / "data"))
    yield one
    one.run("--stop")
    assert one.pids() == []


@pytest.fixture
def running(killed: Appliance) -> Appliance:
    """The same, at work."""
    if not killed.status()["ready"]:
        killed.start()
    return killed


def supervisord(one: Appliance) -> int:
    return int((one.folder.run / "supervisord.pid").read_text(encoding="ascii"))


def test_when_scripts_run_is_killed_nothing_stays_and_it_starts_again(killed: Appliance) -> None:
    with killed.start_in_foreground() as process:
        process.kill()
        process.communicate()
        assert killed.start()["ready"] is True  # waits for the end of the killed one's processes


def test_after_a_kill_of_everything_it_starts_again_at_once(running: Appliance) -> None:
    for pid in [supervisord(running), *running.pids()]:  # but for what these have started, as Nginx's workers
        os.kill(pid, signal.SIGKILL)
    assert running.start()["ready"] is True


def test_when_supervisord_is_killed_nothing_stays(running: Appliance) -> None:
    os.kill(supervisord(running), signal.SIGKILL)
    eventually(lambda: running.pids() == [])


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"PHOTOCHANGER_COLOUR": "red"}, "PHOTOCHANGER_COLOUR"),
        ({"PHOTOCHANGER_LOG_LEVEL": "LOUD"}, "PHOTOCHANGER_LOG_LEVEL"),
        ({"PHOTOCHANGER_CONFIG_FILE": "{broken}"}, "broken.toml"),
    ],
)
def test_a_wrong_configuration_is_refused_before_anything_starts(
    appliance: Appliance, tmp_path: Path, env: dict[str, str], says: str
) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[defaults]\nT_sync_response = 'soon'\n", encoding="utf-8")
    tmp_path.chmod(0o755)
    values = {name: value.format(broken=broken) for name, value in env.items()}
    done = appliance.run("--port", str(appliance.port), env=values)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert appliance.pids() == []
    assert not (appliance.folder.run / "supervisord.pid").exists()


@pytest.mark.usefixtures("was_installed")
def test_a_process_that_cannot_start_is_shown_with_its_log(appliance: Appliance) -> None:
    (appliance.folder.postgres / "postgresql.conf").write_text("nonsense = on\n", encoding="utf-8")
    done = appliance.run("--port", str(appliance.port))
    assert done.returncode == 1
    assert "PostgreSQL did not start" in done.stderr
    assert 'unrecognized configuration parameter "nonsense"' in done.stderr
    assert appliance.pids() == []


@needs_root
@pytest.mark.usefixtures("was_installed")
def test_a_disk_without_room_for_photos_is_named_at_once(appliance: Appliance) -> None:
    with small_disk(appliance.folder.media, 100):
        done = appliance.run("--port", str(appliance.port))
    assert done.returncode == 1
    assert f"MB are free in {appliance.folder.media}" in done.stderr
    assert "PostgreSQL" not in done.stdout + done.stderr, "nothing was started"


def test_help_names_every_option(appliance: Appliance) -> None:
    said = appliance.run("--help").stdout
    for option in ("--data", "--port", "--detach", "--stop", "--status", "--json"):
        assert option in said


def test_a_port_that_is_none_is_refused(appliance: Appliance) -> None:
    done = appliance.run("--port", "70000")
    assert (done.returncode, "70000" in done.stderr) == (2, True)


def test_two_starts_at_once_make_one_appliance_and_one_stop_ends_it(appliance: Appliance) -> None:
    command = appliance.command("--detach", "--port", str(appliance.port))
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"
    ]
    said = [process.communicate(timeout=60) for process in both]
    assert sorted(process.returncode for process in both) == [0, 1], said
    assert appliance.status()["ready"] is True
    assert appliance.run("--stop").returncode == 0
    assert appliance.pids() == []
    assert "Nothing is running" in appliance.run("--stop").stdout
