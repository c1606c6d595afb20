"""The only place where objects are built; opened and closed by the app's lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from appliance import parts
from appliance.accounts.api_tokens import ApiTokens
from appliance.accounts.audit import AuditTrail
from appliance.accounts.keys import SigningKeys
from appliance.accounts.login import LoginService
from appliance.accounts.service import AccountService
from appliance.accounts.sessions import SessionService
from appliance.accounts.throttle import LoginThrottle
from appliance.accounts.tokens import Tokens
from appliance.admin.dashboard.cards import Dashboard
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.health import HealthCheck
from appliance.core.injection import Services
from appliance.core.installation import Installation
from appliance.core.leading import Leader
from appliance.core.node_door import NodeDoor
from appliance.core.photos_first import PhotoWork
from appliance.core.public_base import DeploymentUrls
from appliance.core.recent import Changes
from appliance.core.secrets import BackupPassphrase, FirstPasswordFile
from appliance.core.siblings import Siblings
from appliance.guests.codes import ShortCodes
from appliance.guests.links import GuestLinks
from appliance.guests.logo import EventLogo
from appliance.guests.screen_sizes import ScreenSizes
from appliance.guests.service import ResultService
from appliance.guests.shared_galleries.service import SharedGalleries
from appliance.guests.tokens import GuestTokens
from appliance.guests.visits import Visits
from appliance.housekeeping.cleanup import Cleanup
from appliance.housekeeping.disk_guard import DiskGuard
from appliance.housekeeping.model_check import ModelCheck
from appliance.ingest.booth_keys.service import BoothKeys
from appliance.ingest.booth_requests.log import BoothRequests
from appliance.ingest.credentials import IngestCredentials
from appliance.ingest.gate import Gate
from appliance.ingest.idempotency import IdempotentJobs
from appliance.ingest.service import IngestService
from appliance.jobs.ledger import JobLedger
from appliance.media.imaging import Imaging
from appliance.media.library import TemplateFiles
from appliance.media.previews import Previews
from appliance.media.signing import ContentCredentials
from appliance.media.store import MediaStore
from appliance.media.templates import TemplateCache
from appliance.media.temporary_media import TemporaryMedia
from appliance.migrations.revisions import tables_age
from appliance.parts import PhotoDatabase
from appliance.providers.breaker import Circuits
from appliance.providers.failover import ProviderLine
from appliance.providers.keys import KeyFiles, KeyRing
from appliance.providers.learned import LearnedModels
from appliance.providers.registry import ProviderRegistry
from appliance.providers.runner import RouteRunner
from appliance.providers.stored_keys import AllKeys, StoredKeys
from appliance.providers.timings import RouteTimings
from appliance.settings.environment import Settings
from appliance.settings.operator import SettingsReader
from appliance.settings.recent import RecentSettings
from appliance.slots.service import SlotService
from appliance.staff.booth_keys.service import BoothKeyService
from appliance.staff.booths.everywhere import AllBooths
from appliance.staff.event.service import Event
from appliance.staff.issues.service import Issues
from appliance.staff.issues.sources.every import every_source
from appliance.staff.issues.sources.process import StartNote
from appliance.staff.issues.watch import IssueWatch
from appliance.staff.jobs.hiding import PictureHiding
from appliance.staff.jobs.pictures import StaffPictures
from appliance.staff.jobs.progress import JobProgress
from appliance.staff.jobs.service import JobService
from appliance.staff.pictures.archive import StaffArchive
from appliance.staff.pictures.search import PictureSearch
from appliance.staff.preflight.dry_run import DryRuns
from appliance.staff.preflight.tools import Tools
from appliance.staff.providers.catalogue import ProviderCatalogue
from appliance.staff.providers.machines import Machines
from appliance.staff.settings.address import Addresses
from appliance.staff.settings.provider_keys.service import ProviderKeyService
from appliance.staff.settings.provider_keys.testing import KeyTesting
from appliance.staff.settings.service import OperatorSettingsService
from appliance.staff.shared_galleries.service import SharedGalleryService
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.slots.model_change import ModelChanges
from appliance.staff.slots.results import SlotPages
from appliance.staff.stats.at_work import WorkOfAll
from appliance.staff.stats.service import StatsService
from appliance.staff.template_media.service import TemplateMediaService
from appliance.staff.trials.service import Trials
from appliance.staff.webhooks.service import Webhooks


@asynccontextmanager
async def open_services(
    settings: Settings,
    photo_work: PhotoWork,
    changes: Changes,
    door: NodeDoor | None,
) -> AsyncIterator[Services]:
    """Build the services; on leaving, running jobs end first, then what they need is closed."""
    async with AsyncExitStack() as stack:
        built = Services(settings, photo_work, changes)
        await _storage(built, stack)
        _providers(built, stack)
        _accounts(built)
        _photo_line(built, stack)
        _slots_and_jobs(built)
        _guests(built)
        _tasks(built, door, stack)
        _staff(built, stack)
        await parts.begin_together(settings, built[Leader], built[Siblings], stack)
        built.add(parts.simulator(built[Database], built[BoothKeys], settings, built[Siblings], stack))
        yield built


async def _storage(built: Services, stack: AsyncExitStack) -> None:
    """The database, the folder of pictures, secrets and settings."""
    settings = built[Settings]
    database = built.add(parts.database(settings, stack))
    built.add(parts.photo_database(settings, stack))
    media = built.add(await parts.media(settings, database))
    imaging = built.add(Imaging())
    stack.callback(imaging.close)
    built.add(Previews(media, imaging))
    built.add(EncryptionKeys(settings.secrets_dir)).ensure()
    built.add(FirstPasswordFile(settings.secrets_dir))
    built.add(BackupPassphrase(settings.secrets_dir))
    built.add(SettingsReader(database))
    built.add(RecentSettings(database, built[Changes]))


def _providers(built: Services, stack: AsyncExitStack) -> None:
    """Who makes pictures, with which keys, and what was learned of them."""
    settings, database = built[Settings], built[PhotoDatabase]
    registry = built.add(parts.registry(settings, stack))
    stored_keys = built.add(StoredKeys(database, built[EncryptionKeys], registry))
    stack.push_async_callback(stored_keys.aclose)
    key_files = built.add(KeyFiles(settings.secrets_dir))
    pauses = parts.pauses(settings, database, stack)
    for one in (stored_keys.refresh_now, pauses.load):
        built[Changes].taken_up_by(one)
    key_ring = built.add(KeyRing(AllKeys(stored_keys, key_files, registry), pauses))
    timings = RouteTimings(database)
    stack.push_async_callback(timings.aclose)
    learned = built.add(LearnedModels(database))
    stack.push_async_callback(learned.aclose)
    built.add(RouteRunner(registry, key_ring, timings, Circuits(pauses), learned))
    built.add(KeyTesting(built[Database], registry, key_ring, learned))


def _accounts(built: Services) -> None:
    """Who logs in, and with what."""
    database = built[Database]
    keys = SigningKeys(built[Settings].secrets_dir)
    keys.ensure()
    tokens = Tokens(keys)
    sessions = built.add(SessionService(database, tokens))
    accounts = built.add(AccountService(database, built[FirstPasswordFile]))
    built.add(ApiTokens(database))
    built.add(AuditTrail(database))
    built.add(LoginService(database, accounts, sessions, LoginThrottle(database, tokens)))


def _photo_line(built: Services, stack: AsyncExitStack) -> None:
    """A photo's way, with the processes beside this one and the booths that send."""
    settings, database = built[Settings], built[PhotoDatabase]
    ledger = built.add(JobLedger(database, settings.node))
    stack.push_async_callback(ledger.aclose)
    gate = built.add(parts.gate(settings, database, stack))
    siblings = built.add(parts.siblings(settings, built[Changes], stack))
    built[KeyRing].between(siblings)
    for one in parts.booths(settings, database, built[FirstPasswordFile], siblings, stack):
        built.add(one)
    built.add(parts.all_booths(built[Database], built[BoothRequests], siblings, stack))
    slots = built.add(SlotService(database, built[ProviderRegistry], TemplateCache(built[MediaStore])))
    ingest = IngestService(
        slots=slots,
        credentials=built[IngestCredentials],
        booth_keys=built[BoothKeys],
        idempotent=IdempotentJobs(database),
        gate=gate,
        ledger=ledger,
        providers=ProviderLine(built[RouteRunner]),
        media=built[MediaStore],
        signing=ContentCredentials(settings.secrets_dir),
        imaging=built[Imaging],
        temporary_media=built.add(TemporaryMedia(siblings)),
        work=built[PhotoWork],
    )
    built.add(ingest)
    stack.push_async_callback(ingest.aclose)


def _slots_and_jobs(built: Services) -> None:
    """Slots and jobs as staff sees them."""
    database, registry, media = built[Database], built[ProviderRegistry], built[MediaStore]
    editor = built.add(SlotEditor(database, registry))
    built.add(ModelChanges(editor, registry))
    built.add(SlotPages(database, editor))
    progress = built.add(JobProgress(built[JobLedger], built[Siblings]))
    built.add(JobService(database, progress))
    work = WorkOfAll(built[Gate].in_use, progress, built[Siblings])
    built.add(StatsService(database, editor, built[RouteRunner], work))
    trials = Trials(
        database=database,
        slots=built[SlotService],
        editor=editor,
        line=built[IngestService],
        media=media,
        imaging=built[Imaging],
    )
    built.add(trials)
    built.add(PictureSearch(database))
    built.add(StaffArchive(database, media))
    built.add(StaffPictures(database, media, built[Previews]))
    built.add(PictureHiding(database))


def _guests(built: Services) -> None:
    """What guests are shown."""
    settings, database, media = built[Settings], built[Database], built[MediaStore]
    recent = built[RecentSettings]
    tokens = built.add(GuestTokens(settings.secrets_dir))
    built.add(Installation(tokens.identity))
    built.add(Addresses(tokens.identity))
    screens = built.add(ScreenSizes(media, built[Previews]))
    built.add(EventLogo(database, screens))
    built.add(GuestLinks(built.add(ShortCodes(database, tokens))))
    built.add(ResultService(database, media, recent))
    built.add(Visits(database, media, tokens, recent))
    built.add(SharedGalleries(database, tokens, recent))


def _tasks(built: Services, door: NodeDoor | None, stack: AsyncExitStack) -> None:
    """What works by itself: cleaning up, looking for issues, telling of them. One process leads."""
    settings, database, media = built[Settings], built[Database], built[MediaStore]
    learned = built[LearnedModels]
    learned.between(built[Siblings])
    built.add(parts.started(StartNote(database), stack))
    leader = built.add(parts.leader(settings, learned, stack))
    cleanup = built.add(Cleanup(database, media, settings.node))
    disk_guard = built.add(parts.led(DiskGuard(database, media, cleanup), leader, stack))
    node_watch = parts.nodes(settings, database, cleanup, leader, door, stack)
    built.add(HealthCheck(database, media.root, media.temp, node_watch if settings.node > 1 else None))
    parts.led(ModelCheck(database, built[RouteRunner], settings.model_check_hour), leader, stack)
    sources = every_source(
        database,
        built[StatsService],
        built[RouteRunner],
        built[KeyTesting],
        media,
        disk_guard,
        built[BackupPassphrase],
        built[Addresses],
        built[AllBooths],
        parts.links_base(settings, built[IngestService]),
        settings.processes + len(settings.nodes),
    )
    watch = built.add(parts.led(IssueWatch(database, sources), leader, stack))
    issues = built.add(Issues(database))
    built.add(Dashboard(built[StatsService], issues))
    urls = DeploymentUrls(
        settings.public_base_url, settings.lan_base_url, settings.lan_other_urls, settings.front_door
    )
    built.add(urls)
    built.add(parts.alerts(database, built[EncryptionKeys], urls, watch, leader, stack))


def _staff(built: Services, stack: AsyncExitStack) -> None:
    """What else staff may do."""
    settings, database, media = built[Settings], built[Database], built[MediaStore]
    registry, encryption, testing = built[ProviderRegistry], built[EncryptionKeys], built[KeyTesting]
    built.add(OperatorSettingsService(database, built[IngestCredentials], registry))
    built.add(
        ProviderKeyService(
            database, registry, built[KeyRing], built[StoredKeys], built[KeyFiles], encryption, testing
        )
    )
    built.add(ProviderCatalogue(database, built[RouteRunner]))
    built.add(Machines(built[RouteRunner]))
    files = TemplateFiles(media, built[Imaging])
    built.add(TemplateMediaService(database, media, files, built[Previews]))
    built.add(SharedGalleryService(database))
    built.add(BoothKeyService(database, built[BoothKeys]))
    built.add(Event(database, media, built[AllBooths]))
    built.add(Webhooks(database, encryption))
    built.add(parts.metrics(built))
    backups = built.add(parts.backups(settings, stack, database, encryption))
    base = parts.links_base(settings, built[IngestService])
    tools = Tools(
        settings,
        database,
        tables_age,
        built[RouteRunner],
        testing,
        built[Addresses],
        base,
        backups=backups,
    )
    dry_runs = DryRuns(database, built[SlotService], built[Imaging], media, built[Trials], built[PhotoWork])
    built.add(parts.preflight(tools, dry_runs, stack))
