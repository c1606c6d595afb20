"""The database: one engine, short sessions, one declarative base."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, cast

from sqlalchemy import CursorResult, DateTime, Executable, MetaData, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry

# Seconds of rest after which a connection is asked whether it still works: a router or firewall between two
# machines may have forgotten it. To ask before each use takes four of a session's seven turns to the
# database, and a fifth of its processor time (1,500 sessions, 2026-11-28).
ASKED_AFTER = 5.0


class Base(DeclarativeBase):
    """Base of all tables. Times are aware UTC; ``dict`` columns are ``jsonb``."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB,
    }


class Repository:
    """Base of what reads and writes rows inside the caller's session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: Base) -> None:
        """Insert a row with the session's transaction."""
        self._session.add(row)

    async def _changed(self, statement: Executable) -> int:
        """How many rows ``statement`` changed."""
        return cast("CursorResult[Any]", await self._session.execute(statement)).rowcount


class Database:
    """Opens sessions. Nothing may hold one across a network call.

    ``password_now`` is asked before each connection: the password may be set anew while the app runs.
    """

    def __init__(
        self, url: URL, *, pool_size: int = 10, password_now: Callable[[], str | None] | None = None
    ) -> None:
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=5,
            pool_timeout=3,
            hide_parameters=True,  # an error is logged, and they hold what guests said of themselves
            connect_args={
                "timeout": 3,
                "command_timeout": 10,
                "server_settings": {"application_name": "photochanger", "timezone": "UTC"},
            },
        )
        if password_now:
            event.listen(self.engine.sync_engine, "do_connect", partial(_use_password, password_now))
        event.listen(self.engine.sync_engine, "checkin", _rest)
        event.listen(self.engine.sync_engine, "checkout", _require_open)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session in one transaction: committed at the end of the block, rolled back on an error."""
        async with self._sessions() as session, session.begin():
            yield session

    def connections_in_use(self) -> int:
        """How many connections are taken right now."""
        return int(self.engine.pool.checkedout())  # type: ignore[attr-defined]

    async def ping(self) -> None:
        """Ask the database a trivial question; raises what the driver raises when it is away."""
        async with self.engine.connect() as connection:
            await connection.execute(text("select 1"))

    async def aclose(self) -> None:
        """Give back every connection."""
        await self.engine.dispose()


def _use_password(
    password_now: Callable[[], str | None], _: Any, __: Any, ___: Any, parameters: dict[str, Any]
) -> None:
    if password := password_now():
        parameters["password"] = password


def _rest(_: Any, record: ConnectionPoolEntry) -> None:
    record.info["rests_since"] = time.monotonic()


def _require_open(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """Have the pool open another one in place of a connection that the server or a router has ended."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError
    if time.monotonic() - record.info.get("rests_since", time.monotonic()) > ASKED_AFTER:
        try:
            connection.ping()
        except Exception as error:
            raise DisconnectionError from error
