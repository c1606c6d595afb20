"""A simulated booth: its request really goes in by the front door, and its photo along the whole line.

It is let in by a key that is in force for this one request, and what it makes is a test: no guest sees it.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import secrets
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import structlog

from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import RateLimited, SlotNotFound
from appliance.core.key_texts import without_keys
from appliance.core.language import Message
from appliance.core.newest import Newest
from appliance.core.siblings import ALONE, Siblings
from appliance.core.tasks import begin
from appliance.ingest.booth_keys.service import BoothKeys, digest_of
from appliance.slots.schemas import SLOT_IDS
from appliance.staff.booths.posting import BoothAnswer, send
from appliance.staff.booths.programs import Program, post_of

log = structlog.get_logger()

Shown = Literal["picture", "original"]

MOST_AT_ONCE = 4  # each holds a thread while its photo is made
MOST_KEPT = 20
_TOLD = (
    "content-type",
    "content-length",
    "x-job-id",
    "x-public-url",
    "x-qr-url",
    "cache-control",
    "retry-after",
)
_LONGEST_TEXT = 4_000
_LENT, _BACK = "key_lent", "key_given_back"


@dataclass(slots=True)
class Simulation:
    """One simulated request; ``status`` is 0 until an answer came, ``problem`` says why none did."""

    id: str
    program: Program
    slot_id: str
    address: str  # as it is typed into the booth, its key masked
    by_front_door: bool
    began: datetime
    since: float = field(repr=False)
    running: bool = True
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""  # of an answer, or of a part of it, that is no picture
    code: str = ""
    message: str = ""
    shows: Shown = "original"
    job_id: str | None = None
    ms: int = 0
    problem: str = ""


class BoothSimulator:
    """Posts for operators, a few at a time, and remembers the last ones."""

    def __init__(
        self,
        database: Database,
        keys: BoothKeys,
        front_door: str | None,
        app: str,
        siblings: Siblings = ALONE,
    ) -> None:
        self._database = database
        self._keys, self._siblings = keys, siblings
        siblings.on(_LENT, self._lent)
        siblings.on(_BACK, self._back)
        self._by_front_door = front_door is not None
        self._where = front_door or app
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="simulated-booth")
        self._kept: Newest[str, Simulation] = Newest(MOST_KEPT)
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, program: Program, slot_id: str, base: str, who: Principal) -> Simulation:
        """Start one; ``base`` is what the booth's address begins with.

        Raises ``SlotNotFound``, or ``RateLimited`` while too many run.
        """
        if slot_id not in SLOT_IDS:
            raise SlotNotFound
        if len(self._tasks) >= MOST_AT_ONCE:
            raise RateLimited(
                Message("Other simulated booths are still waiting for their pictures."), retry_after=5
            )
        made = Simulation(
            secrets.token_hex(8), program, slot_id, "", self._by_front_door, utcnow(), time.monotonic()
        )
        self._kept[made.id] = made
        task = begin(self._run(made, base, who))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return made

    def get(self, simulation_id: str) -> Simulation | None:
        """One of the last."""
        return self._kept.get(simulation_id)

    async def finished(self, made: Simulation) -> None:
        """Wait for its end."""
        while made.running and self._tasks:
            await asyncio.wait(set(self._tasks), return_when=asyncio.FIRST_COMPLETED)

    async def _run(self, made: Simulation, base: str, who: Principal) -> None:
        host = base.partition("://")[2]
        try:
            async with self._shared_key(made.slot_id) as key:
                post = post_of(made.program, made.slot_id, host, key)
                made.address = without_keys(base + post.address)
                loop = asyncio.get_running_loop()
                answer = await loop.run_in_executor(self._threads, send, post, self._where)
            _take(made, answer)
            await self._note(made, who)
        except (OSError, http.client.HTTPException) as error:
            made.problem = f"{type(error).__name__}: {error}"[:200]
            log.warning("simulation.no_answer", slot=made.slot_id, error=type(error).__name__)
        finally:
            made.ms = round((time.monotonic() - made.since) * 1000)
            made.running = False

    @asynccontextmanager
    async def _shared_key(self, slot_id: str) -> AsyncIterator[str]:
        """A key that is in force in every process: nobody knows to which Nginx will lead."""
        with self._keys.temporary_key(slot_id) as key:
            await self._siblings.ask(_LENT, digest=digest_of(key), slot=slot_id)
            try:
                yield key
            finally:
                await self._siblings.ask(_BACK, digest=digest_of(key))

    async def _lent(self, facts: dict[str, Any]) -> Any:
        self._keys.add_temporary(facts["digest"], facts["slot"])

    async def _back(self, facts: dict[str, Any]) -> Any:
        self._keys.remove_temporary(facts["digest"])

    async def _note(self, made: Simulation, who: Principal) -> None:
        async with self._database.session() as session:
            AccountRepository(session).record_by(who, "slot.tested", made.slot_id, job=made.job_id)

    async def aclose(self) -> None:
        """Wait for those that run: each ends by itself."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        self._threads.shutdown(wait=False)


def _take(made: Simulation, answer: BoothAnswer) -> None:
    """What the booth would make of its answer."""
    made.status = answer.status
    made.headers = {name: answer.headers[name] for name in _TOLD if name in answer.headers}
    made.job_id = answer.headers.get("x-job-id")
    kind = answer.headers.get("content-type", "")
    if kind.startswith("image/") or (kind.startswith("multipart/") and made.program == "breeze_booth"):
        made.shows = "picture" if answer.status == 200 else "original"
        made.text = _metadata(answer.body) if kind.startswith("multipart/") else ""
        return
    made.text = answer.body[:_LONGEST_TEXT].decode("utf-8", "replace")
    error = _json(made.text).get("error")
    if isinstance(error, dict):
        made.code, made.message = str(error.get("code", "")), str(error.get("message", ""))


def _metadata(body: bytes) -> str:
    """The JSON part of a multipart answer."""
    head, _, rest = body.partition(b"\r\n\r\n")
    return rest.partition(b"\r\n--")[0].decode("utf-8", "replace") if b"application/json" in head else ""


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
