"""What opens and closes issues, on a database of its own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.staff.issues.findings import AT_ONCE, Action, Finding, Source
from appliance.staff.issues.models import Issue
from appliance.staff.issues.repository import IssueRepository
from appliance.staff.issues.watch import SEEN_EVERY, IssueWatch

LOW = Finding("disk.low", "will_stop", {"free_bytes": 1000}, patience=60)
FAILING = Finding("slot.failing", "stops_photos", {}, ("slot-001",), patience=AT_ONCE, own_key="slot.a")


class Ground:
    """A watch whose one source says what the test puts into ``found``, and whose time the test moves."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.found: list[Finding] = []
        self.broken: Exception | None = None
        self.now = 0.0
        self.told: list[tuple[list[str], list[str]]] = []
        self.watch = self.another()

    def another(self) -> IssueWatch:
        """A watch as it is after a restart."""
        source = Source("test", ("disk.low", "slot.failing"), self._look)
        made = IssueWatch(self.database, [source], clock=lambda: self.now)
        made.changed.append(self._listen)
        return made

    async def _look(self) -> list[Finding]:
        if self.broken:
            raise self.broken
        return self.found

    async def _listen(self, opened: list[Issue], closed: list[Issue]) -> None:
        self.told.append(([one.key for one in opened], [one.key for one in closed]))

    async def after(self, seconds: float, *found: Finding) -> list[str]:
        """The keys of the open issues after a look at ``found``, so much later."""
        self.now += seconds
        self.found = list(found)
        await self.watch.look()
        return await self.keys()

    async def keys(self) -> list[str]:
        return [one.key for one in await self.open()]

    async def open(self) -> list[Issue]:
        async with self.database.session() as session:
            return list(await IssueRepository(session).open_issues())


@pytest.fixture
def ground(empty: Database) -> Ground:
    return Ground(empty)


async def test_what_goes_within_a_minute_never_appears(ground: Ground) -> None:
    assert await ground.after(0, LOW) == []
    assert await ground.after(59, LOW) == []
    assert await ground.after(0.5) == []
    assert await ground.after(1, LOW) == []
    assert ground.told == []


async def test_what_lasts_is_opened_since_when_it_began_and_closed_when_it_is_over(ground: Ground) -> None:
    began = utcnow()
    await ground.after(0, LOW)
    assert await ground.after(60, LOW) == ["disk.low"]
    (issue,) = await ground.open()
    assert began <= issue.opened_at <= utcnow()
    assert (issue.code, issue.severity, issue.parameters) == ("disk.low", "will_stop", {"free_bytes": 1000})
    assert await ground.after(1) == []
    assert ground.told == [(["disk.low"], []), ([], ["disk.low"])]


async def test_what_stops_photos_appears_at_once_and_before_the_rest(ground: Ground) -> None:
    await ground.after(0, LOW)
    await ground.after(60, LOW)
    assert await ground.after(0, LOW, FAILING) == ["slot.a", "disk.low"]


async def test_the_same_trouble_is_one_issue_whose_figures_follow(ground: Ground) -> None:
    await ground.after(0, FAILING)
    worse = Finding(
        "slot.failing", "stops_photos", {"n": 2}, ("slot-001", "slot-002"),
        Action("open_slot", href="/admin/slots/slot-001"), patience=AT_ONCE, own_key="slot.a",
    )  # fmt: skip
    await ground.after(SEEN_EVERY, worse)
    (issue,) = await ground.open()
    assert (issue.parameters, issue.slots) == ({"n": 2}, ["slot-001", "slot-002"])
    assert issue.action == {
        "kind": "open_slot",
        "href": "/admin/slots/slot-001",
        "method": "",
        "path": "",
        "body": None,
    }
    assert len(ground.told) == 1


async def test_a_source_that_cannot_tell_closes_nothing(ground: Ground) -> None:
    await ground.after(0, FAILING)
    ground.broken = ConnectionError("the database is away")
    assert await ground.after(10) == ["slot.a"]
    ground.broken = None
    assert await ground.after(10) == []


async def test_a_restart_closes_nothing_before_its_source_has_spoken(ground: Ground) -> None:
    await ground.after(0, FAILING)
    ground.watch = ground.another()
    await ground.watch.compare()
    assert await ground.keys() == ["slot.a"]
    assert await ground.after(1, FAILING) == ["slot.a"]
    assert len(ground.told) == 1
    assert await ground.after(1) == []


async def test_what_could_not_be_written_in_time_is_told_afterwards(ground: Ground) -> None:
    """The database was away while something lasted and went."""
    await ground.after(0)
    ground.found = [FAILING]
    async with ground.database.session() as session:
        await session.execute(text("alter table issue rename to issue_away"))
    with pytest.raises(Exception, match="issue"):
        await ground.watch.look()
    async with ground.database.session() as session:
        await session.execute(text("alter table issue_away rename to issue"))
    assert await ground.after(1) == []
    assert ground.told == [(["slot.a"], ["slot.a"])]


async def test_what_is_ignored_stays_so_when_it_comes_back(ground: Ground) -> None:
    await ground.after(0, FAILING)
    until = utcnow() + timedelta(hours=1)
    async with ground.database.session() as session:
        await session.execute(
            text("update issue set ignored_until = :until, ignored_by = 'igor'"), {"until": until}
        )
    await ground.after(1)
    await ground.after(1, FAILING)
    (issue,) = await ground.open()
    assert (issue.ignored_until, issue.ignored_by, issue.is_ignored) == (until, "igor", True)
    async with ground.database.session() as session:
        assert set((await IssueRepository(session).counted()).values()) == {0}


async def test_a_listener_that_fails_keeps_no_other_from_being_told(ground: Ground) -> None:
    async def broken(opened: list[Issue], closed: list[Issue]) -> None:
        raise RuntimeError(f"{len(opened)} and {len(closed)}")

    ground.watch.changed.insert(0, broken)
    await ground.after(0, FAILING)
    assert ground.told == [(["slot.a"], [])]


async def test_what_is_over_for_long_is_removed(ground: Ground) -> None:
    await ground.after(0, FAILING)
    await ground.after(1)
    async with ground.database.session() as session:
        await session.execute(text("update issue set closed_at = now() - interval '91 days'"))
    await ground.after(SEEN_EVERY, LOW)
    await ground.after(60, LOW)
    async with ground.database.session() as session:
        rows = await session.scalars(text("select key from issue"))
        assert list(rows) == ["disk.low"]
