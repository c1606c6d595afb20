"""The watchdog and the health checks, beside a process that plays the app."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.lifecycle.stack import probe, watch
from appliance.lifecycle.stack.watch import Watch
from appliance.media.folder_locks import FolderLocks

APP = """
import http.server, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored by whoever is started in the background
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = self.path == "/healthz"
        self.send_response(200 if ready else 503)
        self.end_headers()
        self.wfile.write(b"fine" if ready else b"the database does not answer")
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
print(server.server_port, flush=True)
server.serve_forever()
"""
PLENTY = 100_000.0  # MB


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """A process that is called as the app is, and has the parent that the watchdog believes to have."""
    command = [sys.executable, "-S", "-c", APP, "appliance", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        monkeypatch.setenv("PHOTOCHANGER_LISTEN", f"127.0.0.1:{process.stdout.readline().strip()}")
        monkeypatch.setattr(os, "getppid", os.getpid)
        yield process
        process.kill()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds go by for the watchdog."""
    real, ahead = time.monotonic, [0.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: real() + ahead[0])

    def wait(seconds: float) -> None:
        ahead[0] += seconds

    return wait


@pytest.fixture
def supervisord(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "supervisor.sock"))
        listening.listen()
        listening.settimeout(5)
        monkeypatch.setattr(watch, "_SUPERVISORD", str(tmp_path / "supervisor.sock"))
        yield listening


def watching(media: Path, hang_seconds: float = 3, ceiling_mb: float = PLENTY) -> Watch:
    return Watch(hang_seconds=hang_seconds, ceiling_mb=ceiling_mb, media=media)


@pytest.mark.parametrize(("processes", "each"), [(1, 1200), (2, 600), (3, 400), (8, 400)])
def test_of_many_processes_each_may_have_what_one_that_is_well_takes(
    processes: int, each: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APP_MEMORY_CEILING_MB", raising=False)
    assert watch.ceiling_of_each(processes) == each
    monkeypatch.setenv("APP_MEMORY_CEILING_MB", "100")
    assert watch.ceiling_of_each(1) == 100


def test_the_app_is_known_by_its_name_and_its_parent(
    app: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert watch.app_pid() == app.pid
    assert watch.answers()
    assert 1 < watch.resident_mb(app.pid) < 500
    monkeypatch.setattr(os, "getppid", lambda: app.pid)
    assert watch.app_pid() is None


def test_one_that_waits_for_its_place_is_none_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "app-1.lock"
    command = ["flock", "--no-fork", str(place), sys.executable, "-S", "-c", "input()", "appliance", "serve"]
    monkeypatch.setattr(os, "getppid", os.getpid)
    with place.open("w") as before:
        fcntl.flock(before, fcntl.LOCK_EX)
        waiting = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert watch.app_pid() is None
    with waiting:
        end = time.monotonic() + 5
        while watch.app_pid() != waiting.pid:
            assert time.monotonic() < end
            time.sleep(0.02)


def test_an_app_that_hangs_is_killed_and_supervisord_told(
    app: subprocess.Popen[str],
    later: Callable[[float], None],
    supervisord: socket.socket,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = watching(tmp_path)
    one.look()
    app.send_signal(signal.SIGSTOP)
    one.look()
    assert app.poll() is None
    later(3)
    one.look()
    assert app.wait(5) == -signal.SIGKILL
    supervisord.accept()[0].close()
    assert '"event": "watch.hung"' in capsys.readouterr().out


def test_a_machine_that_stood_still_is_not_held_against_the_app(
    app: subprocess.Popen[str], later: Callable[[float], None], tmp_path: Path
) -> None:
    one = watching(tmp_path)
    one.look()
    app.send_signal(signal.SIGSTOP)
    later(100)
    one.machine_stood_still()
    one.look()
    assert app.poll() is None


def test_an_app_that_starts_has_longer_to_answer(
    app: subprocess.Popen[str], later: Callable[[float], None], supervisord: socket.socket, tmp_path: Path
) -> None:
    app.send_signal(signal.SIGSTOP)
    one = watching(tmp_path)
    one.look()
    later(15)
    one.look()
    assert app.poll() is None
    later(5)
    one.look()
    assert app.wait(5) == -signal.SIGKILL
    supervisord.accept()[0].close()


def test_a_process_of_several_is_known_by_its_number(
    app: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-S", "-c", "input()", "appliance", "serve"]
    second = {**os.environ, "APP_PROCESS": "2"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=second) as other:
        assert (watch.app_pid(1), watch.app_pid(2)) == (app.pid, other.pid)
        assert watch.app_pid(3) is None


def test_one_of_several_that_ends_has_time_for_its_photos(
    app: subprocess.Popen[str],
    later: Callable[[float], None],
    supervisord: socket.socket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = watching(tmp_path)
    one.others = [watching(tmp_path)]
    one.look()
    monkeypatch.setenv("PHOTOCHANGER_LISTEN", "127.0.0.1:1")  # it listens no more
    for seconds in (10, 60):
        later(seconds)
        one.look()
        assert app.poll() is None
    later(10)
    one.look()
    assert app.wait(5) == -signal.SIGKILL
    supervisord.accept()[0].close()


def test_one_of_several_that_grew_too_large_is_not_asked_to_end_before_the_others_serve(
    app: subprocess.Popen[str], tmp_path: Path
) -> None:
    one, other = watching(tmp_path, ceiling_mb=1), watching(tmp_path)
    one.others = [other]
    one.look()
    assert app.poll() is None
    other.look()
    assert other.serves
    one.look()
    assert app.wait(5) == -signal.SIGINT


def test_an_app_that_grew_too_large_is_asked_to_end(
    app: subprocess.Popen[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watching(tmp_path, ceiling_mb=1).look()
    assert app.wait(5) == -signal.SIGINT
    assert '"event": "watch.too_large"' in capsys.readouterr().out


def test_an_app_that_was_killed_while_it_started_has_twice_the_time_at_its_next_try(
    later: Callable[[float], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOCHANGER_LISTEN", "127.0.0.1:1")  # where nobody answers
    command = [sys.executable, "-c", "input()"]
    one = watching(tmp_path)
    for seconds in (20, 40):
        with subprocess.Popen(command, stdin=subprocess.PIPE) as starting:
            monkeypatch.setattr(watch, "app_pid", lambda _, pid=starting.pid: pid)
            one.look()
            later(seconds - 1)
            one.look()
            assert starting.poll() is None
            later(2)
            one.look()
            assert starting.wait(5) == -signal.SIGKILL


def test_a_photo_in_flight_is_waited_for_but_not_for_ever(
    app: subprocess.Popen[str], later: Callable[[float], None], tmp_path: Path
) -> None:
    (tmp_path / "temp/slot-001/job").mkdir(parents=True)
    one = watching(tmp_path, ceiling_mb=1)
    one.look()
    later(119)
    one.look()
    assert app.poll() is None
    later(2)
    one.look()
    assert app.wait(5) == -signal.SIGINT


def test_an_upload_that_nobody_touched_for_long_is_no_photo_in_flight(tmp_path: Path) -> None:
    folder = tmp_path / "temp/slot-001/job"
    folder.mkdir(parents=True)
    assert watch.photos_in_flight(tmp_path)
    os.utime(folder, (time.time() - 130,) * 2)
    assert not watch.photos_in_flight(tmp_path)


@pytest.mark.parametrize("hours", [1, -1], ids=["forward", "back"])
def test_a_photo_in_flight_is_one_whichever_way_the_clock_moved(tmp_path: Path, hours: int) -> None:
    folder, left = tmp_path / "temp/slot-001/job", tmp_path / "temp/slot-001/left"
    locks = FolderLocks()
    for one in (folder, left):
        one.mkdir(parents=True)
        os.utime(one, (time.time() - hours * 3600,) * 2)
    locks.lock(folder)
    assert watch.photos_in_flight(tmp_path)
    locks.unlock(folder)
    assert not watch.photos_in_flight(tmp_path)


def test_without_an_app_there_is_nothing_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "getppid", os.getpid)
    watching(tmp_path, hang_seconds=0, ceiling_mb=0).look()
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("app")
def test_the_apps_health_check_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe.main(["app"]) == 1
    assert capsys.readouterr().out == "the database does not answer\n"
    monkeypatch.setenv("PHOTOCHANGER_LISTEN", "127.0.0.1:1")
    assert probe.main(["app"]) == 1
    assert "does not answer: ConnectionRefusedError" in capsys.readouterr().out


def test_the_sidecars_health_check_looks_at_the_age_of_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beat = tmp_path / "beat"
    assert probe.main(["beat", str(beat), "120"]) == 1
    beat.touch()
    assert probe.main(["beat", str(beat), "120"]) == 0
    os.utime(beat, (time.time() - 121,) * 2)
    assert probe.main(["beat", str(beat), "120"]) == 1
    assert capsys.readouterr().out.splitlines() == ["it has not begun", "the last sign of life is 121 s old"]
