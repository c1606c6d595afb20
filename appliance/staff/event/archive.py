"""Everything of an event as one ZIP for the client: pictures, kept photos, and a table of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime

from appliance.core.images import EXTENSIONS
from appliance.guests.service import State, friendly_name, state_of
from appliance.guests.zipping import Entry
from appliance.jobs.models import JobHistory
from appliance.media.store import MediaStore
from appliance.staff.jobs.service import attempts_of, cost_of

TABLE = "pictures.csv"
COLUMNS = ("file", "photo", "taken_at", "slot", "expires_at", "hidden", "cost_unknown")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def entries(jobs: Sequence[JobHistory], title: str, media: MediaStore, now: datetime) -> Iterator[Entry]:
    """The files of the archive, the table first; hidden pictures lie apart."""
    named = [_Named(number, job, title, now) for number, job in enumerate(jobs, start=1)]
    yield Entry(TABLE, now, table(named))
    for one in named:
        if one.file:
            yield Entry(one.file, one.job.created_at, media.path(one.job.result_key or ""))
        if one.job.source_key:
            yield Entry(one.photo, one.job.created_at, media.path(one.job.source_key))


class _Named:
    """A job, and where its files lie in the archive: the picture, the photo, or both."""

    def __init__(self, number: int, job: JobHistory, title: str, now: datetime) -> None:
        kind = job.result_type or "image/jpeg"
        name = f"{number:04}-{friendly_name(title, job.created_at, kind)}"
        self.job = job
        self.cost = cost_of(attempts_of(job))
        self.file = self.photo = ""
        if state_of(job, now) is State.READY:
            self.file = f"hidden/{name}" if job.hidden_at else name
        if job.source_key:
            ending = EXTENSIONS.get(job.upload_type, "jpg")
            self.photo = f"photos/{name.rpartition('.')[0]}.{ending}"

    def row(self) -> dict[str, str]:
        """What the table says of it, without what the booth sent."""
        expires = self.job.result_expires_at
        return {
            "file": self.file,
            "photo": self.photo,
            "taken_at": self.job.created_at.isoformat(timespec="seconds"),
            "slot": self.job.slot_id,
            "expires_at": expires.isoformat(timespec="seconds") if expires else "",
            "hidden": "yes" if self.job.hidden_at else "",
            "cost_unknown": str(self.cost.unknown or ""),
        }


def table(named: Sequence[_Named]) -> bytes:
    """One line a job; every field that a booth sent is a column of its own, ``sent.NAME``, and so is
    the known part of the costs in each currency, ``cost.USD``. ``cost_unknown`` counts the tries
    whose price is not known.
    """
    sent = [{**one.job.request_fields, **one.job.query_fields} for one in named]
    names = sorted({name for fields in sent for name in fields})
    known = [{money.currency: f"{money.amount:f}" for money in one.cost.known} for one in named]
    currencies = sorted({currency for costs in known for currency in costs})
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        [*COLUMNS, *(f"cost.{currency}" for currency in currencies), *(f"sent.{name}" for name in names)]
    )
    for one, costs, fields in zip(named, known, sent, strict=True):
        said = (_harmless(str(fields.get(name, ""))) for name in names)
        writer.writerow([*one.row().values(), *(costs.get(currency, "") for currency in currencies), *said])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _harmless(value: str) -> str:
    """What a guest typed, so that no spreadsheet takes it for a formula."""
    return f"'{value}" if value.startswith(_FORMULAS) else value
