"""Everything of an event as one ZIP for the client: pictures, kept photos, and a table of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from appliance.core.clock import utcnow
from appliance.jobs.models import JobHistory
from appliance.media.store import EXTENSIONS, MediaStore
from appliance.results.service import friendly_name
from appliance.results.zipping import Entry

TABLE = "pictures.csv"
COLUMNS = ("file", "photo", "taken_at", "slot", "expires_at", "hidden")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def entries(jobs: Sequence[JobHistory], title: str, media: MediaStore) -> Iterator[Entry]:
    """The files of the archive, the table first; hidden pictures lie apart."""
    named = [_Named(number, job, title) for number, job in enumerate(jobs, start=1)]
    yield Entry(TABLE, utcnow(), table(named))
    for one in named:
        yield Entry(one.file, one.job.created_at, media.path(one.job.result_key or ""))
        if one.job.source_key:
            yield Entry(one.photo, one.job.created_at, media.path(one.job.source_key))


class _Named:
    """A job, and where its files lie in the archive."""

    def __init__(self, number: int, job: JobHistory, title: str) -> None:
        kind = job.result_type or "image/jpeg"
        name = f"{number:04}-{friendly_name(title, job.created_at, kind)}"
        self.job = job
        self.file = f"hidden/{name}" if job.hidden_at else name
        self.photo = ""
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
        }


def table(named: Sequence[_Named]) -> bytes:
    """One line a picture; every field that a booth sent is a column of its own, ``sent.NAME``."""
    sent = [{**one.job.request_fields, **one.job.query_fields} for one in named]
    names = sorted({name for fields in sent for name in fields})
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, *(f"sent.{name}" for name in names)])
    for one, fields in zip(named, sent, strict=True):
        writer.writerow([*one.row().values(), *(_harmless(str(fields.get(name, ""))) for name in names)])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _harmless(value: str) -> str:
    """What a guest typed, so that no spreadsheet takes it for a formula."""
    return f"'{value}" if value.startswith(_FORMULAS) else value
