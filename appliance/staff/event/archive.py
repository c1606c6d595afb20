"""Everything of an event as one ZIP for the client: pictures, kept photos, and a table of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from appliance.core.clock import stamp
from appliance.core.images import EXTENSIONS, JPEG
from appliance.guests.service import friendly_name
from appliance.guests.zipping import ArchiveEntry
from appliance.media.store import MediaStore
from appliance.staff.event.repository import ExportedJob
from appliance.staff.jobs.service import attempts_of, cost_of

TABLE = "pictures.csv"
TABLE_FOR_EXCEL = "pictures-excel.csv"
COLUMNS = ("file", "photo", "taken_at", "slot", "expires_at", "hidden", "cost_unknown")
# Where a cell may begin: at the start and, since a spreadsheet's own separator is that of its country,
# behind each of these; then what begins a formula, the wide forms too.
_FORMULA = re.compile(r"(^|[;,|\"])(\s*)(?=[=+\-@＝＋－＠])")
_BREAKS = re.compile(r"[\t\r\n\v\f\x00\x85\u2028\u2029]+")


def entries(
    pages: Iterable[Sequence[ExportedJob]], lines: EventTable, title: str, media: MediaStore, now: datetime
) -> Iterator[ArchiveEntry]:
    """The files of the archive; hidden pictures lie apart, the table is the last one.

    One page of jobs is in memory at a time.
    """
    number = 0
    for jobs in pages:
        for job in jobs:
            number += 1
            one = _NamedJob(number, job, title)
            lines.add(one)
            if one.file:
                yield ArchiveEntry(one.file, job.created_at, media.path(job.result_key or ""))
            if job.source_key:
                yield ArchiveEntry(one.photo, job.created_at, media.path(job.source_key))
    yield ArchiveEntry(TABLE, now, lines.for_programs())
    yield ArchiveEntry(TABLE_FOR_EXCEL, now, lines.for_excel())


class _NamedJob:
    """A job, and where its files lie in the archive: the picture, the photo, or both."""

    def __init__(self, number: int, job: ExportedJob, title: str) -> None:
        name = f"{number:04}-{friendly_name(title, job.created_at, job.media_type)}"
        self.job = job
        self.cost = cost_of(attempts_of(job.attempts))
        self.file = self.photo = ""
        if job.ready:
            self.file = f"hidden/{name}" if job.hidden_at else name
        if job.source_key:
            ending = EXTENSIONS.get(job.upload_type, JPEG.extension)
            self.photo = f"photos/{name.rpartition('.')[0]}.{ending}"

    def row(self) -> dict[str, str]:
        """What the table says of it, without what the booth sent."""
        expires = self.job.result_expires_at
        return {
            "file": self.file,
            "photo": self.photo,
            "taken_at": stamp(self.job.created_at, seconds=True),
            "slot": self.job.slot_id,
            "expires_at": stamp(expires, seconds=True) if expires else "",
            "hidden": "yes" if self.job.hidden_at else "",
            "cost_unknown": str(self.cost.unknown or ""),
        }


class EventTable:
    """One line a job; every field that a booth sent is a column of its own, ``sent.NAME``, and so is
    the known part of the costs in each currency, ``cost.USD``. ``cost_unknown`` counts the tries
    whose price is not known.
    """

    def __init__(self, names: Sequence[str], currencies: Sequence[str]) -> None:
        self._names, self._currencies = names, currencies
        self._raw = io.BytesIO()
        self._writer = csv.writer(_text(self._raw, "utf-8-sig"))
        costs = (f"cost.{currency}" for currency in currencies)
        self._writer.writerow([*COLUMNS, *costs, *(_harmless(f"sent.{name}") for name in names)])

    def add(self, one: _NamedJob) -> None:
        """Write a job's line."""
        sent = {**one.job.request_fields, **one.job.query_fields}
        fields = (_harmless(str(sent.get(name, ""))) for name in self._names)
        known = {money.currency: f"{money.amount:f}" for money in one.cost.known}
        costs = (known.get(currency, "") for currency in self._currencies)
        self._writer.writerow([*one.row().values(), *costs, *fields])

    def for_programs(self) -> bytes:
        """The table with commas in UTF-8."""
        return self._raw.getvalue()

    def for_excel(self) -> bytes:
        """The table as Excel opens it in every country: commas and semicolons are read by the country's own
        habit, tabs in UTF-16 are not.
        """
        raw = io.BytesIO()
        rows = csv.reader(_text(io.BytesIO(self._raw.getvalue()), "utf-8-sig"))
        writer = csv.writer(_text(raw, "utf-16"), csv.excel_tab)
        for row in rows:  # one by one: all at once, nobody else would get a turn
            writer.writerow(row)
        return raw.getvalue()


def _text(raw: io.BytesIO, encoding: str) -> io.TextIOWrapper:
    """``raw`` as text, each line in it as soon as it is written."""
    return io.TextIOWrapper(raw, encoding, newline="", write_through=True)


def _harmless(value: str) -> str:
    """What a guest typed, on one line, so that no spreadsheet of any country takes it for a formula."""
    return _FORMULA.sub(r"\1'\2", _BREAKS.sub(" ", value))
