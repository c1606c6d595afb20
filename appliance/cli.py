"""The ``appliance`` program: one program, many verbs. ``appliance VERB --help`` says more.

Exit codes: 0 done; 1 it failed; 2 wrong usage, environment or config file; 3 the database does
not answer; 143 it was asked to end.

Each verb imports what it needs when it runs: the small ones start in less than half the time.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Sequence
from dataclasses import asdict
from pathlib import Path
from socket import gaierror
from typing import Any

from appliance import __version__
from appliance.core import logging
from appliance.core.names import look_up_apart
from appliance.lifecycle import verbs as lifecycle
from appliance.lifecycle.backup.problem import BackupProblem, tell
from appliance.lifecycle.backup.target_verbs import Verb
from appliance.lifecycle.database import opened_database
from appliance.settings.environment import Settings, SettingsError, load_settings

EXIT_FAILED, EXIT_USAGE, EXIT_NO_DATABASE, EXIT_TERMINATED = 1, 2, 3, 143

_DURATION = re.compile(r"(\d+)([smh]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def duration(value: str) -> int:
    """``90``, ``30s``, ``15m`` or ``1h`` in seconds; raises ``ArgumentTypeError``."""
    found = _DURATION.fullmatch(value)
    if not found or int(found[1]) == 0:
        raise argparse.ArgumentTypeError("must be a time such as 90, 30s, 15m or 1h")
    return int(found[1]) * _SECONDS[found[2]]


def serve(settings: Settings, _: argparse.Namespace) -> int:
    """Answer requests until told to stop; photos in progress are finished first."""
    from appliance.app import create_app
    from appliance.core.node_door import FrontDoorOnly, NodeDoor
    from appliance.core.node_secret import NodeSecret
    from appliance.core.serving import serve as run
    from appliance.core.siblings import socket_beside

    door = NodeDoor(settings.node_place()) if settings.node > 1 else None
    app = create_app(settings, door)
    at_door = None
    if door:
        own = socket_beside(settings.listen, settings.process)
        at_door = FrontDoorOnly(app, door, NodeSecret.of(settings.secrets_dir), own)
    began = run(
        app,
        app.state.stopping,
        settings.listen_options(),
        settings.trusted_proxies,
        others=settings.several,
        door=door,
        at_door=at_door,
    )
    return 0 if began else EXIT_FAILED


def migrate(settings: Settings, _: argparse.Namespace) -> int:
    """Bring the database's tables to this version."""
    from appliance.migrations.runner import upgrade

    upgrade(settings.sqlalchemy_url())
    return 0


async def seed(settings: Settings, _: argparse.Namespace) -> int:
    """Insert the accounts, slots and defaults that do not exist yet; print one JSON line."""
    from appliance.config_file import load_config
    from appliance.core.secrets import FirstPasswordFile
    from appliance.providers.catalogue.files import installed
    from appliance.providers.registry import ProviderRegistry
    from appliance.seed import seed as run
    from appliance.settings.operator import OperatorSettings

    registry = ProviderRegistry(
        OperatorSettings(), catalogue=installed(settings.config_file, settings.site_dir)
    )
    try:
        config = load_config(settings.config_file, registry)
        async with opened_database(settings) as database:
            report = await run(database, config, FirstPasswordFile(settings.secrets_dir))
    finally:
        await registry.aclose()
    print(json.dumps(asdict(report)), flush=True)
    return 0


async def check(settings: Settings, arguments: argparse.Namespace) -> int:
    """Check the environment, the config file and that the program is complete; print every problem."""
    from appliance.config_file import load_config
    from appliance.providers.catalogue.files import installed
    from appliance.providers.registry import ProviderRegistry
    from appliance.settings.operator import OperatorSettings

    registry = ProviderRegistry(
        OperatorSettings(), catalogue=installed(settings.config_file, settings.site_dir)
    )
    try:
        load_config(settings.config_file, registry)
    finally:
        await registry.aclose()
    if not arguments.settings_only:
        from appliance.admin.app import create_admin
        from appliance.app import create_app

        create_app(settings)
        create_admin()
    for problem in registry.catalogue.problems:
        print(f"Left out: {problem}")
    print("The environment and the config file are fine.")
    return 0


async def cleanup(settings: Settings, arguments: argparse.Namespace) -> int:
    """Remove expired and abandoned files and close interrupted jobs, once or at intervals."""
    from appliance.housekeeping.cleanup import Cleanup
    from appliance.housekeeping.command import run_every, run_once
    from appliance.housekeeping.media_folder import make_media_folders
    from appliance.media.store import MediaStore
    from appliance.staff.alerts.alive import reported

    media = MediaStore(settings.media_root, settings.temp_dir)
    async with opened_database(settings, 2) as database:
        await make_media_folders(media, database)
        work = Cleanup(database, media, settings.node)
        if arguments.every:
            return await run_every(work, arguments.every)
        once = run_once(work, dry_run=arguments.dry_run, as_json=arguments.json)
        return await (once if arguments.dry_run else reported(database, "cleanup", once))


async def set_password(settings: Settings, arguments: argparse.Namespace) -> int:
    """Give an account a new password, read from standard input or, with --make, generated and printed."""
    from appliance.accounts.service import AccountService, UnknownAccount
    from appliance.core.secrets import FirstPasswordFile

    password = _new_password(arguments)
    async with opened_database(settings) as database:
        accounts = AccountService(database, FirstPasswordFile(settings.secrets_dir))
        try:
            await accounts.set_password(arguments.username, password, by="cli")
        except UnknownAccount:
            print(f"There is no account {arguments.username!r}.", file=sys.stderr)
            return EXIT_FAILED
    _print_new_password(arguments, password)
    return 0


async def set_ingest_password(settings: Settings, arguments: argparse.Namespace) -> int:
    """Set a new ingest password, read from standard input or, with --make, generated and printed."""
    from appliance.core.passwords import PasswordChecker
    from appliance.core.secrets import FirstPasswordFile
    from appliance.ingest.credentials import MIN_PASSWORD_CHARS, IngestCredentials

    password = _new_password(arguments)
    if len(password) < MIN_PASSWORD_CHARS:
        print(f"An ingest password has at least {MIN_PASSWORD_CHARS} characters.", file=sys.stderr)
        return EXIT_FAILED
    async with opened_database(settings) as database:
        credentials = IngestCredentials(database, PasswordChecker(), FirstPasswordFile(settings.secrets_dir))
        await credentials.rotate(password, by="cli")
    _print_new_password(arguments, password)
    return 0


async def rotate_signing_key(settings: Settings, arguments: argparse.Namespace) -> int:
    """Sign access tokens with a new key from now on; nobody is logged out and nothing is restarted."""
    from appliance.accounts.keys import SigningKeys
    from appliance.accounts.repository import AccountRepository

    made = SigningKeys(settings.secrets_dir).rotate(retire_old=arguments.retire_old)
    print(made.kid)
    async with opened_database(settings) as database, database.session() as session:
        AccountRepository(session).record(
            "cli", "signing_key.rotated", made.kid, retired_old=arguments.retire_old
        )
    return 0


def collect_static(_: Settings, arguments: argparse.Namespace) -> int:
    """Write the styles and scripts of the pages into a folder for Nginx; print where they are."""
    from appliance.admin import assets

    print(assets.collect(arguments.folder))
    return 0


def openapi(settings: Settings, _: argparse.Namespace) -> int:
    """Print the OpenAPI description of the API as JSON."""
    from appliance.app import create_app

    print(json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False))
    return 0


def _new_password(arguments: argparse.Namespace) -> str:
    from appliance.core.passwords import make_password

    return make_password() if arguments.make else sys.stdin.readline().rstrip("\r\n")


def _print_new_password(arguments: argparse.Namespace, password: str) -> None:
    """A password that was made is shown once it is in force."""
    if arguments.make:
        print(password)


VERBS: dict[str, Verb] = {
    "serve": serve,
    "migrate": migrate,
    "seed": seed,
    "check": check,
    "cleanup": cleanup,
    "set-password": set_password,
    "set-ingest-password": set_ingest_password,
    "rotate-signing-key": rotate_signing_key,
    "collect-static": collect_static,
    "openapi": openapi,
    **lifecycle.VERBS,
}


def build_parser() -> argparse.ArgumentParser:
    """The command line; one sub-command for each verb, its docstring as help."""
    parser = argparse.ArgumentParser(prog="appliance", description="PhotoChanger, the photo-booth appliance.")
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    made: dict[str, argparse.ArgumentParser] = {}
    for name, verb in VERBS.items():
        text = (verb.__doc__ or "").strip()
        made[name] = verbs.add_parser(name, help=text.split("\n")[0], description=text)
    how_often = made["cleanup"].add_mutually_exclusive_group()
    how_often.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    how_often.add_argument("--every", type=duration, metavar="TIME", help="repeat at this interval, e.g. 15m")
    made["cleanup"].add_argument("--json", action="store_true", help="print the counts as JSON")
    made["check"].add_argument(
        "--settings-only", action="store_true", help="skip loading the program, which takes longest"
    )
    made["set-password"].add_argument("username")
    made["rotate-signing-key"].add_argument(
        "--retire-old",
        action="store_true",
        help="if a key has leaked: refuse at once whatever the old keys signed",
    )
    made["rotate-encryption-key"].add_argument(
        "--retire-old", action="store_true", help="forget the earlier keys, which older backups may need"
    )
    made["collect-static"].add_argument("folder", type=Path, metavar="DIR")
    lifecycle.add_arguments(made)
    for name in ("set-password", "set-ingest-password"):
        made[name].add_argument("--make", action="store_true", help="generate a password and print it")
    return parser


async def _awaited(work: Awaitable[int]) -> int:
    look_up_apart(asyncio.get_running_loop())
    return await work


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.verb == "cleanup" and arguments.every and arguments.json:
        parser.error("--json is for a single run; --every writes its counts to the log")
    try:
        settings = load_settings()
        logging.configure(settings.log_level, to_stderr=arguments.verb != "serve")
        outcome: Any = VERBS[arguments.verb](settings, arguments)
        return outcome if isinstance(outcome, int) else asyncio.run(_awaited(outcome))
    except SettingsError as error:  # of the config file too
        print("\n".join(error.problems), file=sys.stderr)
        return EXIT_USAGE
    except (KeyboardInterrupt, asyncio.CancelledError) as ended:  # the latter by SIGTERM
        return EXIT_FAILED if isinstance(ended, KeyboardInterrupt) else EXIT_TERMINATED
    except Exception as error:
        if _means_no_database(error):
            print(f"The database does not answer: {type(error).__name__}: {error}", file=sys.stderr)
            return EXIT_NO_DATABASE
        if isinstance(error, BackupProblem):
            tell(error.said, sys.stderr)
            return EXIT_FAILED
        if isinstance(error, (ValueError, OSError)):
            print(_in_words(error), file=sys.stderr)
            return EXIT_FAILED
        raise


def _in_words(error: ValueError | OSError) -> str:
    if isinstance(error, PermissionError) and error.filename:
        return f"{error.filename} cannot be used by the user {os.geteuid()}, to whom it must belong."
    return str(error)


def _means_no_database(error: Exception) -> bool:
    from sqlalchemy.exc import InterfaceError, OperationalError

    # A container that does not run has no name either.
    return isinstance(error, (OperationalError, InterfaceError, ConnectionError, TimeoutError, gaierror))
