"""The verbs of the appliance program that an appliance's life is made of."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from appliance.core.places import FRONT
from appliance.lifecycle import secret_files
from appliance.lifecycle.backup import verbs as backup_verbs
from appliance.lifecycle.backup.target_verbs import Verb
from appliance.lifecycle.database import opened_database
from appliance.settings.environment import Settings


def prepare(settings: Settings, _: argparse.Namespace) -> int:
    """Create the secret files and Nginx files that are missing; the stack's first step."""
    from appliance.lifecycle.stack import prepare as step  # noqa: PLC0415 - each verb loads what it needs

    step.prepare(settings.secrets_dir, settings.media_root)
    return 0


def set_up(settings: Settings, _: argparse.Namespace) -> int:
    """Prepare the database: role, tables and first contents; print the first passwords once."""
    from appliance.lifecycle.stack.set_up import set_up as run  # noqa: PLC0415

    return run(settings)


async def migrations(settings: Settings, _: argparse.Namespace) -> int:
    """Name the pending migrations that do more than add to the tables; exit code 0 if there are none."""
    from appliance.lifecycle.backup import tables  # noqa: PLC0415
    from appliance.migrations.revisions import beyond_adding  # noqa: PLC0415

    async with tables.connected(settings.sqlalchemy_url()) as connection:
        found = beyond_adding(await tables.found_revision(connection))
    print(", ".join(found))
    return 1 if found else 0


def sidecar(_: Settings, __: argparse.Namespace) -> int:
    """Clean up every quarter of an hour and back up every night, until told to stop."""
    program = Path(__file__).with_name("stack") / "sidecar.py"
    os.execv(sys.executable, [sys.executable, "-I", "-S", str(program)])  # noqa: S606 - it becomes the small one


async def free_space(settings: Settings, arguments: argparse.Namespace) -> int:
    """If the disk is low, remove results past half of their lifetime, as few as necessary."""
    from appliance.housekeeping.cleanup import Cleanup  # noqa: PLC0415
    from appliance.housekeeping.disk_guard import DiskGuard  # noqa: PLC0415
    from appliance.lifecycle.doctor.disk import describe  # noqa: PLC0415
    from appliance.media.store import MediaStore  # noqa: PLC0415

    media = MediaStore(settings.media_root)
    async with opened_database(settings) as database:
        guard = DiskGuard(database, media, Cleanup(database, media))
        found = await guard.look() if arguments.dry_run else await guard.free(None, by="cli")
    print(found.model_dump_json() if arguments.json else describe(found))
    return 0


async def busy(settings: Settings, _: argparse.Namespace) -> int:
    """Print how many photos are in progress; exit code 0 if there are none."""
    from appliance.lifecycle.stack import smoke as work  # noqa: PLC0415

    async with opened_database(settings) as database:
        count = await work.busy(settings, database)
    print(count)
    return 1 if count else 0


async def smoke(settings: Settings, _: argparse.Namespace) -> int:
    """Send a photo to the running app, check that it becomes a picture, and remove it again."""
    from appliance.lifecycle.stack import smoke as work  # noqa: PLC0415

    async with opened_database(settings) as database:
        tried = await work.try_one_photo(settings, database)
    print(tried.said)
    return 0 if tried.ok else 1


async def doctor(settings: Settings, arguments: argparse.Namespace) -> int:
    """Check everything from outside and say on one page what is fine, what is not, and what to do."""
    from appliance.lifecycle.doctor import examine as work  # noqa: PLC0415

    checks = await work.examine(settings, front=FRONT)
    print(work.as_json(checks) if arguments.json else work.page(checks, also_bad=arguments.also_bad))
    return 1 if any(each.state == "bad" for each in checks) else 0


async def preflight(settings: Settings, arguments: argparse.Namespace) -> int:
    """Have the running app try everything that the evening needs, including slots and a restore."""
    from appliance.lifecycle.doctor import examine  # noqa: PLC0415
    from appliance.lifecycle.doctor import preflight as work  # noqa: PLC0415

    code, checks = await work.run(settings, front=FRONT, paid=arguments.paid, sure=arguments.yes)
    if checks:
        print(examine.as_json(checks) if arguments.json else examine.page(checks))
    return code


async def support_bundle(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write what a remote helper needs to standard output, without secrets and pictures."""
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
    """Make a certificate for these names, signed by a local authority that the booths must trust."""
    from appliance.lifecycle.stack.prepare import make_certificate as run  # noqa: PLC0415

    is_new = run(settings.secrets_dir, settings.media_root, arguments.name, fresh=arguments.new_authority)
    if is_new:
        print("Made with a new authority. Install it on every booth PC and phone: http://ADDRESS/ca.crt")
    else:
        print("Made with the authority that booths already trust: http://ADDRESS/ca.crt")
    return 0


async def models(settings: Settings, arguments: argparse.Namespace) -> int:
    """List the providers' models with state, last day, successor and price; --check asks the providers."""
    from appliance.lifecycle.models import models as run  # noqa: PLC0415

    return await run(settings, arguments)


async def rotate_encryption_key(settings: Settings, arguments: argparse.Namespace) -> int:
    """Re-encrypt the secrets in the database with a new key; nothing is restarted or entered again."""
    from appliance.accounts.repository import AccountRepository  # noqa: PLC0415
    from appliance.backups.repository import BackupRepository  # noqa: PLC0415
    from appliance.core.encryption import EncryptionKeys  # noqa: PLC0415
    from appliance.providers.stored_keys import encrypt_again  # noqa: PLC0415
    from appliance.staff.alerts.channels import encrypt_addresses_again  # noqa: PLC0415
    from appliance.staff.webhooks.service import encrypt_webhooks_again  # noqa: PLC0415

    encryption = EncryptionKeys(settings.secrets_dir)
    encryption.ensure()
    encryption.rotate()
    async with opened_database(settings) as database, database.session() as session:
        count, lost = await encrypt_again(session, encryption)
        target_too = await BackupRepository(session).encrypt_again(encryption)
        addresses, lost_addresses = await encrypt_addresses_again(session, encryption)
        webhooks, lost_webhooks = await encrypt_webhooks_again(session, encryption)
        AccountRepository(session).record(
            "cli", "encryption_key.rotated", encrypted_again=count, retired_old=arguments.retire_old
        )
    if arguments.retire_old:
        encryption.retire_old()
    print(f"Provider keys encrypted with the new key: {count}.")
    if addresses + webhooks:
        print(f"Alert addresses: {addresses}. Webhooks: {webhooks}.")
    if again := lost + lost_addresses + lost_webhooks:
        print(
            f"{again} could not be read before either: enter them again in the settings of the admin pages."
        )
    if not target_too:
        print("The password or key of the backup target was already unreadable: enter it again.")
    return 0


async def announce(settings: Settings, arguments: argparse.Namespace) -> int:
    """Announce the machine's .local name in the local network, until told to stop."""
    from appliance.lifecycle.stack.announce import run  # noqa: PLC0415

    if not settings.local_name:
        print("PHOTOCHANGER_LOCAL_NAME is not set: there is no name to announce.", file=sys.stderr)
        return 2
    return await run(settings.local_name, arguments.port, arguments.address)


VERBS: dict[str, Verb] = {
    "prepare": prepare,
    "set-up": set_up,
    "migrations": migrations,
    "sidecar": sidecar,
    "first-passwords": secret_files.first_passwords,
    **backup_verbs.VERBS,
    "free-space": free_space,
    "busy": busy,
    "smoke": smoke,
    "doctor": doctor,
    "preflight": preflight,
    "support-bundle": support_bundle,
    "welcome": welcome,
    "make-certificate": make_certificate,
    "announce": announce,
    "rotate-encryption-key": rotate_encryption_key,
    "make-backup-passphrase": secret_files.make_backup_passphrase,
    "models": models,
    "node-secrets": secret_files.node_secrets,
    "show-metrics-token": secret_files.show_metrics_token,
}


def add_arguments(made: dict[str, argparse.ArgumentParser]) -> None:
    """The options of these verbs."""
    backup_verbs.add_arguments(made)
    made["free-space"].add_argument("--dry-run", action="store_true", help="only say what would be removed")
    made["free-space"].add_argument("--json", action="store_true", help="print the result as JSON")
    made["models"].add_argument("--check", action="store_true", help="ask each provider; this costs nothing")
    made["models"].add_argument("--json", action="store_true", help="print the models as JSON")
    for verb in ("doctor", "preflight"):
        made[verb].add_argument("--json", action="store_true", help="print the findings as JSON")
    made["doctor"].add_argument(
        "--also-bad", type=int, default=0, metavar="N", help="how many other checks were bad, for the total"
    )
    made["preflight"].add_argument(
        "--paid", action="store_true", help="also take one photo with each slot that costs money; asks first"
    )
    made["preflight"].add_argument("--yes", action="store_true", help="with --paid: do not ask")
    made["support-bundle"].add_argument(
        "--logs", action="store_true", help="read the stack's logs from standard input"
    )
    made["welcome"].add_argument(
        "base", nargs="+", metavar="ADDRESS", help="such as http://192.168.1.20:8080"
    )
    made["welcome"].add_argument("--no-qr", action="store_true")
    made["announce"].add_argument("--port", type=int, required=True, metavar="N", help="the public port")
    made["announce"].add_argument(
        "--address", metavar="IP", help="announce this address instead of the one found"
    )
    made["make-certificate"].add_argument(
        "--new-authority",
        action="store_true",
        help="use a new authority, which must be installed on every booth PC",
    )
    made["make-certificate"].add_argument("name", nargs="+", help="host names and addresses of this machine")
