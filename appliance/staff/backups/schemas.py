"""The JSON forms of backups. What opens the target stands in no answer."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, SkipValidation

from appliance.backups.models import BackupTarget
from appliance.backups.repository import USUAL_KEEP, describe, is_at_work
from appliance.backups.target import (
    Address,
    FolderTarget,
    S3Target,
    SftpTarget,
    TargetSecrets,
    stored_address,
)
from appliance.core.clock import utcnow
from appliance.core.frozen import FrozenModel, StrictModel
from appliance.core.language import Message
from appliance.staff.backups.commands import Work

_STAMP = "2026-11-27T04:00:12.203Z"
_NAME = "photochanger-20261127T040000Z.tar.age"


class NewTarget(StrictModel):
    """A target as somebody enters it."""

    address: Address
    secrets: TargetSecrets = Field(
        default=TargetSecrets(), description="left out: those that are kept, if the place is the same"
    )
    keep: Annotated[int, Field(ge=1, le=365, description="how many backups stay there")] = USUAL_KEEP
    most_kilobytes: Annotated[
        int | None, Field(ge=10, le=10_000_000, description="kilobytes a second at most; `null`: no limit")
    ] = None
    trust_new_host_key: bool = Field(
        default=False, description="SFTP: pin the key that the machine shows now in place of the known one"
    )


class CommandProgress(FrozenModel):
    """How far the backup has come that is being sent."""

    step: Literal["sending", "checking"]
    done: int
    total: int


class TargetView(FrozenModel):
    """The target, as far as it is shown."""

    address: FolderTarget | SftpTarget | S3Target
    described: str = Field(description="the address in one line", examples=["sftp://keeper@nas/backups"])
    host_key: str | None = Field(description="SFTP: the fingerprint of the key that was pinned")
    held: bool = Field(description="another machine's: nothing is sent until it is taken over")
    same_disk: bool = Field(description="the folder lies on the disk of the pictures and is lost with it")
    keep: int
    most_kilobytes: int | None
    set_by: str
    set_at: datetime = Field(examples=[_STAMP])
    sent_at: datetime | None = Field(description="when a backup last arrived whole", examples=[_STAMP])
    sent_name: str | None = Field(examples=[_NAME])
    sent_size: int | None
    tried_at: datetime | None
    failure: str | None = Field(description="why the last one did not arrive", examples=["unreachable"])
    failure_detail: str | None = Field(description="in the other side's words")
    failing_since: datetime | None
    progress: CommandProgress | None

    @classmethod
    def of(cls, row: BackupTarget) -> TargetView:
        """As it is shown."""
        progress = None
        if is_at_work(row, utcnow()):
            progress = CommandProgress(
                step=row.step or "", done=row.step_done or 0, total=row.step_total or 0
            )
        return cls.from_object(
            row,
            address=stored_address(row.address),
            described=describe(row),
            host_key=fingerprint(row.host_key) if row.host_key else None,
            progress=progress,
        )


class ProofView(FrozenModel):
    """What came of restoring a backup into a database that was thrown away."""

    at: datetime = Field(examples=[_STAMP])
    ok: bool
    name: str = Field(examples=[_NAME])
    from_target: bool
    made_at: datetime | None
    made_by_version: str | None
    rows: int
    pictures: int
    compared: int = Field(description="pictures whose bytes are those that are here")
    seconds: float
    problem: str | None
    problem_said: dict[str, Any] | None = Field(default=None, exclude=True)

    @property
    def words(self) -> Message:
        """The problem, to be said in the reader's language."""
        return Message.from_json(self.problem_said) if self.problem_said else Message(self.problem or "")


class LocalBackup(FrozenModel):
    """A backup of this machine."""

    name: str = Field(examples=[_NAME])
    size: int
    made_at: datetime
    sealed: bool


class WorkEnded(FrozenModel):
    """What became of the last work that was asked for here."""

    work: Work
    ok: bool
    said: SkipValidation[str]
    at: datetime


class BackupsState(FrozenModel):
    """Everything about backups."""

    nightly: bool = Field(description="whether there is a folder to make them into")
    hour: int
    sealed: bool = Field(description="whether there is a passphrase")
    here: list[LocalBackup] = Field(description="the newest first")
    target: TargetView | None
    proof: ProofView | None
    proven_at: datetime | None = Field(description="the last proof that went well")
    running: Work | None
    ended: WorkEnded | None


class RemoteBackup(FrozenModel):
    """A whole backup at the target."""

    name: str = Field(examples=[_NAME])
    size: int
    made_at: datetime | None


class RemoteBackups(FrozenModel):
    """Those at the target, the newest first."""

    backups: list[RemoteBackup]


def fingerprint(host_key: str) -> str:
    """As ``ssh-keygen -l`` shows it."""
    try:
        blob = base64.b64decode(host_key.split()[1])
    except (IndexError, ValueError):
        return "?"
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
