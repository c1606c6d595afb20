"""What all attempts cost, by day and slot. What is not known is counted, and never taken for 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.staff.jobs.schemas import CostView
from appliance.staff.stats.schemas import CostList, DayCost, SlotCost

_NUMBER = r"^\d{1,12}(\.\d{1,30})?([eE][-+]?\d{1,2})?$"
# Test runs count: they are paid for. The local looks never are. A price that is no number is not known.
SUMS = text("""
select (job.created_at at time zone 'UTC')::date as day, job.slot_id, attempt->>'currency' as currency,
       sum(case when attempt->>'price' ~ :number then (attempt->>'price')::numeric end) as amount,
       count(*) filter (
           where (attempt->>'price' ~ :number) is not true and attempt->>'provider' <> 'local'
             and (attempt->>'billed') is distinct from 'false'
       ) as unknown
from job_history job cross join lateral jsonb_path_query(job.attempts, '$[*]') attempt
where job.created_at >= :since
group by 1, 2, 3
order by 1 desc, 2, 3
""")


@dataclass(frozen=True, slots=True)
class CostSum:
    """What one slot's attempts of one day cost in one currency, and how many cost what nobody knows."""

    day: date
    slot_id: str
    currency: str | None
    amount: Decimal | None
    unknown: int


async def cost_sums(session: AsyncSession, since: datetime) -> list[CostSum]:
    """Of every attempt since then that is or may be billed, the newest day first."""
    rows = await session.execute(SUMS, {"since": since, "number": _NUMBER})
    return [CostSum(*row) for row in rows if row.amount is not None or row.unknown]


def total_cost(found: Iterable[CostSum]) -> CostView:
    """Several sums as one."""
    sums = list(found)
    known = [
        (one.currency, one.amount) for one in sums if one.amount is not None and one.currency is not None
    ]
    return CostView.of(known, sum(one.unknown for one in sums))


def by_day(found: Sequence[CostSum]) -> CostList:
    """The days on which something was or may have been billed, each with its slots."""
    return CostList(
        days=[_day(day, [one for one in found if one.day == day]) for day in {one.day: None for one in found}]
    )


def _day(day: date, found: Sequence[CostSum]) -> DayCost:
    return DayCost(
        day=day,
        cost=total_cost(found),
        slots=[
            SlotCost(slot_id=slot_id, cost=total_cost(one for one in found if one.slot_id == slot_id))
            for slot_id in {one.slot_id: None for one in found}
        ],
    )
