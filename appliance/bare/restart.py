"""``scripts/run --restart``: the app's processes anew, one after the other. The database and Nginx go on."""

import json
import time

from appliance.bare import status
from appliance.bare.data_folder import DataFolder
from appliance.bare.options import Options
from appliance.bare.problem import Problem
from appliance.bare.progress import Progress, tail
from appliance.bare.start import signals_as_stopped
from appliance.bare.supervision import Supervisor
from appliance.core import local_http, processes

_READY_WITHIN = 60


def restart(options: Options, folder: DataFolder) -> int:
    """Each is stopped when its photos in flight are done, started, and ready before the next one's turn.

    With several processes nobody is refused meanwhile; with one Nginx answers 503 for a moment. Raises
    ``Problem`` if nothing runs, or if one does not come back: then the others are left as they are.
    """
    supervisor, progress = Supervisor(folder), Progress(for_programs=options.json)
    apps = supervisor.apps()
    if not apps:
        raise Problem(f"Nothing is running on {folder.data}. Start it with {folder.command('run')}.")
    if len(apps) == 1:
        progress.say(
            "There is one process: until it is ready again, booths and guests are told to come back."
        )
    with folder.starting():
        for number, name in zip(processes.numbers(len(apps)), apps, strict=True):
            with progress.step(f"{name} started anew"):
                _anew(folder, supervisor, name, f"unix:{folder.socket_of(number)}")
    if options.json:
        print(json.dumps(status.ask(folder, supervisor).as_json()), flush=True)
    return 0


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
