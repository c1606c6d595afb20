import json
import os
import sys

from appliance.bare import options as command_line
from appliance.bare import privileges, restart, start, status
from appliance.bare.data_folder import DataFolder
from appliance.bare.options import Options
from appliance.bare.problem import Problem, Stopped
from appliance.bare.progress import StartProgress
from appliance.bare.supervision import Supervisor


def main(argv: list[str]) -> int:
    """Do what the command line says; the exit code."""
    options = command_line.parse(argv)
    try:
        folder = DataFolder.of(options.data)
        if options.verb == "status":
            return _status(options, folder)
        if options.verb == "stop":
            return _stop(options, folder)
        if options.verb == "restart":
            restart.running_apps(folder)  # before a folder is made where there is none
        privileges.leave_root(folder, options.port, options.argv())
        os.umask(0o077)
        folder.make_folders()
        if options.verb == "restart":
            return restart.restart(options, folder)
        return start.start(options, folder)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    except (Stopped, KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
        return 130


def _status(options: Options, folder: DataFolder) -> int:
    now = status.ask(folder, Supervisor(folder))
    print(json.dumps(now.as_json()) if options.json else now.as_table(folder))
    return 0 if now.ready else 1


def _stop(options: Options, folder: DataFolder) -> int:
    supervisor = Supervisor(folder)
    progress = StartProgress(for_programs=options.json)
    if supervisor.pid() is None:
        progress.say(f"Nothing is running on {folder.data}.")
    else:
        with progress.step("everything stopped"):
            supervisor.stop()
    if options.json:
        print(json.dumps({"ready": False, "url": None, "processes": {}}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
