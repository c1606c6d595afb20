"""The only place where objects are built; opened and closed by the app's lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from appliance.accounts.audit import AuditTrail
from appliance.accounts.keys import SigningKeys
from appliance.accounts.login import LoginService
from appliance.accounts.service import AccountService
from appliance.accounts.sessions import SessionService
from appliance.accounts.throttle import LoginThrottle
from appliance.accounts.tokens import Tokens
from appliance.admin.dashboard.board import Board
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.passwords import PasswordChecker
from appliance.core.public_base import BoothsBase
from appliance.core.secrets import FirstPasswordFile
from appliance.guests.guests import GuestPages
from appliance.guests.service import ResultService
from appliance.housekeeping.cleanup import Cleanup
from appliance.housekeeping.disk_guard import DiskGuard
from appliance.ingest.credentials import IngestCredentials
from appliance.ingest.gate import Gate
from appliance.ingest.idempotency import IdempotentJobs
from appliance.ingest.service import IngestService
from appliance.jobs.ledger import JobLedger
from appliance.media.imaging import Imaging
from appliance.media.lending import Lending
from appliance.media.library import TemplateFiles
from appliance.media.previews import Previews
from appliance.media.store import MediaStore
from appliance.media.templates import TemplateCache
from appliance.providers.breaker import Circuits
from appliance.providers.failover import ProviderLine
from appliance.providers.keys import KeyFiles, KeyRing
from appliance.providers.registry import ProviderRegistry
from appliance.providers.runner import RouteRunner
from appliance.providers.stored_keys import AllKeys, StoredKeys
from appliance.providers.timings import RouteTimings
from appliance.settings.environment import Settings
from appliance.settings.operator import OperatorSettings
from appliance.slots.service import SlotService
from appliance.staff.event.service import Event
from appliance.staff.jobs.service import JobService
from appliance.staff.pictures.archive import StaffArchive
from appliance.staff.pictures.gallery import Gallery
from appliance.staff.pictures.moderation import Moderation
from appliance.staff.pictures.service import StaffPictures
from appliance.staff.provider_keys.service import ProviderKeyService
from appliance.staff.providers.catalog import ProviderCatalog
from appliance.staff.providers.warm_up import WarmUp
from appliance.staff.settings.address import Addresses
from appliance.staff.settings.service import OperatorSettingsService
from appliance.staff.shared_galleries.service import GalleryDesk
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.slots.results import SlotPages
from appliance.staff.stats.service import StatsService
from appliance.staff.template_media.service import TemplateMediaService
from appliance.staff.trials.service import Trials


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request may need."""

    database: Database
    media: MediaStore
    gate: Gate
    ingest: IngestService
    results: ResultService
    guests: GuestPages
    gallery_desk: GalleryDesk
    event: Event
    cleanup: Cleanup
    disk_guard: DiskGuard
    runner: RouteRunner
    lending: Lending
    accounts: AccountService
    sessions: SessionService
    login: LoginService
    audit: AuditTrail
    credentials: IngestCredentials
    operator_settings: OperatorSettingsService
    provider_keys: ProviderKeyService
    slot_editor: SlotEditor
    slot_pages: SlotPages
    provider_catalog: ProviderCatalog
    warm_up: WarmUp
    template_media: TemplateMediaService
    jobs: JobService
    trials: Trials
    gallery: Gallery
    staff_archive: StaffArchive
    staff_pictures: StaffPictures
    moderation: Moderation
    stats: StatsService
    board: Board
    addresses: Addresses
    booths: BoothsBase
    public_base: str | None
    lan_base: str | None


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Build the services; on leaving, running jobs end first, then what they need is closed."""
    async with AsyncExitStack() as stack:
        database = Database(settings.sqlalchemy_url())
        stack.push_async_callback(database.aclose)
        media = MediaStore(settings.media_root)
        media.make_folders()
        imaging = Imaging()
        stack.callback(imaging.close)
        registry = ProviderRegistry(OperatorSettings(), settings.provider_base_urls)
        stack.push_async_callback(registry.aclose)
        ledger = JobLedger(database)
        stack.push_async_callback(ledger.aclose)
        gate = Gate()
        lending = Lending()
        encryption = EncryptionKeys(settings.secrets_dir)
        encryption.ensure()
        stored_keys, key_files = StoredKeys(database, encryption), KeyFiles(settings.secrets_dir)
        key_ring = KeyRing(AllKeys(stored_keys, key_files))
        timings = RouteTimings(database)
        stack.push_async_callback(timings.aclose)
        runner = RouteRunner(registry, key_ring, timings, Circuits())
        keys = SigningKeys(settings.secrets_dir)
        keys.ensure()
        tokens = Tokens(keys)
        sessions = SessionService(database, tokens)
        first_passwords = FirstPasswordFile(settings.secrets_dir)
        accounts = AccountService(database, first_passwords)
        credentials = IngestCredentials(database, PasswordChecker(), first_passwords)
        slots = SlotService(database, registry, TemplateCache(media))
        ingest = IngestService(
            slots=slots,
            credentials=credentials,
            idempotent=IdempotentJobs(database),
            gate=gate,
            ledger=ledger,
            providers=ProviderLine(runner),
            media=media,
            imaging=imaging,
            lending=lending,
        )
        stack.push_async_callback(ingest.aclose)
        slot_editor = SlotEditor(database, registry)
        previews = Previews(media, imaging)
        guests = GuestPages.build(database, media, imaging, settings.secrets_dir)
        stats = StatsService(database, slot_editor, runner, gate.in_use)
        cleanup = Cleanup(database, media)
        disk_guard = DiskGuard(database, media, cleanup)
        disk_guard.start()
        stack.push_async_callback(disk_guard.aclose)
        yield Services(
            database=database,
            media=media,
            gate=gate,
            ingest=ingest,
            results=guests.results,
            guests=guests,
            gallery_desk=GalleryDesk(database),
            event=Event(database, media, guests.screens),
            cleanup=cleanup,
            disk_guard=disk_guard,
            runner=runner,
            lending=lending,
            accounts=accounts,
            sessions=sessions,
            login=LoginService(database, accounts, sessions, LoginThrottle(database, tokens)),
            audit=AuditTrail(database),
            credentials=credentials,
            operator_settings=OperatorSettingsService(database, credentials, registry.configure),
            provider_keys=ProviderKeyService(
                database, registry, key_ring, stored_keys, key_files, encryption
            ),
            slot_editor=slot_editor,
            slot_pages=SlotPages(database, slot_editor),
            provider_catalog=ProviderCatalog(database, runner),
            warm_up=WarmUp(database, runner),
            template_media=TemplateMediaService(database, media, TemplateFiles(media, imaging), previews),
            jobs=JobService(database),
            trials=Trials(
                database=database, slots=slots, editor=slot_editor, line=ingest, media=media, imaging=imaging
            ),
            gallery=Gallery(database),
            staff_archive=StaffArchive(database, media),
            staff_pictures=StaffPictures(database, media, previews),
            moderation=Moderation(database),
            stats=stats,
            board=Board(stats, disk_guard),
            addresses=Addresses(guests.identity),
            booths=BoothsBase(),
            public_base=settings.public_base(),
            lan_base=settings.lan_base(),
        )
