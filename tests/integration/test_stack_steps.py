"""The stack's steps that need a database, and an upgrade's test photo, on this appliance's own server."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import URL, make_url

from appliance.core.db import Database
from appliance.core.secrets import FirstPasswordFile
from appliance.lifecycle.stack import role, set_up, smoke
from appliance.settings.environment import Settings
from tests.support.stack import CHECKOUT, Stack


@dataclass(frozen=True)
class NewServer:
    """A server of which we know the superuser's password and nothing else."""

    url: URL
    superuser_password: str

    async def value(self, query: str) -> object:
        return await _asked(self.url, query)


async def _asked(url: URL, query: str) -> object:
    connection = await asyncpg.connect(
        host=url.host, port=url.port, user=url.username, password=url.password, database=url.database
    )
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.fixture
async def server(stack: Stack) -> AsyncIterator[NewServer]:
    name, file = f"steps_{secrets.token_hex(4)}", stack.data / "secrets/database-superuser-password"
    password = file.read_text(encoding="utf-8").strip()
    url = make_url(stack.dsn()).set(username=name, password=secrets.token_urlsafe(12), database=name)
    yield NewServer(url, password)
    root = url.set(username="postgres", password=password, database="postgres")
    for statement in (f"drop database if exists {name} with (force)", f"drop role if exists {name}"):
        await _asked(root, statement)


async def test_the_role_and_its_database_are_made_and_the_password_set_anew(server: NewServer) -> None:
    await role.ensure(server.url, server.superuser_password)
    assert await server.value("select current_user") == server.url.username
    assert await server.value("select rolsuper from pg_roles where rolname = current_user") is False
    other = server.url.set(password="another one")
    await role.ensure(other, server.superuser_password)
    assert await _asked(other, "select 1") == 1
    with pytest.raises(asyncpg.InvalidPasswordError):
        await server.value("select 1")


async def test_an_app_that_runs_uses_a_password_that_was_set_anew(server: NewServer, tmp_path: Path) -> None:
    settings = Settings(
        database_url=server.url._replace(password=None).render_as_string(),
        media_root=tmp_path / "media",
        secrets_dir=tmp_path,
        config_file=CHECKOUT / "config/appliance.toml",
    )
    file = tmp_path / "database-password"
    for password in ("the first", "another"):
        file.write_text(password + "\n")
        await role.ensure(server.url.set(password=password), server.superuser_password)
        if password == "the first":
            database = Database(settings.sqlalchemy_url(), password_now=settings.database_password_now)
        await database.ping()
        await database.engine.dispose()  # the next one is a new connection
    await database.aclose()


@pytest.mark.parametrize("password", ["it's", "back\\slash", ""])
async def test_a_password_that_does_not_fit_into_a_statement_is_refused(
    server: NewServer, password: str
) -> None:
    with pytest.raises(ValueError, match="database-password"):
        await role.ensure(server.url.set(password=password), server.superuser_password)


async def test_a_wrong_superuser_password_is_no_reason_to_wait(server: NewServer) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await role.ensure(server.url, "wrong")


@pytest.fixture
def fresh(server: NewServer, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A stack that was never started, on this server."""
    monkeypatch.setenv("DATABASE_SECRET_DIR", str(stack.data / "secrets"))
    return Settings(
        database_url=server.url.render_as_string(hide_password=False),
        media_root=tmp_path / "media",
        secrets_dir=tmp_path / "secrets",
        config_file=CHECKOUT / "config/appliance.toml",
    )


async def test_a_first_start_makes_tables_and_passwords_and_a_second_one_nothing(
    fresh: Settings, server: NewServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await in_thread(fresh) == 0
    told = capsys.readouterr().out
    first = FirstPasswordFile(fresh.secrets_dir).read()
    assert first["ingest"]
    assert first["ingest"] in told
    assert all(password in told for password in first["accounts"].values())
    assert await server.value("select count(*) from slot") == 15
    assert await in_thread(fresh) == 0
    assert "First passwords" not in capsys.readouterr().out
    assert FirstPasswordFile(fresh.secrets_dir).read() == first


async def test_a_superuser_password_that_was_lost_is_named_in_one_line_that_says_what_to_do(
    fresh: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "database-superuser-password").write_text("made anew")
    monkeypatch.setenv("DATABASE_SECRET_DIR", str(tmp_path))
    assert await in_thread(fresh) == 1
    (told,) = capsys.readouterr().out.splitlines()
    assert "database-superuser-password" in told
    manual, heading = re.findall(r"(docs/\S+\.md), (.+)\.", told)[0]
    assert f"# {heading}\n" in (CHECKOUT / manual).read_text(encoding="utf-8")


async def test_tables_of_a_newer_version_are_left_as_they_are(
    fresh: Settings, server: NewServer, capsys: pytest.CaptureFixture[str]
) -> None:
    await in_thread(fresh)
    await server.value("update alembic_version set version_num = '9999'")
    assert await in_thread(fresh) == 0
    assert "set_up.newer_tables" in capsys.readouterr().out
    assert await server.value("select version_num from alembic_version") == "9999"


async def in_thread(settings: Settings) -> int:
    """As the step runs: with no loop around it."""
    return await asyncio.to_thread(set_up.set_up, settings)


@pytest.fixture
async def running(stack: Stack, tmp_path: Path) -> AsyncIterator[tuple[Settings, Database]]:
    """The appliance that runs, as its own verbs see it."""
    settings = Settings(
        database_url=stack.dsn(),
        media_root=stack.media,
        secrets_dir=stack.data / "secrets",
        config_file=CHECKOUT / "config/appliance.toml",
        listen=stack.listen,
    )
    database = Database(settings.sqlalchemy_url(), pool_size=1)
    yield settings, database
    await database.aclose()


@pytest.mark.parametrize("first_password_is_known", [True, False])
async def test_a_test_photo_becomes_a_picture_that_no_guest_sees(
    running: tuple[Settings, Database], stack: Stack, tmp_path: Path, *, first_password_is_known: bool
) -> None:
    settings, database = running
    if not first_password_is_known:
        settings = settings.model_copy(update={"secrets_dir": tmp_path})
    password = "select value from app_settings where key = 'ingest_password'"
    before, newest = await stack.value(password), "select max(created_at) from job_history"
    done = await smoke.try_one_photo(settings, database)
    assert done.ok, done.said
    assert "made a picture of" in done.said
    job = f"select source from job_history where created_at = ({newest})"
    assert await stack.value(job) == "test"
    assert await stack.value(password) == before
    assert await smoke.busy(settings, database) == 0


async def test_an_upload_that_has_only_begun_counts_as_a_photo_in_flight(
    running: tuple[Settings, Database], tmp_path: Path
) -> None:
    settings, database = running
    (tmp_path / "temp/slot-001/job").mkdir(parents=True)
    assert await smoke.busy(settings.model_copy(update={"media_root": tmp_path}), database) == 1
