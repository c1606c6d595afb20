"""What stops a backup or a restore."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from appliance.core.language import Message

ASKED_BY = "BACKUP_ASKED_BY"  # set where the app has the work done: its name for whoever pressed


class BackupProblem(ValueError):
    """Why a backup cannot be made or used, in words for the person who wants it."""

    def __init__(self, said: Message) -> None:
        self.said = said
        super().__init__(said)


def tell(said: Message, file: TextIO) -> None:
    """Print it; for the app as data, too, so that its pages say it in the reader's language."""
    print(said, file=file)
    if ASKED_BY in os.environ:
        print(json.dumps({"said": said.as_json()}), file=sys.stderr)
