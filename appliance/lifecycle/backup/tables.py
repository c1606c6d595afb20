"""The rows of all tables, out of a database and into another, of whatever PostgreSQL version.

Rows travel as the text that COPY writes: it has been the same for all versions that matter here, which
cannot be said of ``pg_dump``, whose version must fit the server's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import IO, Any

import asyncpg
from sqlalchemy.engine import URL

from appliance.core.language import Message
from appliance.lifecycle.backup.problem import BackupProblem

VERSION_TABLE = "alembic_version"
CLEANUP_LOCK = 0x50_43_43_4C  # housekeeping/cleanup.py's own: while we hold it, no file is removed

HISTORY = "job_history"  # the one table that grows with every photo
_ASIDE = "history_set_aside"
_CLEANUP_PATIENCE = 120.0

_TABLES = """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind in ('r', 'p') and c.relname <> $1 order by 1
"""
_COLUMNS = """
    select attname from pg_attribute
    where attrelid = ('public.' || quote_ident($1))::regclass
      and attnum > 0 and not attisdropped and attgenerated = '' order by attnum
"""
_COLUMNS_OF_TEMPORARY = """
    select attname from pg_attribute
    where attrelid = ('pg_temp.' || quote_ident($1))::regclass and attnum > 0 order by attnum
"""
_DEPENDENCIES = """
    select distinct conrelid::regclass::text as child, confrelid::regclass::text as parent
    from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace
"""
_COUNTERS = """
    select c.relname as table, a.attname as column,
           pg_get_serial_sequence(quote_ident(c.relname), a.attname) as counter
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and a.attnum > 0 and not a.attisdropped and c.relkind = 'r'
      and pg_get_serial_sequence(quote_ident(c.relname), a.attname) is not null
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table and the columns that its file holds."""

    name: str
    columns: list[str]


@asynccontextmanager
async def connected(url: URL) -> AsyncIterator[Any]:
    """A connection that speaks COPY."""
    connection = await asyncpg.connect(
        host=url.host, port=url.port or 5432, user=url.username, password=url.password, database=url.database,
        timeout=10, server_settings={"application_name": "photochanger backup", "timezone": "UTC"},
    )  # fmt: skip
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def no_cleanup(connection: Any) -> AsyncIterator[None]:
    """Keep every cleanup, and every other backup, from working meanwhile."""
    until = time.monotonic() + _CLEANUP_PATIENCE
    while not await connection.fetchval("select pg_try_advisory_lock($1)", CLEANUP_LOCK):
        if time.monotonic() > until:
            raise BackupProblem(
                Message("A cleanup or another backup is still running. Try again in a few minutes.")
            )
        await asyncio.sleep(0.5)
    try:
        yield
    finally:
        await connection.execute("select pg_advisory_unlock($1)", CLEANUP_LOCK)


async def size(connection: Any) -> int:
    """How many bytes the whole database takes."""
    found: int = await connection.fetchval("select pg_database_size(current_database())")
    return found


async def all_tables(connection: Any) -> list[Table]:
    """Every table but Alembic's own."""
    names = [row[0] for row in await connection.fetch(_TABLES, VERSION_TABLE)]
    return [Table(name, [row[0] for row in await connection.fetch(_COLUMNS, name)]) for name in names]


async def found_revision(connection: Any) -> str | None:
    """The database's migration; ``None`` where there are no tables yet."""
    if await connection.fetchval("select to_regclass($1)", VERSION_TABLE) is None:
        return None
    found: str | None = await connection.fetchval(f"select version_num from {VERSION_TABLE}")  # noqa: S608 - our own name
    return found


async def revision(connection: Any) -> str:
    """The same; raises ``BackupProblem`` where there is none."""
    found = await found_revision(connection)
    if found is None:
        raise BackupProblem(Message("The database is empty: there is nothing to back up yet."))
    return found


async def write_rows(
    connection: Any, table: Table, target: IO[bytes], history_since: datetime | None = None
) -> int:
    """All rows of a table into ``target``, of the history only those of jobs since then; how many."""
    if table.name == HISTORY and history_since is not None:
        said = await connection.copy_from_query(
            f"select {_quoted(table.columns)} from {HISTORY} where created_at >= $1",  # noqa: S608 - our names
            history_since,
            output=target,
        )
    else:
        said = await connection.copy_from_table(table.name, columns=table.columns, output=target)
    return int(said.split()[-1])


def _quoted(columns: list[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


async def set_history_aside(connection: Any, columns: list[str], before: datetime) -> None:
    """Keep what the history holds of jobs before then; for ``put_history_back``, in one transaction."""
    if await connection.fetchval("select to_regclass($1)", HISTORY) is None:
        raise BackupProblem(
            Message(
                "This backup is only for undoing an upgrade: it lacks the older history, which only the "
                "database it came from has. Use a full backup here."
            )
        )
    here = {row[0] for row in await connection.fetch(_COLUMNS, HISTORY)}
    kept = _quoted([column for column in columns if column in here])
    await connection.execute(
        f"create temp table {_ASIDE} on commit drop as "  # noqa: S608 - our own names
        f"select {kept} from {HISTORY} where created_at < '{before.isoformat()}'"
    )


async def put_history_back(connection: Any) -> None:
    """Put what was set aside beside the rows that came from the backup."""
    columns = _quoted([row[0] for row in await connection.fetch(_COLUMNS_OF_TEMPORARY, _ASIDE)])
    await connection.execute(
        f"insert into {HISTORY} ({columns}) select {columns} from {_ASIDE} on conflict do nothing"  # noqa: S608
    )


async def drop_all(connection: Any) -> None:
    """Remove every table: what follows makes them anew."""
    names = [row[0] for row in await connection.fetch(_TABLES, "")]
    if names:
        quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
        await connection.execute(f"drop table {quoted} cascade")


async def in_order(connection: Any, names: list[str]) -> list[str]:
    """Tables such that each comes after those that it refers to."""
    parents: dict[str, set[str]] = {name: set() for name in names}
    for row in await connection.fetch(_DEPENDENCIES):
        if row["child"] in parents and row["parent"] in parents and row["child"] != row["parent"]:
            parents[row["child"]].add(row["parent"])
    try:
        return list(TopologicalSorter(parents).static_order())
    except CycleError:
        raise BackupProblem(Message("The tables refer to each other in a circle.")) from None


async def backup_target(connection: Any) -> str | None:
    """The marker of the target that this machine sends its backups to, if it does."""
    if await connection.fetchval("select to_regclass('backup_target')") is None:
        return None
    found: str | None = await connection.fetchval("select marker from backup_target where not held")
    return found


async def hold_target_of_another(connection: Any, marker: str | None) -> None:
    """Send nothing to a target that came with the backup, unless it was this machine's before: the
    machine that it belongs to may still be there.
    """
    await connection.execute(
        "update backup_target set held = true, step = null where marker is distinct from $1", marker
    )


async def empty_all(connection: Any) -> None:
    """Remove what the migrations themselves have put into the tables."""
    for table in await all_tables(connection):
        await connection.execute(f'truncate table "{table.name}" cascade')


async def read_rows(connection: Any, table: Table, source: IO[bytes]) -> int:
    """Rows from a file into a table; how many. ``source`` may be read in pieces of any size."""

    async def pieces() -> Any:
        while piece := source.read(256 * 1024):
            yield piece

    said = await connection.copy_to_table(table.name, columns=table.columns, source=pieces())
    return int(said.split()[-1])


async def advance_counters(connection: Any) -> None:
    """Have every counter go on after the highest number that is there."""
    for row in await connection.fetch(_COUNTERS):
        highest = f'select max("{row["column"]}") from "{row["table"]}"'  # noqa: S608 - names of our own tables
        await connection.execute(
            f"select setval($1::regclass, coalesce(({highest}), 0) + 1, false)",
            row["counter"],
        )
