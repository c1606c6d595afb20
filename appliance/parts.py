"""What ``services.py`` builds several of its objects with: those that are closed, or work by themselves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Protocol, TypeVar

import structlog

from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.leading import Leader
from appliance.core.leading import Task as LeaderTask
from appliance.core.passwords import PasswordChecker
from appliance.core.processes import listen_of
from appliance.core.public_base import DeploymentUrls
from appliance.core.recent import Changes
from appliance.core.secrets import BackupPassphrase, FirstPasswordFile
from appliance.core.siblings import Siblings
from appliance.housekeeping.model_check import ModelNews
from appliance.ingest.booth_keys.service import BoothKeys
from appliance.ingest.booth_requests.log import BoothRequests
from appliance.ingest.credentials import IngestCredentials
from appliance.ingest.gate import Gate
from appliance.ingest.seats import Seats, SharedGate
from appliance.ingest.service import IngestService
from appliance.providers.catalogue.files import installed
from appliance.providers.learned import LearnedModels
from appliance.providers.pauses import Pauses
from appliance.providers.registry import ProviderRegistry
from appliance.providers.shared_pauses import SharedPauses
from appliance.settings.environment import Settings
from appliance.settings.operator import OperatorSettings
from appliance.staff.alerts.alive import AliveSignal
from appliance.staff.alerts.channels import AlertChannels
from appliance.staff.alerts.courier import Courier
from appliance.staff.alerts.sender import AlertSender
from appliance.staff.backups.commands import BackupCommands
from appliance.staff.backups.service import Backups
from appliance.staff.booths.everywhere import AllBooths
from appliance.staff.booths.simulator import BoothSimulator
from appliance.staff.issues.sources.process import StartNote
from appliance.staff.issues.watch import IssueWatch
from appliance.staff.preflight.dry_run import DryRuns
from appliance.staff.preflight.service import PreflightService
from appliance.staff.preflight.tools import Tools
from appliance.staff.webhooks.sender import WebhookSender


def database(settings: Settings, stack: AsyncExitStack) -> Database:
    made = Database(settings.sqlalchemy_url())
    stack.push_async_callback(made.aclose)
    return made


def gate(settings: Settings, database: Database, stack: AsyncExitStack) -> Gate:
    """Permits: in memory, or shared where there are several processes."""
    if settings.processes == 1:
        return Gate()
    made = SharedGate(Seats(database, settings.process))
    stack.push_async_callback(made.aclose)
    return made


log = structlog.get_logger()


class _Task(Protocol):
    """Something that works by itself from ``start`` to ``aclose``."""

    def start(self) -> None:
        """Begin."""
        ...

    async def aclose(self) -> None:
        """End."""
        ...


class _LedTask(_Task, LeaderTask, Protocol):
    """The same, and it can be stopped and started again."""


Task = TypeVar("Task", bound=_Task)
LedTask = TypeVar("LedTask", bound=_LedTask)


def started(task: Task, stack: AsyncExitStack) -> Task:
    task.start()
    stack.push_async_callback(task.aclose)
    return task


def pauses(settings: Settings, database: Database, stack: AsyncExitStack) -> Pauses:
    """Keys and routes that are left alone: known in memory, or shared where there are several processes."""
    return Pauses() if settings.processes == 1 else started(SharedPauses(database), stack)


def backups(
    settings: Settings, stack: AsyncExitStack, database: Database, encryption: EncryptionKeys
) -> Backups:
    commands = BackupCommands()
    stack.push_async_callback(commands.aclose)
    passphrase = BackupPassphrase(settings.secrets_dir)
    return Backups(database, encryption, passphrase, commands, settings.backup_dir, settings.backup_hour)


def siblings(settings: Settings, changes: Changes, stack: AsyncExitStack) -> Siblings:
    """The processes that tell each other, of changes too."""
    made = Siblings(settings.listen, settings.process, settings.processes)
    stack.push_async_callback(made.aclose)
    if settings.processes > 1:
        changes.between(made)
    return made


def registry(settings: Settings, stack: AsyncExitStack) -> ProviderRegistry:
    """The providers; what the catalogue had to leave out is logged."""
    made = ProviderRegistry(
        OperatorSettings(),
        settings.provider_base_urls,
        installed(settings.config_file, settings.site_dir),
    )
    stack.push_async_callback(made.aclose)
    for problem in made.catalogue.problems:
        log.warning("catalogue.left_out", said=str(problem))
    return made


def leader(settings: Settings, database: Database, learned: LearnedModels, stack: AsyncExitStack) -> Leader:
    """Of several processes each notes its start and hears of models, and one leads.

    It is to be started last, so that it ends before what it leads.
    """
    if settings.processes > 1:
        started(StartNote(database), stack)
        started(ModelNews(learned), stack)
    return Leader(settings.sqlalchemy_url(), alone=settings.processes == 1)


async def begin_together(leader: Leader, siblings: Siblings, stack: AsyncExitStack) -> None:
    """Once all is built: answer the other processes, and lead if none of them does."""
    await siblings.open()
    started(leader, stack)


def led(task: LedTask, leader: Leader, stack: AsyncExitStack) -> LedTask:
    """``task``, which runs in one process at a time."""
    stack.push_async_callback(task.aclose)
    return leader.add(task)


def alerts(
    database: Database,
    encryption: EncryptionKeys,
    urls: DeploymentUrls,
    watch: IssueWatch,
    leader: Leader,
    stack: AsyncExitStack,
) -> AlertChannels:
    """Those who are called, and the tasks that call them, webhooks and the dead man's switch."""
    courier = Courier()
    sender = led(AlertSender(database, encryption, courier, urls), leader, stack)
    watch.changed.append(sender.issues_changed)
    led(WebhookSender(database, encryption, urls), leader, stack)
    led(AliveSignal(database), leader, stack)
    return AlertChannels(database, encryption, courier, urls)


def booths(
    settings: Settings,
    database: Database,
    first_passwords: FirstPasswordFile,
    siblings: Siblings,
    stack: AsyncExitStack,
) -> tuple[IngestCredentials, BoothKeys, BoothRequests, AllBooths]:
    """What booths show who they are with, wrong ones of either kind counted together; and what they sent."""
    credentials = IngestCredentials(database, PasswordChecker(), first_passwords)
    if settings.processes > 1:
        credentials.wrong.between(siblings)
    keys = BoothKeys(database, credentials.wrong)
    stack.push_async_callback(keys.aclose)
    requests = BoothRequests(settings.process, settings.processes)
    return credentials, keys, requests, AllBooths(requests, siblings)


def simulator(
    database: Database, keys: BoothKeys, settings: Settings, siblings: Siblings, stack: AsyncExitStack
) -> BoothSimulator:
    """Closed first of all: its photos are under way on the line that is closed after it."""
    own = listen_of(settings.listen, settings.process)
    made = BoothSimulator(database, keys, settings.front_door, own, siblings)
    stack.push_async_callback(made.aclose)
    return made


def links_base(settings: Settings, ingest: IngestService) -> Callable[[str | None], str | None]:
    """What guests' links begin with where no request says so, given what the operator chose."""
    return lambda chosen: chosen or settings.public_base() or ingest.guest_base or settings.lan_base()


def preflight(tools: Tools, dry_runs: DryRuns, stack: AsyncExitStack) -> PreflightService:
    stack.push_async_callback(dry_runs.aclose)
    return started(PreflightService(tools, dry_runs), stack)
