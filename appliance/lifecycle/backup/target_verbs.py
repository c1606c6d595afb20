"""The verbs of the target beside this machine: set, tried, sent to, fetched from; and the proof."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.core.language import Message
from appliance.lifecycle.backup.gently import give_way
from appliance.lifecycle.backup.passphrase import passphrase_of
from appliance.lifecycle.backup.problem import ASKED_BY, BackupProblem, tell
from appliance.lifecycle.backup.unfinished import end_in_order
from appliance.lifecycle.database import opened_database
from appliance.settings.environment import Settings

if TYPE_CHECKING:
    from appliance.accounts.actions import AuditAction
    from appliance.backups.models import BackupTarget
    from appliance.backups.target import TargetConfig

Verb = Callable[[Settings, argparse.Namespace], "int | Awaitable[int]"]

BY = "cli"


async def send_backup(settings: Settings, arguments: argparse.Namespace) -> int:
    """Send the newest backup to the target."""
    from appliance.lifecycle.backup import sending as work  # noqa: PLC0415

    end_in_order()
    give_way()
    code = 0
    async with opened_database(settings, 2) as database:
        try:
            sent = await work.send(settings, database, if_due=arguments.if_due)
            print(f"{sent.name} is at the target. Older ones removed there: {sent.removed}.")
        except work.NothingToSend as nothing:
            tell(nothing.said, sys.stdout)
            code = 0 if arguments.if_due else 1
        except BackupProblem as problem:
            tell(problem.said, sys.stderr)
            code = 1
    return max(code, await prove_backup(settings, arguments)) if arguments.prove else code


async def send_now(settings: Settings, *, quietly: bool) -> int:
    """After a backup that somebody asked for: send it, if there is a target."""
    from appliance.lifecycle.backup import sending as work  # noqa: PLC0415

    async with opened_database(settings, 2) as database:
        try:
            sent = await work.send(settings, database, if_due=False)
        except work.NothingToSend:
            return 0
        except BackupProblem as problem:
            tell(Message("It was made but not sent to the target: %(said)s", said=problem.said), sys.stderr)
            return 1
    if not quietly:
        print(f"It is at the target too. Older ones removed there: {sent.removed}.")
    return 0


async def fetched(settings: Settings, name: str | None, folder: Path | None) -> Path:
    """A backup of the target, or its newest, in ``folder``."""
    from appliance.lifecycle.backup import fetching as work  # noqa: PLC0415

    if folder is None:
        raise BackupProblem(Message("Give a folder with --to DIR, or set PHOTOCHANGER_BACKUP_DIR."))
    return await work.fetch(await _config_set(settings), name, folder)


async def fetch_backup(settings: Settings, arguments: argparse.Namespace) -> int:
    """Fetch a backup from the target into the backup folder: the one named, or else the newest."""
    end_in_order()
    to = Path(arguments.to) if arguments.to else settings.backup_dir
    print(await fetched(settings, arguments.name, to))
    return 0


async def backup_target(settings: Settings, arguments: argparse.Namespace) -> int:
    """Show, list, try, set, take over or forget the backup target."""
    return await _ACTIONS[arguments.action](settings)


async def _row(settings: Settings) -> BackupTarget | None:
    """The target that is set."""
    from appliance.backups.repository import BackupRepository  # noqa: PLC0415

    async with opened_database(settings) as database, database.session() as session:
        return await BackupRepository(session).target()


async def _config_set(settings: Settings) -> TargetConfig:
    """What it takes to reach it; raises ``BackupProblem``."""
    from appliance.lifecycle.backup import fetching  # noqa: PLC0415

    async with opened_database(settings) as database:
        return await fetching.target_set(settings, database)


async def _show(settings: Settings) -> int:
    from appliance.backups.repository import describe  # noqa: PLC0415

    row = await _row(settings)
    if row is None:
        print("There is no target for backups.")
        return 1
    sent = (
        f"{row.sent_name} was sent there at {row.sent_at}." if row.sent_at else "Nothing was sent there yet."
    )
    held = " It belongs to another machine; nothing is sent until somebody takes it over." if row.held else ""
    print(f"{describe(row)}  {sent}{held}{f' Sending fails: {row.failure}.' if row.failure else ''}")
    return 0


async def say_if_held(settings: Settings) -> None:
    """After a restore: that nothing is sent until somebody says that this machine goes on."""
    from appliance.backups.repository import describe  # noqa: PLC0415

    row = await _row(settings)
    if row is not None and row.held:
        print(
            f"No backup is sent to {describe(row)} until this machine takes it over: on the Backups page, or "
            "with backup-target take-over."
        )


async def _list(settings: Settings) -> int:
    from appliance.lifecycle.backup import fetching as work  # noqa: PLC0415

    print(json.dumps([asdict(one) for one in await work.at_target(await _config_set(settings))]))
    return 0


async def _try(settings: Settings) -> int:
    """For the admin pages: what came of it as JSON, whatever it is."""
    from appliance.lifecycle.backup.targets.trying import try_out  # noqa: PLC0415

    given = _from_stdin()
    config, take_over = _config(given.get("config")), bool(given.get("take_over"))
    tried = await try_out(settings, config, mark=bool(given.get("mark")), take_over=take_over)
    print(tried.model_dump_json())
    return 0


async def _set(settings: Settings) -> int:
    from appliance.backups.repository import own_marker  # noqa: PLC0415

    given = _from_stdin()
    marker = own_marker(await _row(settings))  # another way to the place that we send to is ours too
    config = _config({"address": given.get("address"), "secrets": given.get("secrets", {}), "marker": marker})
    return await _keep(settings, config, keep=int(given.get("keep", 7)), most=given.get("most_kilobytes"))


async def _take_over(settings: Settings) -> int:
    return await _keep(settings, await _config_set(settings), take_over=True)


async def _keep(settings: Settings, config: TargetConfig, *, take_over: bool = False, **values: Any) -> int:
    from appliance.accounts.repository import AccountRepository  # noqa: PLC0415
    from appliance.backups.repository import BackupRepository, settings_of  # noqa: PLC0415
    from appliance.core.encryption import EncryptionKeys  # noqa: PLC0415
    from appliance.lifecycle.backup.targets.base import TargetProblem  # noqa: PLC0415
    from appliance.lifecycle.backup.targets.trying import try_out  # noqa: PLC0415

    tried = await try_out(settings, config, mark=True, take_over=take_over)
    if not tried.ok:
        raise TargetProblem(tried.reason or "failed", tried.detail)  # type: ignore[arg-type]
    async with opened_database(settings) as database, database.session() as session:
        backups = BackupRepository(session)
        row = await backups.target()
        usual = settings_of(row)
        if "most" in values:
            usual |= {"keep": values["keep"], "most_kilobytes": values["most"]}
        encryption = EncryptionKeys(settings.secrets_dir)
        await backups.set_target(config, encryption, tried, by=BY, **usual)
        action: AuditAction = "backup.target_taken_over" if take_over else "backup.target_set"
        AccountRepository(session).record(BY, action, config.address.describe())
    said = f"Tested and saved: {config.address.describe()}. Backups there: {tried.backups}."
    pinned = f" Host key: {tried.fingerprint}." if tried.fingerprint else ""
    held = (
        " It belongs to another machine: nothing is sent until you take it over." if tried.of_another else ""
    )
    print(said + pinned + held)
    return 0


async def _forget(settings: Settings) -> int:
    from appliance.accounts.repository import AccountRepository  # noqa: PLC0415
    from appliance.backups.repository import BackupRepository  # noqa: PLC0415

    async with opened_database(settings) as database, database.session() as session:
        if await BackupRepository(session).forget_target():
            AccountRepository(session).record(BY, "backup.target_forgotten")
    print("There is no target for backups any more. The backups already there stay.")
    return 0


def _from_stdin() -> dict[str, Any]:
    try:
        given = json.loads(sys.stdin.read())
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise BackupProblem(
            Message("Give the target as JSON on standard input; docs/ops/backup.md has examples.")
        )
    return given


def _config(given: Any) -> TargetConfig:
    from pydantic import ValidationError  # noqa: PLC0415

    from appliance.backups.target import TargetConfig  # noqa: PLC0415
    from appliance.core.validation import field_messages  # noqa: PLC0415

    try:
        return TargetConfig.model_validate(given)
    except ValidationError as error:
        found = "; ".join(f"{name}: {text}" for name, text in field_messages(error).items())
        raise BackupProblem(Message("The target is not valid. %(found)s", found=found)) from None


async def prove_backup(settings: Settings, arguments: argparse.Namespace) -> int:
    """Try restoring the newest backup into a temporary database; --if-due: only once a month."""
    from appliance.lifecycle.backup import proving as work  # noqa: PLC0415

    end_in_order()
    async with opened_database(settings, 2) as database:
        now = datetime.now().astimezone()
        if arguments.if_due and not await work.is_due(settings, database, now):
            await work.drop_left(settings)
            print("No trial restore is due.")
            return 0
        give_way()
        passphrase = passphrase_of(settings, arguments.passphrase_file)
        by = os.environ.get(ASKED_BY) or BY
        proof = await work.prove(settings, database, passphrase, by=by)
    if arguments.json:
        print(json.dumps(asdict(proof)))
    elif proof.ok:
        where = "from the target" if proof.from_target else "of this machine"
        print(
            f"{proof.name} {where} can be restored: {proof.rows} rows, {proof.pictures} pictures, "
            f"{proof.compared} of them compared with those here."
        )
    else:
        name = proof.name or Message("The newest backup")
        tell(Message("%(name)s could not be restored: %(said)s", name=name, said=proof.problem), sys.stderr)
    return 0 if proof.ok else 1


_ACTIONS: dict[str, Callable[[Settings], Awaitable[int]]] = {
    "show": _show,
    "list": _list,
    "try": _try,
    "set": _set,
    "take-over": _take_over,
    "forget": _forget,
}
VERBS: dict[str, Verb] = {
    "send-backup": send_backup,
    "fetch-backup": fetch_backup,
    "backup-target": backup_target,
    "prove-backup": prove_backup,
}


def add_arguments(made: dict[str, argparse.ArgumentParser]) -> None:
    """The options of these verbs."""
    made["send-backup"].add_argument(
        "--if-due", action="store_true", help="do nothing if it has been sent or has just failed"
    )
    made["fetch-backup"].add_argument(
        "name", metavar="NAME", nargs="?", help="as `backup-target list` names it"
    )
    made["fetch-backup"].add_argument("--to", metavar="DIR", help="the folder to write it to")
    made["send-backup"].add_argument(
        "--prove", action="store_true", help="then try restoring the newest one, if due"
    )
    made["send-backup"].set_defaults(passphrase_file=None, json=False)
    made["backup-target"].add_argument("action", choices=sorted(_ACTIONS))
    made["prove-backup"].add_argument(
        "--if-due", action="store_true", help="do nothing if one was made this month"
    )
    made["prove-backup"].add_argument("--json", action="store_true", help="print the result as JSON")
