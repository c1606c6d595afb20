"""What ``services.py`` builds several of its objects with: those that are closed, or work by themselves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TypeVar

import structlog

from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.injection import Services
from appliance.core.leading import Leader
from appliance.core.node_door import NodeDoor
from appliance.core.node_secret import NodeSecret
from appliance.core.passwords import PasswordChecker
from appliance.core.processes import listen_of
from appliance.core.public_base import DeploymentUrls
from appliance.core.recent import Changes
from appliance.core.secrets import BackupPassphrase, FirstPasswordFile, metrics_token
from appliance.core.siblings import Siblings
from appliance.core.tasks import Background
from appliance.housekeeping.cleanup import Cleanup
from appliance.housekeeping.lost_nodes import LostNodes
from appliance.housekeeping.media_folder import make_media_folders
from appliance.housekeeping.model_check import ModelNews
from appliance.ingest.booth_keys.service import BoothKeys
from appliance.ingest.booth_requests.log import BoothRequests
from appliance.ingest.booth_requests.retention import BoothRequestRetention
from appliance.ingest.credentials import IngestCredentials
from appliance.ingest.gate import Gate
from appliance.ingest.seats import Seats, SharedGate
from appliance.ingest.service import IngestService
from appliance.media.store import MediaStore
from appliance.migrations.revisions import tables_age
from appliance.nodes.watch import Me, NodeWatch
from appliance.providers.catalogue.files import installed
from appliance.providers.learned import LearnedModels
from appliance.providers.pauses import Pauses
from appliance.providers.registry import ProviderRegistry
from appliance.providers.runner import RouteRunner
from appliance.providers.shared_pauses import SharedPauses
from appliance.settings.environment import Settings
from appliance.settings.operator import OperatorSettings
from appliance.staff.alerts.alive import AliveSignal
from appliance.staff.alerts.channels import AlertChannels
from appliance.staff.alerts.delivery_process import DeliveryProcess
from appliance.staff.alerts.sender import AlertSender
from appliance.staff.backups.commands import BackupCommands
from appliance.staff.backups.service import Backups
from appliance.staff.booths.everywhere import AllBooths
from appliance.staff.booths.simulator import BoothSimulator
from appliance.staff.issues.watch import IssueWatch
from appliance.staff.metrics.service import Metrics
from appliance.staff.preflight.dry_run import DryRuns
from appliance.staff.preflight.service import PreflightService
from appliance.staff.preflight.tools import Tools
from appliance.staff.webhooks.sender import WebhookSender


class PhotoDatabase(Database):
    """Photos have connections of their own: strangers' pages and log-ins take none of them."""


def database(settings: Settings, stack: AsyncExitStack) -> Database:
    made = Database(settings.sqlalchemy_url(), password_now=settings.database_password_now)
    stack.push_async_callback(made.aclose)
    return made


def photo_database(settings: Settings, stack: AsyncExitStack) -> PhotoDatabase:
    made = PhotoDatabase(settings.sqlalchemy_url(), password_now=settings.database_password_now)
    stack.push_async_callback(made.aclose)
    return made


def gate(settings: Settings, database: Database, stack: AsyncExitStack) -> Gate:
    """Permits: in memory, or shared where there are several processes."""
    if not settings.several:
        return Gate()
    made = SharedGate(Seats(database, settings.number))
    stack.push_async_callback(made.aclose)
    return made


log = structlog.get_logger()


Task = TypeVar("Task", bound=Background)


def started(task: Task, stack: AsyncExitStack) -> Task:
    task.start()
    stack.push_async_callback(task.aclose)
    return task


def pauses(settings: Settings, database: Database, stack: AsyncExitStack) -> Pauses:
    """Keys and routes that are left alone: known in memory, or shared where there are several processes."""
    return started(SharedPauses(database), stack) if settings.several else Pauses()


def backups(
    settings: Settings, stack: AsyncExitStack, database: Database, encryption: EncryptionKeys
) -> Backups:
    commands = BackupCommands()
    stack.push_async_callback(commands.aclose)
    passphrase = BackupPassphrase(settings.secrets_dir)
    return Backups(database, encryption, passphrase, commands, settings.backup_dir, settings.backup_hour)


def siblings(settings: Settings, changes: Changes, stack: AsyncExitStack) -> Siblings:
    """The processes that tell each other, of changes too."""
    made = Siblings(
        settings.listen,
        settings.process,
        settings.processes,
        several=settings.several,
        nodes=settings.nodes,
        secret=NodeSecret.of(settings.secrets_dir) if settings.nodes else None,
    )
    stack.push_async_callback(made.aclose)
    if settings.several:
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


def leader(settings: Settings, learned: LearnedModels, stack: AsyncExitStack) -> Leader:
    """Of several processes each hears of models, and one of the first machine leads.

    It is to be started last, so that it ends before what it leads.
    """
    if not settings.several:
        return Leader(None)
    started(ModelNews(learned), stack)
    url = settings.sqlalchemy_url()
    return Leader(Database(url, pool_size=1, password_now=settings.database_password_now))


async def begin_together(
    settings: Settings, leader: Leader, siblings: Siblings, stack: AsyncExitStack
) -> None:
    """Once all is built: answer the other processes, and lead if none of them does."""
    await siblings.open()
    if settings.node == 1:
        started(leader, stack)


def nodes(
    settings: Settings,
    database: Database,
    cleanup: Cleanup,
    leader: Leader,
    door: NodeDoor | None,
    stack: AsyncExitStack,
) -> NodeWatch | None:
    """What each of several machines does for the others; ``None`` of one alone."""
    if settings.node == 1 and not settings.nodes:
        return None
    if settings.node == 1:
        led(LostNodes(database, cleanup), leader, stack)
    me = Me(settings.node, settings.media_root, settings.secrets_dir)
    return started(NodeWatch(database, me, tables_age, door), stack)


async def media(settings: Settings, database: Database) -> MediaStore:
    """The folder of pictures; a node makes none, since it is the first machine's."""
    made = MediaStore(settings.media_root, settings.temp_dir)
    if settings.node == 1:
        await make_media_folders(made, database)
    return made


def led(task: Task, leader: Leader, stack: AsyncExitStack) -> Task:
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
    delivery = DeliveryProcess()
    sender = led(AlertSender(database, encryption, delivery, urls), leader, stack)
    watch.changed.append(sender.issues_changed)
    led(WebhookSender(database, encryption, urls), leader, stack)
    led(AliveSignal(database), leader, stack)
    return AlertChannels(database, encryption, delivery, urls)


def booths(
    settings: Settings,
    database: Database,
    first_passwords: FirstPasswordFile,
    siblings: Siblings,
    stack: AsyncExitStack,
) -> tuple[IngestCredentials, BoothKeys, BoothRequests]:
    """What booths show who they are with, wrong ones of either kind counted together; and what they sent."""
    credentials = IngestCredentials(database, PasswordChecker(), first_passwords)
    if settings.several:
        credentials.wrong.between(siblings)
    keys = BoothKeys(database, credentials.wrong)
    stack.push_async_callback(keys.aclose)
    far = settings.node > 1 or bool(settings.nodes)
    requests = BoothRequests(settings.number, 1000 if far else settings.processes)
    return credentials, keys, requests


def all_booths(
    database: Database, requests: BoothRequests, siblings: Siblings, stack: AsyncExitStack
) -> AllBooths:
    """What booths sent to any process, for as long as it may be kept."""
    return AllBooths(requests, started(BoothRequestRetention(database, requests), stack), siblings)


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
    return lambda chosen: chosen or settings.public_base_url or ingest.guest_base or settings.lan_base_url


def preflight(tools: Tools, dry_runs: DryRuns, stack: AsyncExitStack) -> PreflightService:
    """It is done on the first machine: the others have neither backups nor the front door's certificate."""
    stack.push_async_callback(dry_runs.aclose)
    made = PreflightService(tools, dry_runs)
    return started(made, stack) if tools.deployment.node == 1 else made


def metrics(built: Services) -> Metrics:
    """Of this process, and of those beside it."""
    settings = built[Settings]
    return Metrics(
        {"pages": built[Database], "photos": built[PhotoDatabase]},
        built[MediaStore],
        built[RouteRunner],
        built[Gate],
        token=metrics_token(settings.secrets_dir),
        networks=settings.metrics_networks,
        process=settings.number if settings.several else None,
        siblings=built[Siblings],
    )
