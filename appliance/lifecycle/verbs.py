"""The verbs of the appliance program that an appliance's life is made of."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.lifecycle import secret_files
from appliance.lifecycle.backup.problem import BackupProblem
from appliance.settings.environment import Settings

if TYPE_CHECKING:
    from appliance.core.db import Database
    from appliance.lifecycle.backup.write import BackupResult

FRONT = Path("/var/lib/photochanger/front")  # what Nginx is given; only there in the stack

Verb = Callable[[Settings, argparse.Namespace], "int | Awaitable[int]"]


def prepare(settings: Settings, _: argparse.Namespace) -> int:
    """Make the secret files and Nginx's files that are missing; the stack's first step."""
    from appliance.lifecycle.stack import prepare as step  # noqa: PLC0415 - each verb loads what it needs

    step.prepare(settings.secrets_dir, settings.media_root)
    return 0


def set_up(settings: Settings, _: argparse.Namespace) -> int:
    """Make the database ready: role, tables, what is seeded; prints the first passwords once."""
    from appliance.lifecycle.stack.set_up import set_up as run  # noqa: PLC0415

    return run(settings)


def sidecar(_: Settings, __: argparse.Namespace) -> int:
    """Clean up every quarter of an hour and back up every night, until told to stop."""
    program = Path(__file__).with_name("stack") / "sidecar.py"
    os.execv(sys.executable, [sys.executable, "-I", "-S", str(program)])  # noqa: S606 - it becomes the small one


async def backup(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write the database, the secret files and the pictures into one file, while the appliance works."""
    from appliance.jobs.tally import note_success  # noqa: PLC0415
    from appliance.lifecycle.backup import write as work  # noqa: PLC0415

    to = arguments.to or (settings.backup_dir and str(settings.backup_dir))
    if not to:
        raise BackupProblem("Say where to with --to DIR, or set PHOTOCHANGER_BACKUP_DIR.")
    passphrase = _passphrase(settings, arguments.passphrase_file)
    keep = settings.backup_keep if arguments.keep is None else arguments.keep
    now = datetime.now().astimezone()
    if arguments.if_due and not work.is_due(Path(to), settings.backup_hour, now):
        print("No backup is due.")
        return 0
    request = work.BackupRequest(
        to, passphrase, keep, arguments.database_only, recent_history=arguments.recent_history
    )
    made = await work.make(settings, request)
    if not arguments.database_only:
        async with _database(settings) as database, database.session() as session:
            await note_success(session, "backup")
    facts = {**asdict(made), "encrypted": passphrase is not None}
    print(
        json.dumps(facts) if arguments.json else _describe(made), file=sys.stderr if to == "-" else sys.stdout
    )
    return 0


def _describe(made: BackupResult) -> str:
    missing = f" {made.missing} pictures were deleted meanwhile." if made.missing else ""
    what = f"{made.rows} rows and {made.pictures} pictures, {made.size / 1e6:.1f} MB"
    keys = "" if made.holds_keys else " Without a passphrase it holds no secret files: no keys, no passwords."
    return f"{made.path}: {what}, in {made.seconds:.1f} s.{missing}{keys}"


async def restore(settings: Settings, arguments: argparse.Namespace) -> int:
    """Put a backup in the place of what is there; refuses a damaged one before touching anything."""
    from appliance.lifecycle.backup import restore as work  # noqa: PLC0415

    if not arguments.while_running and not arguments.check:
        work.refuse_while_the_app_runs(settings, FRONT)
    passphrase = _passphrase(settings, arguments.passphrase_file)
    with work.opened(_found(arguments.file, settings), sys.stdin.buffer, settings.backup_dir) as file:
        if arguments.check:
            print(f"It is whole: {work.check(file, passphrase)}.")
            return 0
        done = await work.restore(settings, file, passphrase)
    print(
        f"Restored what version {done.version} backed up at {done.made_at}: "
        f"{done.rows} rows, {done.pictures} pictures."
    )
    if done.keys_to_enter:
        print("These provider keys cannot be read here. Enter them again in the settings of the admin pages:")
        print("\n".join(f"  {key}" for key in done.keys_to_enter))
    return 0


def _found(name: str, settings: Settings) -> str:
    """A backup by its path, or by its name in the folder of backups."""
    if name == "-" or Path(name).exists() or settings.backup_dir is None:
        return name
    return str(settings.backup_dir / name)


def _passphrase(settings: Settings, file: str | None) -> str | None:
    """The first line of a file or, for ``-``, of standard input; else that of the nightly backups, if any."""
    from appliance.core.secrets import BackupPassphrase  # noqa: PLC0415

    if file is None:
        return BackupPassphrase(settings.secrets_dir).read()
    if file == "-":
        found = _first_line()
    else:
        found = Path(file).read_text(encoding="utf-8").partition("\n")[0].strip()
    if not found:
        raise BackupProblem("The passphrase is empty.")
    return found


def _first_line() -> str:
    """Byte by byte, so that what follows, perhaps the backup, is left."""
    line = bytearray()
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode().strip()


async def free_space(settings: Settings, arguments: argparse.Namespace) -> int:
    """When the disk is low, remove results past half their time, as few as make room again."""
    from appliance.housekeeping.cleanup import Cleanup  # noqa: PLC0415
    from appliance.housekeeping.disk_guard import DiskGuard  # noqa: PLC0415
    from appliance.lifecycle.doctor.disk import describe  # noqa: PLC0415
    from appliance.media.store import MediaStore  # noqa: PLC0415

    media = MediaStore(settings.media_root)
    async with _database(settings) as database:
        guard = DiskGuard(database, media, Cleanup(database, media))
        found = await guard.look() if arguments.dry_run else await guard.free(None, by="cli")
    print(found.model_dump_json() if arguments.json else describe(found))
    return 0


async def busy(settings: Settings, _: argparse.Namespace) -> int:
    """Say how many photos are in flight; exit code 0 when there is none."""
    from appliance.lifecycle.stack import smoke as work  # noqa: PLC0415

    async with _database(settings) as database:
        count = await work.busy(settings, database)
    print(count)
    return 1 if count else 0


async def smoke(settings: Settings, _: argparse.Namespace) -> int:
    """Send a photo to the running app and see that it becomes a picture; it is removed again."""
    from appliance.lifecycle.stack import smoke as work  # noqa: PLC0415

    async with _database(settings) as database:
        tried = await work.try_one_photo(settings, database)
    print(tried.said)
    return 0 if tried.ok else 1


async def doctor(settings: Settings, arguments: argparse.Namespace) -> int:
    """Look at everything and say on one page what is well, what is not, and what to do."""
    from appliance.lifecycle.doctor import examine as work  # noqa: PLC0415
    from appliance.lifecycle.doctor.findings import State  # noqa: PLC0415

    findings = await work.examine(settings, front=FRONT)
    print(work.as_json(findings) if arguments.json else work.page(findings))
    return 1 if any(each.state is State.BAD for each in findings) else 0


async def support_bundle(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write what somebody who helps needs to standard output, without secrets and pictures."""
    from appliance.lifecycle.doctor import support_bundle as work  # noqa: PLC0415

    logs = sys.stdin.buffer.read().decode(errors="replace") if arguments.logs else ""
    await work.write(settings, sys.stdout.buffer, logs, front=FRONT)
    return 0


def welcome(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print the addresses, a QR code of the admin pages and the first passwords."""
    from appliance.core.secrets import FirstPasswordFile  # noqa: PLC0415
    from appliance.lifecycle.stack.welcome import text  # noqa: PLC0415

    file = FirstPasswordFile(settings.secrets_dir)
    print(text(arguments.base, file.read(), qr=not arguments.no_qr), flush=True)
    file.forget_backup()
    return 0


def make_certificate(settings: Settings, arguments: argparse.Namespace) -> int:
    """Make a certificate for these names under a local authority, whose root the booths install."""
    from appliance.lifecycle.stack.prepare import make_certificate as run  # noqa: PLC0415

    is_new = run(settings.secrets_dir, settings.media_root, arguments.name, fresh=arguments.new_authority)
    if is_new:
        print("Made, under a new authority. Install it on every booth PC and phone: http://ADDRESS/ca.crt")
    else:
        print("Made, under the authority that booths know: http://ADDRESS/ca.crt")
    return 0


async def models(settings: Settings, arguments: argparse.Namespace) -> int:
    """List the providers' models with state, end, successor and price; --check asks the providers."""
    from appliance.lifecycle.models import models as run  # noqa: PLC0415

    return await run(settings, arguments)


async def rotate_encryption_key(settings: Settings, arguments: argparse.Namespace) -> int:
    """Encrypt the providers' keys with a new key; nothing is restarted and nothing entered again."""
    from appliance.accounts.repository import AccountRepository  # noqa: PLC0415
    from appliance.core.encryption import EncryptionKeys  # noqa: PLC0415
    from appliance.providers.stored_keys import encrypt_again  # noqa: PLC0415

    encryption = EncryptionKeys(settings.secrets_dir)
    encryption.ensure()
    encryption.rotate()
    async with _database(settings) as database, database.session() as session:
        count, lost = await encrypt_again(session, encryption)
        AccountRepository(session).record(
            "cli", "encryption_key.rotated", encrypted_again=count, retired_old=arguments.retire_old
        )
    if arguments.retire_old:
        encryption.retire_old()
    print(f"{count} provider keys are encrypted with the new key.")
    if lost:
        print(f"{lost} could not be read before either: enter them again in the settings of the admin pages.")
    return 0


async def announce(settings: Settings, arguments: argparse.Namespace) -> int:
    """Announce the machine's .local name in the local network, until told to stop."""
    from appliance.lifecycle.stack.announce import run  # noqa: PLC0415

    if not settings.local_name:
        print("PHOTOCHANGER_LOCAL_NAME is not set: there is no name to announce.", file=sys.stderr)
        return 2
    return await run(settings.local_name, arguments.port, arguments.address)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    from appliance.core.db import Database  # noqa: PLC0415

    database = Database(settings.sqlalchemy_url(), pool_size=1)
    try:
        yield database
    finally:
        await database.aclose()


VERBS: dict[str, Verb] = {
    "prepare": prepare,
    "set-up": set_up,
    "sidecar": sidecar,
    "first-passwords": secret_files.first_passwords,
    "backup": backup,
    "restore": restore,
    "free-space": free_space,
    "busy": busy,
    "smoke": smoke,
    "doctor": doctor,
    "support-bundle": support_bundle,
    "welcome": welcome,
    "make-certificate": make_certificate,
    "announce": announce,
    "rotate-encryption-key": rotate_encryption_key,
    "make-backup-passphrase": secret_files.make_backup_passphrase,
    "models": models,
    "show-metrics-token": secret_files.show_metrics_token,
}


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
        help="only the last days of the history; can be restored only into the same database",
    )
    made["backup"].add_argument(
        "--if-due", action="store_true", help="only if none was made since the hour of the nightly one"
    )
    made["backup"].add_argument("--json", action="store_true", help="print what was made as JSON")
    made["restore"].add_argument("file", metavar="FILE", help="a path, the name of a backup, or -")
    made["restore"].add_argument("--check", action="store_true", help="only check that it is complete")
    made["restore"].add_argument("--while-running", action="store_true", help="even if the app is running")
    made["free-space"].add_argument("--dry-run", action="store_true", help="only say what would be removed")
    made["free-space"].add_argument("--json", action="store_true", help="print the result as JSON")
    made["models"].add_argument("--check", action="store_true", help="ask each provider; this costs nothing")
    made["models"].add_argument("--json", action="store_true", help="print the models as JSON")
    made["doctor"].add_argument("--json", action="store_true", help="print the findings as JSON")
    made["support-bundle"].add_argument(
        "--logs", action="store_true", help="read the stack's logs from standard input"
    )
    made["welcome"].add_argument(
        "base", nargs="+", metavar="ADDRESS", help="such as http://192.168.1.20:8080"
    )
    made["welcome"].add_argument("--no-qr", action="store_true")
    made["announce"].add_argument("--port", type=int, required=True, metavar="N", help="the public port")
    made["announce"].add_argument("--address", metavar="IP", help="instead of the one that is found")
    made["make-certificate"].add_argument(
        "--new-authority", action="store_true", help="with a new authority, which every booth PC must install"
    )
    made["make-certificate"].add_argument("name", nargs="+", help="host names and addresses of this machine")
    for verb in ("backup", "restore"):
        made[verb].add_argument(
            "--passphrase-file",
            metavar="FILE",
            help="file with the passphrase in its first line, or - for standard input",
        )
