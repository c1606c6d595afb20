"""The app's role and database on the stack's server: made if missing, the password set at every start."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_PATIENCE = 60.0


async def ensure(url: URL, superuser_password: str) -> None:
    """Give the role in ``url`` its password, and its database if there is none.

    Raises ``asyncpg.InvalidPasswordError`` when the server has another superuser password than the
    file, and ``ValueError`` for a password that cannot be written into a statement.
    """
    connection = await _connect(url, superuser_password)
    try:
        await give_database(connection, url.username or "", str(url.password or ""), url.database or "")
    finally:
        await connection.close()


async def give_database(connection: Any, role: str, password: str, name: str) -> None:
    """The same over the superuser's ``connection``, of both ways to run."""
    if "'" in password or "\\" in password or not password:
        raise ValueError("The file database-password may not be empty or hold quotes or backslashes.")
    await connection.execute("set log_statement = 'none'; set log_min_error_statement = 'panic'")
    quoted_role, quoted_name = await connection.fetchrow(
        "select quote_ident($1), quote_ident($2)", role, name
    )
    known = await connection.fetchval("select 1 from pg_roles where rolname = $1", role)
    verb = "alter" if known else "create"
    await connection.execute(f"{verb} role {quoted_role} login nosuperuser createdb password '{password}'")
    if not await connection.fetchval("select 1 from pg_database where datname = $1", name):
        await connection.execute(f"create database {quoted_name} owner {quoted_role}")


async def _connect(url: URL, password: str) -> Any:
    """As the server's superuser, as soon as it takes connections."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return await asyncpg.connect(
                host=url.host,
                port=url.port or 5432,
                user="postgres",
                password=password,
                database="postgres",
                timeout=5,
            )
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            if time.monotonic() > until:
                raise
        await asyncio.sleep(0.2)
