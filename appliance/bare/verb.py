"""One verb of the ``appliance`` program on a bare data folder: ``scripts/appliance [--data DIR] VERB …``.

Runs in the caller's folder, so that paths mean what the caller means, and as the data folder's owner,
so that what it writes can be read by the appliance.
"""

import os
import sys
from pathlib import Path

from appliance.bare.data_folder import DataFolder
from appliance.bare.environment import environment
from appliance.bare.privileges import as_owner
from appliance.bare.problem import Problem, Stopped


def main(argv: list[str]) -> int:
    """Become ``python -m appliance VERB`` with the environment of the data folder; ``restore`` does more."""
    data = None
    if argv[:1] == ["--data"] and len(argv) > 1:
        data, argv = Path(argv[1]), argv[2:]
    folder = DataFolder.of(data)
    ports = folder.read_ports()
    if ports is None:
        raise Problem(f"There is no appliance in {folder.data}. Start one with scripts/run.")
    env = environment(folder, ports, folder.read_app_processes())
    files = [argument for argument in argv if os.path.isfile(argument)]  # noqa: PTH113 - any text may be asked
    owner = as_owner(folder, files, writes=argv[:1] == ["backup"])
    command = [*owner, sys.executable, "-P", "-m", "appliance", *argv]
    if argv[:1] != ["restore"]:
        os.execvpe(command[0], command, env)  # noqa: S606 - the command is ours
    from appliance.bare.restore import restore  # noqa: PLC0415 - the other verbs start quicker without it

    return restore(folder, argv, command, env)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        print(problem, file=sys.stderr)
        sys.exit(problem.exit_code)
    except (Stopped, KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
        sys.exit(130)
