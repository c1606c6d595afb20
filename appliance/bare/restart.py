"""``scripts/run --restart``: the app's processes anew, one after the other. The database and Nginx go on."""

import json
import subprocess
import sys
import time

from appliance.admin import assets
from appliance.bare import status
from appliance.bare.data_folder import CHECKOUT, DataFolder
from appliance.bare.environment import environment
from appliance.bare.options import Options
from appliance.bare.problem import Problem
from appliance.bare.progress import StartProgress, tail
from appliance.bare.start import require_room, signals_as_stopped
from appliance.bare.supervision import Supervisor
from appliance.core import local_http, processes

_READY_WITHIN = 60


def running_apps(folder: DataFolder) -> list[str]:
    """The names of the app's processes; raises ``Problem`` where nothing runs."""
    if apps := Supervisor(folder).apps():
        return apps
    raise Problem(f"Nothing is running in {folder.data}. Start it with {folder.command('run')}.")


def restart(options: Options, folder: DataFolder) -> int:
    """Each is stopped when its photos in flight are done, started, and ready before the next one's turn.

    What is started is the code as it is now, on tables that are made first: migrations only add.

    With several processes nobody is refused meanwhile; with one Nginx answers 503 for a moment. Raises
    ``Problem`` if nothing runs, if there is no room for photos or the tables cannot be made (then nothing was
    started anew), or if a process does not come back (then the others are left as they are).
    """
    supervisor, progress = Supervisor(folder), StartProgress(for_programs=options.json)
    apps = running_apps(folder)
    require_room(folder.media)
    if len(apps) == 1:
        progress.say(
            "There is one process: until it is ready again, booths and guests are told to come back."
        )
    with folder.starting():
        with progress.step("database migrated"):
            _migrate(folder)
        assets.collect(folder.static)
        for number, name in zip(processes.numbers(len(apps)), apps, strict=True):
            with progress.step(f"{name} restarted"):
                _anew(folder, supervisor, name, f"unix:{folder.socket_of(number)}")
    if options.json:
        print(json.dumps(status.ask(folder, supervisor).as_json()), flush=True)
    return 0


def _migrate(folder: DataFolder) -> None:
    """The code may be a newer one by now. Its tables are made while the processes of before work on them."""
    ports = folder.read_ports()
    if ports is None:
        raise Problem(f"There is no {folder.run}/ports.json: start it with {folder.command('run')}.")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "appliance", "migrate"],
        cwd=CHECKOUT, env=environment(folder, ports, folder.read_app_processes()),
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise Problem(f"The database could not be migrated; nothing was restarted.\n{said}")


def _anew(folder: DataFolder, supervisor: Supervisor, name: str, listen: str) -> None:
    with signals_as_stopped():
        try:
            supervisor.stop_these([name])
        finally:
            supervisor.stop_these([name])  # if we were interrupted it may still be ending
            supervisor.start(name)
        deadline = time.monotonic() + _READY_WITHIN
        while not local_http.is_ready(listen):
            if time.monotonic() > deadline or not supervisor.is_up(name):
                raise Problem(f"{name} was not ready within {_READY_WITHIN} s.\n{tail(folder.log(name))}")
            time.sleep(0.05)
