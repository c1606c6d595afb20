"""The verbs that make a backup and put one back."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.core.language import Message
from appliance.core.places import FRONT
from appliance.lifecycle.backup import target_verbs
from appliance.lifecycle.backup.gently import give_way
from appliance.lifecycle.backup.passphrase import passphrase_of
from appliance.lifecycle.backup.problem import BackupProblem
from appliance.lifecycle.backup.unfinished import end_in_order
from appliance.lifecycle.database import opened_database
from appliance.settings.environment import Settings

if TYPE_CHECKING:
    from appliance.core.db import Database
    from appliance.lifecycle.backup.write import BackupRequest, BackupResult


async def backup(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write the database, the secret files and the pictures to one file, while the appliance runs."""
    from appliance.lifecycle.backup import write as work  # noqa: PLC0415
    from appliance.staff.alerts.alive import reported  # noqa: PLC0415

    end_in_order()
    to = arguments.to or (settings.backup_dir and str(settings.backup_dir))
    if not to:
        raise BackupProblem(Message("Give a folder with --to DIR, or set PHOTOCHANGER_BACKUP_DIR."))
    passphrase = passphrase_of(settings, arguments.passphrase_file)
    keep = settings.backup_keep if arguments.keep is None else arguments.keep
    now = datetime.now().astimezone()
    if arguments.if_due and not work.is_due(Path(to), settings.backup_hour, now):
        print("No backup is due.")
        return 0
    if arguments.if_due or arguments.gently:
        give_way()
    request = work.BackupRequest(
        to, passphrase, keep, arguments.database_only, recent_history=arguments.recent_history
    )
    async with opened_database(settings) as database:
        await reported(database, "backup", _write(settings, database, request, as_json=arguments.json))
    by_itself = arguments.if_due or arguments.database_only or arguments.no_send  # the sidecar sends those
    if by_itself or settings.backup_dir is None or Path(to) != settings.backup_dir:
        return 0
    return await target_verbs.send_now(settings, quietly=arguments.json)


async def _write(settings: Settings, database: Database, request: BackupRequest, *, as_json: bool) -> int:
    from appliance.jobs.tally import note_success  # noqa: PLC0415
    from appliance.lifecycle.backup import write as work  # noqa: PLC0415

    made = await work.make(settings, request)
    if not request.database_only:
        async with database.session() as session:
            await note_success(session, "backup")
    facts = {**asdict(made), "encrypted": request.passphrase is not None}
    print(
        json.dumps(facts) if as_json else _describe(made),
        file=sys.stderr if request.to == "-" else sys.stdout,
    )
    return 0


def _describe(made: BackupResult) -> str:
    missing = f" {made.missing} pictures were deleted meanwhile." if made.missing else ""
    what = f"{made.rows} rows and {made.pictures} pictures, {made.size / 1e6:.1f} MB"
    keys = "" if made.holds_keys else " Without a passphrase it holds no secret files: no keys, no passwords."
    return f"{made.path}: {what}, in {made.seconds:.1f} s.{missing}{keys}"


async def restore(settings: Settings, arguments: argparse.Namespace) -> int:
    """Restore a backup in place of what is there; refuse a damaged one before touching anything."""
    from appliance.lifecycle.backup import restore as work  # noqa: PLC0415

    if not arguments.while_running and not arguments.check:
        work.refuse_while_the_app_runs(settings, FRONT)
    passphrase = passphrase_of(settings, arguments.passphrase_file)
    source = await _source(settings, arguments)
    with work.opened(source, sys.stdin.buffer, settings.backup_dir) as file:
        if arguments.check:
            print(f"It is complete: {work.check(file, passphrase, settings.media_root)}.")
            return 0
        done = await work.restore(settings, file, passphrase)
    print(
        f"Restored what version {done.version} backed up at {done.made_at}: "
        f"{done.rows} rows, {done.pictures} pictures."
    )
    if done.keys_to_enter:
        print("These provider keys cannot be read here. Enter them again in the settings of the admin pages:")
        print("\n".join(f"  {key}" for key in done.keys_to_enter))
    print(
        "API tokens and booth keys that were revoked on another machine after that have to be revoked again."
    )
    await target_verbs.say_if_held(settings)
    return 0


async def _source(settings: Settings, arguments: argparse.Namespace) -> str:
    """The file that is meant; one at the target is fetched into the folder of backups first."""
    if (arguments.file is None) == (arguments.from_target is None):
        raise BackupProblem(Message("Name a backup: FILE or --from-target."))
    if arguments.from_target is None:
        return _found(arguments.file, settings)
    return str(await target_verbs.fetched(settings, arguments.from_target or None, settings.backup_dir))


def _found(name: str, settings: Settings) -> str:
    """A backup by its path, or by its name in the folder of backups."""
    if name == "-" or Path(name).exists() or settings.backup_dir is None:
        return name
    return str(settings.backup_dir / name)


VERBS: dict[str, target_verbs.Verb] = {"backup": backup, "restore": restore, **target_verbs.VERBS}


def add_arguments(made: dict[str, argparse.ArgumentParser]) -> None:
    """The options of these verbs."""
    made["backup"].add_argument("--to", metavar="DIR", help="the folder, or - for standard output")
    made["backup"].add_argument(
        "--keep", type=int, metavar="N", help="how many backups to keep in the folder; 0: all"
    )
    made["backup"].add_argument("--database-only", action="store_true", help="leave out the pictures")
    made["backup"].add_argument(
        "--recent-history",
        action="store_true",
        help="only the last two days of the history; can only be restored into the same database",
    )
    made["backup"].add_argument(
        "--if-due",
        action="store_true",
        help="only if none has been made since the hour of the nightly backup",
    )
    made["backup"].add_argument("--json", action="store_true", help="print what was made as JSON")
    made["backup"].add_argument("--gently", action="store_true", help="give way to photos; takes longer")
    made["backup"].add_argument("--no-send", action="store_true", help="do not send it to the target")
    made["restore"].add_argument("file", metavar="FILE", nargs="?", help="a path, the name of a backup, or -")
    made["restore"].add_argument(
        "--from-target",
        metavar="NAME",
        nargs="?",
        const="",
        help="fetch it from the target: this one, or else the newest",
    )
    made["restore"].add_argument(
        "--check", action="store_true", help="only check that it is complete and has room here"
    )
    made["restore"].add_argument("--while-running", action="store_true", help="even if the app is running")
    target_verbs.add_arguments(made)
    for verb in ("backup", "restore", "prove-backup"):
        made[verb].add_argument(
            "--passphrase-file",
            metavar="FILE",
            help="file with the passphrase in its first line, or - for standard input",
        )
