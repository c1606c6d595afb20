"""Processes of an earlier run whose supervisord was killed: they are ending, and must have ended."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from appliance.bare import guard, nginx
from appliance.bare.data_folder import DataFolder
from appliance.bare.progress import StartProgress

_PATIENCE = 70  # the app may still be finishing a photo


def find(folder: DataFolder) -> Iterator[int]:
    """The processes of this data folder from supervisord to the sidecar, wherever they come from."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                if _is_ours(process, folder):
                    yield int(process.name)


def _is_ours(process: Path, folder: DataFolder) -> bool:
    command = (process / "cmdline").read_bytes()
    if command.startswith(b"nginx: master process"):
        return f" {folder.run / 'nginx.conf'} ".encode() in command
    arguments = command.split(b"\0")
    if str(folder.run / "supervisord.conf").encode() in arguments:
        return True
    if b"-D" in arguments and str(folder.postgres).encode() in arguments:
        return True
    is_sidecar = any(one.endswith(b"/lifecycle/stack/sidecar.py") for one in arguments)
    if is_sidecar or (
        b"appliance" in arguments
        and {b"serve", b"cleanup", b"backup", b"send-backup", b"prove-backup"} & set(arguments)
    ):
        settings = (process / "environ").read_bytes().split(b"\0")
        return f"PHOTOCHANGER_SECRETS_DIR={folder.secrets}".encode() in settings
    return False


def wait_for_end(folder: DataFolder, progress: StartProgress) -> None:
    """They were told to end when their supervisord ended; whoever does not is killed."""
    began = time.monotonic()
    _kill_left_workers()
    if not list(find(folder)):
        return
    progress.say("  Waiting for the processes of an earlier run to end ...")
    while pids := list(find(folder)):
        if time.monotonic() - began > _PATIENCE:
            _kill(pids)
        time.sleep(0.1)
    _kill_left_workers()
    progress.done("earlier run ended", began)


def _kill_left_workers() -> None:
    """Of an Nginx whose master was killed: they would keep the port, which is free once they are gone."""
    while workers := list(guard.left_workers(str(nginx.program()))):
        _kill(workers)
        time.sleep(0.05)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
