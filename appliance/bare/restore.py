"""``scripts/appliance restore FILE``: what ``scripts/restore`` is for the stack.

The file is checked while guests are served; then the app and the cleanup are stopped, the verb does its
work, and both are started again, whatever came of it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

from appliance.bare.data_folder import DataFolder
from appliance.bare.problem import Problem
from appliance.bare.progress import StartProgress
from appliance.bare.start import signals_as_stopped, wait_until_ready
from appliance.bare.supervision import Supervisor
from appliance.cli import build_parser


def restore(folder: DataFolder, argv: list[str], command: list[str], env: dict[str, str]) -> int:
    """Check, stop, restore, start, wait until ready; the exit code of ``command``, which is the verb."""
    wish = build_parser().parse_args(argv)
    if wish.check or wish.while_running:
        return subprocess.run(command, env=env, check=False).returncode
    supervisor, progress = Supervisor(folder), StartProgress()
    if not (apps := supervisor.apps()):
        raise Problem(
            f"The appliance in {folder.data} is stopped, and its database with it. "
            f"Start it first with {folder.command('run')}, then restore. Nothing was changed."
        )
    os.umask(0o077)
    env = {"PHOTOCHANGER_LOG_LEVEL": "WARNING"} | env
    with signals_as_stopped(), tempfile.TemporaryFile(dir=folder.run / "tmp") as given:
        if "-" in (wish.file, wish.passphrase_file):  # what comes from standard input is read twice
            shutil.copyfileobj(sys.stdin.buffer, given)

        def verb(*more: str) -> int:
            given.seek(0)
            return subprocess.run([*command, *more], env=env, stdin=given, check=False).returncode

        if code := verb("--check"):
            return code
        began = time.monotonic()
        try:
            progress.say("Stopping the app; photos in flight are finished first ...")
            supervisor.stop_these(apps)  # in this order; the database and Nginx go on
            supervisor.stop_these(["cleanup"])
            code = verb()
        finally:
            supervisor.stop_these([*apps, "cleanup"])  # if we were interrupted they may still be ending
            for name in (*apps, "cleanup"):
                supervisor.start(name)
            wait_until_ready(folder, supervisor)
    progress.say(f"Ready after {time.monotonic() - began:.1f} s.")
    return code
