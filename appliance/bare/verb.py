"""One verb of the ``appliance`` program on a bare data folder: ``scripts/appliance [--data DIR] VERB …``.

Runs as the data folder's owner, so that what it writes can be read by the appliance.
"""

import os
import sys
from pathlib import Path

from appliance.bare.environment import environment
from appliance.bare.places import CHECKOUT, Places
from appliance.bare.privileges import as_owner
from appliance.bare.problem import Problem


def main(argv: list[str]) -> None:
    """Become ``python -m appliance VERB`` with the environment of the data folder."""
    data = None
    if argv[:1] == ["--data"] and len(argv) > 1:
        data, argv = Path(argv[1]), argv[2:]
    places = Places.of(data)
    ports = places.read_ports()
    if ports is None:
        raise Problem(f"There is no appliance in {places.data}. Start one with scripts/run.")
    env = environment(places, ports)
    os.chdir(CHECKOUT)
    command = [*as_owner(places), sys.executable, "-m", "appliance", *argv]
    os.execvpe(command[0], command, env)  # noqa: S606 - the command is ours


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Problem as problem:
        print(problem, file=sys.stderr)
        sys.exit(problem.exit_code)
