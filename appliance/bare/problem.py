class Problem(Exception):
    """What went wrong and what to do about it, in words for the operator; ends the command."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Stopped(BaseException):
    """The operator asked to stop: Ctrl-C, SIGTERM or a closed terminal."""
