"""``check``, then ``migrate`` and ``seed``, in one process: loading the code costs more than running it.

The code loads while the database starts: after ``check`` this waits for a line on stdin. Each verb that
succeeded is a line on stdout; the lines that ``seed`` prints stand between. Ends with the code of the
verb that failed.
"""

import sys

from appliance.cli import main


def run(verb: str) -> None:
    """Run one verb as the program would; a failure ends this process the same way."""
    try:
        code = main([verb])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    if code:
        sys.exit(code)
    print(f"{verb}: done", flush=True)


if __name__ == "__main__":
    run("check")
    if sys.stdin.readline():
        run("migrate")
        run("seed")
