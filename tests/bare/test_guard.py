"""No program of the bare run outlives supervisord, and no worker of a killed Nginx keeps the port."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from appliance.bare import check_nginx, guard
from tests.bare.appliance_run import eventually

GUARD = Path(guard.__file__)
# The parent starts the guarded program, names it, and stays until it is killed.
PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""
WORKER = '(exec -a "nginx: worker process" {nginx} -c "kill -STOP \\$\\$") & echo $!; wait'


@pytest.fixture
def nginx(tmp_path: Path) -> Path:
    """A program that is called nginx and does what a shell is told."""
    return Path(shutil.copy(shutil.which("bash") or "/bin/bash", tmp_path / "nginx"))


@pytest.fixture
def worker(nginx: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A master and its worker, of one program."""
    command = [str(nginx), "-c", WORKER.format(nginx=nginx)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as master:
        assert master.stdout
        number = int(master.stdout.readline())
        yield master, number
        master.kill()
        if psutil.pid_exists(number):
            os.kill(number, signal.SIGKILL)


def has_ended(process: psutil.Process) -> bool:
    """Whether it is gone, or waits for somebody to ask what became of it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_guarded_program_ends_when_its_parent_is_killed() -> None:
    guarded = [sys.executable, str(GUARD), "SIGTERM", sys.executable, "-c", "input()"]
    command = [sys.executable, "-c", PARENT, *guarded]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        while "guard.py" in " ".join(child.cmdline()):  # until it has become the program
            os.sched_yield()
        assert not has_ended(child)
        parent.kill()
    eventually(lambda: has_ended(child))


def test_a_program_whose_parent_was_killed_before_it_began_is_not_started(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as parent:
        parent.wait()
    program = (sys.executable, "-c", f"open({str(tmp_path / 'began')!r}, 'w')")
    environment = {**os.environ, guard.PARENT: str(parent.pid)}
    done = subprocess.run([sys.executable, GUARD, "SIGTERM", *program], env=environment, check=False)
    assert done.returncode == 1
    assert not (tmp_path / "began").exists()


def test_a_worker_is_left_over_once_its_master_was_killed(
    nginx: Path, worker: tuple[subprocess.Popen[str], int]
) -> None:
    master, number = worker
    eventually(lambda: psutil.Process(number).status() == psutil.STATUS_STOPPED)
    assert list(guard.left_workers(str(nginx))) == []
    master.kill()
    master.wait()
    assert list(guard.left_workers(str(nginx))) == [number]
    assert list(guard.left_workers("/another/nginx")) == []


def test_the_template_of_nginx_is_right_as_it_stands() -> None:
    assert check_nginx.main() == 0
