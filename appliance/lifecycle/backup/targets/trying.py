"""Trying a target: connect, pin the host key, look at the marker, write a small file, read it, remove it.

The marker says that the target is there and whose it is. A disk that is not mounted has none, and so a
backup never lands on the disk below it; who takes a target over writes a new marker, and whoever had it
before stops at once.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from appliance.backups.names import DIGEST, MARKER, by_age, made_at
from appliance.backups.target import FolderTarget, SftpTarget, TargetConfig, TargetTest
from appliance.core.clock import utcnow
from appliance.core.language import Message
from appliance.lifecycle.backup.problem import BackupProblem
from appliance.lifecycle.backup.targets.base import Target, TargetProblem, Upload, small
from appliance.lifecycle.backup.targets.opening import opened
from appliance.settings.environment import Settings

_TRIAL = "photochanger-trial-{}.tmp"


async def try_out(
    settings: Settings, config: TargetConfig, *, mark: bool = True, take_over: bool = False
) -> TargetTest:
    """All of it; never raises for what is wrong at the target. Without ``mark`` no marker is written."""
    pinned = config.host_key
    try:
        _refuse_own_folders(settings, config)
        if isinstance(config.address, SftpTarget) and not pinned:
            from appliance.lifecycle.backup.targets.sftp import host_key_of  # noqa: PLC0415

            pinned = await host_key_of(config.address)
            config = config.model_copy(update={"host_key": pinned})
        async with opened(config) as target:
            found = await _look(target, config, mark=mark, take_over=take_over)
            await _write_and_read(target)
            count = len(await whole(target))
    except TargetProblem as problem:
        return TargetTest(
            ok=False, reason=problem.reason, detail=problem.detail,
            host_key=pinned, fingerprint=_fingerprint(pinned),
        )  # fmt: skip
    except FileNotFoundError:
        return TargetTest(ok=False, reason="missing", host_key=pinned, fingerprint=_fingerprint(pinned))
    marker, of_another = found
    return TargetTest(
        ok=True,
        host_key=pinned,
        fingerprint=_fingerprint(pinned),
        marker=marker,
        of_another=of_another,
        same_disk=_same_disk(settings, config),
        backups=count,
    )


def _fingerprint(host_key: str | None) -> str | None:
    if host_key is None:
        return None
    from appliance.lifecycle.backup.targets.sftp import fingerprint  # noqa: PLC0415

    return fingerprint(host_key)


def _refuse_own_folders(settings: Settings, config: TargetConfig) -> None:
    """A backup inside what it backs up would grow with every one, or be served to guests."""
    if not isinstance(config.address, FolderTarget):
        return
    wanted = Path(config.address.path).resolve()
    for own in (settings.media_root, settings.secrets_dir, settings.backup_dir):
        if own and (
            wanted == own.resolve() or own.resolve() in wanted.parents or wanted in own.resolve().parents
        ):
            raise TargetProblem("forbidden", str(own))


def _same_disk(settings: Settings, config: TargetConfig) -> bool:
    """Whether a folder lies on the disk that the pictures are on, and would go with it."""
    if not isinstance(config.address, FolderTarget):
        return False
    return os.stat(config.address.path).st_dev == settings.media_root.stat().st_dev  # noqa: PTH116


async def _look(
    target: Target, config: TargetConfig, *, mark: bool, take_over: bool
) -> tuple[str | None, bool]:
    """The marker, written where there is none or where we take over; and whether it is another's."""
    found = await marker_of(target)
    if found is not None and not take_over:
        return found, found != config.marker
    if not mark:
        return None, False
    made = secrets.token_hex(16)
    said = {"marker": made, "written_at": utcnow().isoformat(), "what": "backups of a PhotoChanger"}
    await target.put(MARKER, Upload.of_bytes(json.dumps(said).encode() + b"\n"))
    return made, False


async def marker_of(target: Target) -> str | None:
    """What the target's marker says."""
    content = await small(target, MARKER)
    if content is None:
        await target.files()  # a folder that is not there is told from one without a marker
        return None
    try:
        return str(json.loads(content)["marker"])
    except (ValueError, KeyError, TypeError):
        return ""


async def require_ours(target: Target, marker: str) -> None:
    """Raises ``TargetProblem`` unless the target is there and still ours."""
    found = await marker_of(target)
    if found is None:
        raise TargetProblem("not_mounted")
    if found != marker:
        raise TargetProblem("others")


async def _write_and_read(target: Target) -> None:
    name = _TRIAL.format(secrets.token_hex(4))
    await target.put(name, Upload.of_bytes(secrets.token_bytes(4096)))
    await target.remove(name)
    if name in {one.name for one in await target.files()}:
        raise TargetProblem("not_writable", "it removes nothing")


async def whole(target: Target) -> list[str]:
    """The whole backups at a target, the oldest first: those whose digest lies beside them."""
    names = {one.name for one in await target.files()}
    return sorted((name for name in names if made_at(name) and name + DIGEST in names), key=by_age)


def wanted(found: list[str], name: str | None) -> str:
    """The backup that is meant: ``name``, or the newest."""
    if not found:
        raise BackupProblem(Message("There is no backup at the target yet."))
    if name is None:
        return found[-1]
    if name not in found:
        raise BackupProblem(
            Message(
                "There is no backup called %(name)s at the target. The newest is %(newest)s.",
                name=name,
                newest=found[-1],
            )
        )
    return name
