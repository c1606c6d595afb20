"""``check``, then ``migrate`` and ``seed``, in one process: loading the code costs more than running it.

After ``check`` this waits for a line on stdin. Each verb that succeeded is a line on stdout; what ``seed``
prints stands between. Ends with the code of the verb that failed. Whether the program can be loaded is
not tried here: the app starts right afterwards, and a start that failed shows the log.
"""

import sys

from appliance.core.memory import collect_seldom

collect_seldom()
from appliance.cli import main  # noqa: E402 - that is the most of what is loaded


def run(verb: str, *options: str) -> None:
    """Run one verb as the program would; a failure ends this process the same way."""
    try:
        code = main([verb, *options])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    if code:
        sys.exit(code)
    print(f"{verb}: done", flush=True)


if __name__ == "__main__":
    run("check", "--settings-only")
    if sys.stdin.readline():
        run("migrate")
        run("seed")
