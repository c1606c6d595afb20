"""What the other side says to a message, heard beside Apprise, which tells only whether it was taken."""

from __future__ import annotations

import logging
import smtplib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from appliance.staff.alerts.mail import Refused

# Of HTTP: these are about what is in a message. All others are about who sends it or where to (401, 403,
# 404) or pass by themselves: it is worth waiting until they do, or until somebody mends it.
_REFUSALS = frozenset({400, 413, 414, 415, 422})
_TOO_LARGE = 552  # of SMTP, which may be said to a sender's size, before the mail is seen


class Answers(logging.Handler):
    """Apprise's own sentences, and the answers of web and mail servers.

    Apprise keeps a mail server's answer to itself: it is in the exception that it is logging of.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.status: int | None = None  # of the last answer over HTTP
        self._heard: BaseException | None = None
        self._mails_taken = 0
        self._mails_refused: list[bool] = []  # of each that was: whether for what is in it
        self._is_worth_trying = False

    @property
    def is_refusal(self) -> bool:
        """Whether the message was refused for good, for what is in it."""
        if self._mails_refused or self._is_worth_trying:
            return any(self._mails_refused) and not self._is_worth_trying
        return self.status in _REFUSALS

    @property
    def reached_some(self) -> bool:
        """Whether some recipients of a mail have it and the others never will: it is not sent again."""
        return bool(self._mails_taken and self._mails_refused) and not self._is_worth_trying

    @property
    def put_off_some(self) -> bool:
        """Whether some recipients of a mail have it and others may get it later."""
        return bool(self._mails_taken) and self._is_worth_trying

    def refused_some(self, refused: Refused) -> None:
        """A mail was taken, but not for these recipients."""
        self._mails_taken += 1
        for code, answer in refused.values():
            self._mail_answer(code, answer, is_content=False)

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``."""
        said, error = record.getMessage(), sys.exc_info()[1]
        if error is not None and error is not self._heard:
            self._heard = error
            self._hear(error)
        self._mails_taken += said.startswith("Sent Email to")
        if record.levelno >= logging.INFO or said.startswith("Response Details"):
            self.lines.append(said)

    def _hear(self, error: BaseException) -> None:
        match error:
            case smtplib.SMTPRecipientsRefused():
                for code, answer in error.recipients.values():
                    self._mail_answer(code, answer, is_content=False)
            case smtplib.SMTPResponseException():
                is_content = isinstance(error, smtplib.SMTPDataError) or error.smtp_code == _TOO_LARGE
                self._mail_answer(error.smtp_code, error.smtp_error, is_content=is_content)
            case OSError() if not type(error).__module__.startswith("requests"):  # those quote the address
                self._is_worth_trying = True
                self.lines.append(f"{type(error).__name__}: {error}")

    def _mail_answer(self, code: int, answer: bytes | str, *, is_content: bool) -> None:
        said = answer if isinstance(answer, str) else answer.decode(errors="replace")
        self.lines.append(f"{code} {said}")
        if code >= 500:
            self._mails_refused.append(is_content)
        else:
            self._is_worth_trying = True


@contextmanager
def listening() -> Iterator[Answers]:
    """Hear what is answered in this process until the block ends."""
    import requests  # noqa: PLC0415 - heavy

    answers, logger, send = Answers(), logging.getLogger("apprise"), requests.Session.send

    def heard(*args: Any, **options: Any) -> requests.Response:
        response = send(*args, **options)
        answers.status = response.status_code
        return response

    logger.setLevel(logging.DEBUG)
    logger.addHandler(answers)
    requests.Session.send = heard  # type: ignore[method-assign]
    try:
        yield answers
    finally:
        requests.Session.send = send  # type: ignore[method-assign]
        logger.removeHandler(answers)
