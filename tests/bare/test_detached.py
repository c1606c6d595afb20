"""The whole appliance, started once with --detach and looked at from all sides."""

import http.client
import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from appliance.core import unix_sockets
from tests.bare.appliance_run import Appliance, eventually


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Appliance, Any]]:
    long = "a folder whose name is long, has spaces and ü, and is more than a socket's name may be long"
    one = Appliance(tmp_path_factory.mktemp("bare") / long)
    yield one, one.start()
    one.run("--stop")
    assert one.pids() == []


def test_the_four_processes_run_and_it_is_ready(running: tuple[Appliance, Any]) -> None:
    one, said = running
    done = one.run("--status")
    assert done.returncode == 0
    assert f"Ready at http://localhost:{one.port}" in done.stdout
    status = json.loads(one.run("--status", "--json").stdout)
    assert status["ready"] is True
    assert {name: process["state"] for name, process in status["processes"].items()} == dict.fromkeys(
        ("postgres", "nginx", "app", "cleanup"), "RUNNING"
    )
    assert said["url"] == status["url"]
    assert said["ingest"]["image"].endswith("/api/ingest/slot-001?reply=image")


def test_the_curl_line_answers_with_a_processed_photo(running: tuple[Appliance, Any], tmp_path: Path) -> None:
    one, said = running
    subprocess.run(["bash", "-c", said["curl"]], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    processed = (tmp_path / "processed.jpg").read_bytes()
    assert processed[:3] == b"\xff\xd8\xff"
    assert processed != one.folder.sample.read_bytes()


def test_nothing_runs_as_root(running: tuple[Appliance, Any]) -> None:
    one, _ = running
    supervisord = psutil.Process(int((one.folder.run / "supervisord.pid").read_text(encoding="ascii")))
    everything = [supervisord, *supervisord.children(recursive=True)]
    assert len(everything) > 5
    assert [process for process in everything if 0 in process.uids()] == []


def test_no_secret_is_on_a_command_line_or_in_an_environment_or_a_log(running: tuple[Appliance, Any]) -> None:
    one, said = running
    secrets = [*said["passwords"]["accounts"].values(), said["passwords"]["ingest"]]
    secrets += [
        path.read_text(encoding="utf-8").strip()
        for path in one.folder.secrets.iterdir()
        if path.suffix != ".json"
    ]
    assert len(secrets) >= 5
    assert all(secrets)
    shown = [Path(f"/proc/{pid}/{name}") for pid in one.pids() for name in ("cmdline", "environ")]
    shown += [path for path in (*one.folder.logs.iterdir(), *one.folder.run.iterdir()) if path.is_file()]
    for path in shown:
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], path


def test_what_is_secret_is_for_one_user_only(running: tuple[Appliance, Any]) -> None:
    data = running[0].folder
    for folder in (data.data, data.secrets, data.run, data.logs, data.postgres):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for file in data.secrets.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_second_start_says_that_it_is_running_and_where(running: tuple[Appliance, Any]) -> None:
    one, _ = running
    done = one.run("--port", "1")
    assert done.returncode == 1
    assert f"already running in {one.data} at http://localhost:{one.port}" in done.stderr


def test_another_folder_on_the_same_port_is_refused_by_name(
    running: tuple[Appliance, Any], tmp_path: Path
) -> None:
    other = Appliance(tmp_path / "other", port=running[0].port)
    done = other.run("--port", str(other.port))
    assert done.returncode == 1
    assert f"Port {other.port} is taken" in done.stderr
    assert f"--port {other.port + 1}" in done.stderr
    assert other.pids() == []


@pytest.mark.parametrize("name", ["nginx", "app", "cleanup", "postgres"])
def test_a_process_that_is_killed_comes_back(running: tuple[Appliance, Any], name: str) -> None:
    one, _ = running
    pid = one.status()["processes"][name]["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: one.status()["processes"][name]["pid"] not in (0, pid))
    eventually(lambda: one.status()["ready"])


def test_only_nginx_is_open_to_the_network(running: tuple[Appliance, Any]) -> None:
    one, _ = running
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=5)
    connection.request("GET", "/metrics")
    assert connection.getresponse().status == 404
    connection.close()
    listening = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    hosts = {int(row[1][-4:], 16): row[1][:8] for row in listening if row[3] == "0A"}
    ports = one.folder.read_ports()
    assert ports
    assert hosts[ports.public] == "00000000"
    assert hosts[ports.postgres] == "0100007F"


def test_the_app_has_no_port_at_which_it_could_be_told_a_clients_address(
    running: tuple[Appliance, Any],
) -> None:
    one, _ = running
    app = psutil.Process(one.status()["processes"]["app"]["pid"])
    assert "serve" in app.cmdline()
    assert [each for each in app.net_connections("inet") if each.status == psutil.CONN_LISTEN] == []
    assert unix_sockets.is_open(one.folder.app_socket)


def test_a_second_app_does_not_take_the_firsts_place(running: tuple[Appliance, Any]) -> None:
    one, _ = running
    done = one.verb("serve", folder=Path("/"))
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert one.status()["ready"]
