"""What a mail has to have beside what Apprise writes into it."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from email import message_from_string, policy
from typing import Any

Refused = dict[str, tuple[int, bytes]]  # the answers to recipients of a mail that others have


def as_mail_should_be(on_refused: Callable[[Refused], None]) -> None:
    """From now on, in this process: headers are folded, and nobody's holiday note answers. ``on_refused`` is
    told of mails that only some of their recipients get.

    Apprise writes a subject into one line. Ours may be 250 Cyrillic letters, 1,500 characters when encoded,
    and a line of a mail has 998 at most, an encoded word 75 (RFC 5322, RFC 2047).
    """
    send = smtplib.SMTP.sendmail

    def sendmail(self: smtplib.SMTP, sender: str, to: list[str], mail: str) -> Any:
        read = message_from_string(mail, policy=policy.SMTP)
        read["Auto-Submitted"] = "auto-generated"  # RFC 3834
        if refused := send(self, sender, to, read.as_bytes()):
            on_refused(refused)
        return refused

    smtplib.SMTP.sendmail = sendmail  # type: ignore[method-assign, assignment]
