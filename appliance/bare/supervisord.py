"""supervisord, which goes on when its disk is full: what it cannot write down is lost, and nothing else.

As it comes, it ends when it can write neither its log nor why not, and takes the database and the app along.
"""

import contextlib
import io
import os
import sys
from typing import Any

from supervisor import loggers, supervisord

from appliance.bare import guard


class LogFile(loggers.RotatingFileHandler):  # type: ignore[misc]  # it has no types
    """A log that may fail to be written, and is opened again after it could not be put aside."""

    def doRollover(self) -> None:  # noqa: N802 - supervisor's name
        try:
            super().doRollover()
        except OSError:
            with contextlib.suppress(OSError):
                self.reopen()


class LossyStream(io.TextIOBase):
    """Standard output or error, whose failures are nobody's business."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()
        return len(text)

    def fileno(self) -> int:
        return int(self._stream.fileno())


def main() -> None:
    sys.stdout, sys.stderr = LossyStream(sys.stdout), LossyStream(sys.stderr)
    loggers.RotatingFileHandler = LogFile
    os.environ[guard.PARENT] = str(os.getpid())
    supervisord.main()


if __name__ == "__main__":
    main()
