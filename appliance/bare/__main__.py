import json
import os
import sys

from appliance.bare import options as command_line
from appliance.bare import privileges, start, status
from appliance.bare.data_folder import Places
from appliance.bare.options import Options
from appliance.bare.problem import Problem, Stopped
from appliance.bare.progress import Progress
from appliance.bare.supervision import Supervisor


def main(argv: list[str]) -> int:
    """Do what the command line says; the exit code."""
    options = command_line.parse(argv)
    try:
        places = Places.of(options.data)
        if options.verb == "status":
            return _status(options, places)
        if options.verb == "stop":
            return _stop(options, places)
        privileges.leave_root(places, options.port, options.argv())
        os.umask(0o077)
        places.make_folders()
        return start.start(options, places)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    except (Stopped, KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
        return 130


def _status(options: Options, places: Places) -> int:
    now = status.ask(places, Supervisor(places))
    print(json.dumps(now.as_json()) if options.json else now.as_table(places))
    return 0 if now.ready else 1


def _stop(options: Options, places: Places) -> int:
    supervisor = Supervisor(places)
    progress = Progress(for_programs=options.json)
    if supervisor.pid() is None:
        progress.say(f"Nothing is running on {places.data}.")
    else:
        with progress.step("everything stopped"):
            supervisor.stop()
    if options.json:
        print(json.dumps({"ready": False, "url": None, "processes": {}}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
