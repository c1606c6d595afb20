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
from appliance.core.encryption import EncryptionKeys
from appliance.core.health import HealthCheck
from appliance.core.injection import Services
from appliance.core.installation import Installation
from appliance.core.node_door import NodeDoor
from appliance.core.photos_first import PhotoWork
from appliance.core.public_base import DeploymentUrls
from appliance.core.recent import Changes
from appliance.core.secrets import BackupPassphrase, FirstPasswordFile, metrics_token
from appliance.guests.codes import ShortCodes
from appliance.guests.links import GuestLinks
from appliance.guests.logo import EventLogo
from appliance.guests.screens import Screens
from appliance.guests.service import ResultService
from appliance.guests.shared_galleries.service import SharedGalleries
from appliance.guests.tokens import GuestTokens
from appliance.guests.visits import Visits
from appliance.housekeeping.cleanup import Cleanup
from appliance.housekeeping.disk_guard import DiskGuard
from appliance.housekeeping.model_check import ModelCheck
from appliance.ingest.idempotency import IdempotentJobs
from appliance.ingest.service import IngestService
from appliance.jobs.ledger import JobLedger
from appliance.media.imaging import Imaging
from appliance.media.library import TemplateFiles
from appliance.media.previews import Previews
from appliance.media.signing import ContentCredentials
from appliance.media.templates import TemplateCache
from appliance.media.temporary_media import TemporaryMedia
from appliance.migrations.revisions import tables_age
from appliance.providers.breaker import Circuits
from appliance.providers.failover import ProviderLine
from appliance.providers.keys import KeyFiles, KeyRing
from appliance.providers.learned import LearnedModels
from appliance.providers.runner import RouteRunner
from appliance.providers.stored_keys import AllKeys, StoredKeys
from appliance.providers.timings import RouteTimings
from appliance.settings.environment import Settings
from appliance.settings.operator import SettingsReader
from appliance.settings.recent import RecentSettings
from appliance.slots.service import SlotService
from appliance.staff.booth_keys.service import BoothKeyService
from appliance.staff.event.service import Event
from appliance.staff.issues.service import Issues
from appliance.staff.issues.sources.every import every_source
from appliance.staff.issues.watch import IssueWatch
from appliance.staff.jobs.hiding import PictureHiding
from appliance.staff.jobs.pictures import StaffPictures
from appliance.staff.jobs.progress import JobProgress
from appliance.staff.jobs.service import JobService
from appliance.staff.metrics.service import Metrics
from appliance.staff.pictures.archive import StaffArchive
from appliance.staff.pictures.search import PictureSearch
from appliance.staff.preflight.dry_run import DryRuns
from appliance.staff.preflight.tools import Tools
from appliance.staff.providers.catalog import ProviderCatalog
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
    photo_work: PhotoWork | None = None,
    changes: Changes | None = None,
    door: NodeDoor | None = None,
) -> AsyncIterator[Services]:
    """Build the services; on leaving, running jobs end first, then what they need is closed."""
    async with AsyncExitStack() as stack:
        database = parts.database(settings, stack)
        # Photos have connections of their own: strangers' pages and log-ins take none of them.
        photo_database = parts.database(settings, stack)
        media = await parts.media(settings, database)
        imaging = Imaging()
        stack.callback(imaging.close)
        registry = parts.registry(settings, stack)
        ledger = JobLedger(photo_database, settings.node)
        stack.push_async_callback(ledger.aclose)
        gate, work = parts.gate(settings, photo_database, stack), photo_work or PhotoWork()
        changes = changes or Changes()
        encryption = EncryptionKeys(settings.secrets_dir)
        encryption.ensure()
        stored_keys = StoredKeys(photo_database, encryption, registry)
        key_files = KeyFiles(settings.secrets_dir)
        stack.push_async_callback(stored_keys.aclose)
        key_ring = KeyRing(
            AllKeys(stored_keys, key_files, registry), parts.pauses(settings, photo_database, stack)
        )
        timings = RouteTimings(photo_database)
        stack.push_async_callback(timings.aclose)
        learned = LearnedModels(photo_database)
        stack.push_async_callback(learned.aclose)
        runner = RouteRunner(registry, key_ring, timings, Circuits(key_ring.pauses), learned)
        keys = SigningKeys(settings.secrets_dir)
        keys.ensure()
        session_tokens = Tokens(keys)
        sessions = SessionService(database, session_tokens)
        first_passwords = FirstPasswordFile(settings.secrets_dir)
        accounts = AccountService(database, first_passwords)
        siblings = parts.siblings(settings, changes, stack)
        credentials, booth_keys, booth_requests, all_booths = parts.booths(
            settings, photo_database, first_passwords, siblings, stack
        )
        slots = SlotService(photo_database, registry, TemplateCache(media))
        ingest = IngestService(
            slots=slots,
            credentials=credentials,
            booth_keys=booth_keys,
            idempotent=IdempotentJobs(photo_database),
            gate=gate,
            ledger=ledger,
            providers=ProviderLine(runner),
            media=media,
            signing=ContentCredentials(settings.secrets_dir),
            imaging=imaging,
            temporary_media=(temporary_media := TemporaryMedia(siblings)),
            work=work,
        )
        stack.push_async_callback(ingest.aclose)
        slot_editor, previews, progress = (
            SlotEditor(database, registry),
            Previews(media, imaging),
            JobProgress(ledger, siblings),
        )
        stats = StatsService(database, slot_editor, runner, WorkOfAll(gate.in_use, progress, siblings))
        cleanup, leader = (
            Cleanup(database, media, settings.node),
            parts.leader(settings, database, learned, stack),
        )
        disk_guard, node_watch = (
            parts.led(DiskGuard(database, media, cleanup), leader, stack),
            parts.nodes(settings, database, cleanup, leader, door, stack),
        )
        parts.led(ModelCheck(database, runner, settings.model_check_hour), leader, stack)
        tokens, screens = GuestTokens(settings.secrets_dir), Screens(media, previews)
        addresses, backup_passphrase = Addresses(tokens.identity), BackupPassphrase(settings.secrets_dir)
        issues, base, testing, urls = (
            Issues(database),
            parts.links_base(settings, ingest),
            KeyTesting(database, registry, key_ring, learned),
            DeploymentUrls(
                settings.public_base(), settings.lan_base(), settings.lan_other_urls, settings.front_door
            ),
        )
        sources = every_source(
            database,
            stats,
            runner,
            testing,
            media,
            disk_guard,
            backup_passphrase,
            addresses,
            base,
            settings.processes + len(settings.nodes),
        )
        issue_watch = parts.led(IssueWatch(database, sources), leader, stack)
        channels = parts.alerts(database, encryption, urls, issue_watch, leader, stack)
        codes, recent_settings, trials, backups = (
            ShortCodes(database, tokens),
            RecentSettings(database, changes),
            Trials(
                database=database, slots=slots, editor=slot_editor, line=ingest, media=media, imaging=imaging
            ),
            parts.backups(settings, stack, database, encryption),
        )
        preflight = parts.preflight(
            Tools(settings, database, tables_age, runner, testing, addresses, base, backups=backups),
            DryRuns(database, slots, imaging, media, trials, work),
            stack,
        )
        await parts.begin_together(settings, leader, siblings, stack)
        yield Services(
            database,
            media,
            gate,
            ingest,
            cleanup,
            disk_guard,
            runner,
            temporary_media,
            accounts,
            sessions,
            ApiTokens(database),
            credentials,
            slot_editor,
            ModelChanges(slot_editor, registry),
            stats,
            tokens,
            screens,
            codes,
            HealthCheck(database, media.root, media.temp, node_watch if settings.node > 1 else None),
            urls,
            channels,
            Webhooks(database, encryption),
            SettingsReader(database),
            recent_settings,
            AuditTrail(database),
            LoginService(database, accounts, sessions, LoginThrottle(database, session_tokens)),
            ResultService(database, media, recent_settings),
            GuestLinks(codes),
            Visits(database, media, tokens, recent_settings),
            SharedGalleries(database, tokens, recent_settings),
            EventLogo(database, screens),
            OperatorSettingsService(database, credentials, registry),
            ProviderKeyService(database, registry, key_ring, stored_keys, key_files, encryption, testing),
            ProviderCatalog(database, runner),
            Machines(runner),
            SlotPages(database, slot_editor),
            TemplateMediaService(database, media, TemplateFiles(media, imaging), previews),
            JobService(database, progress),
            trials,
            PictureSearch(database),
            StaffArchive(database, media),
            StaffPictures(database, media, previews),
            PictureHiding(database),
            SharedGalleryService(database),
            BoothKeyService(database, booth_keys),
            booth_requests,
            all_booths,
            parts.simulator(database, booth_keys, settings, siblings, stack),
            Event(database, media, all_booths),
            addresses,
            Installation(tokens.identity),
            issues,
            Dashboard(stats, issues),
            issue_watch,
            backup_passphrase,
            backups,
            preflight,
            Metrics(
                {"pages": database, "photos": photo_database},
                media,
                runner,
                gate,
                token=metrics_token(settings.secrets_dir),
                networks=settings.metrics_networks,
                process=settings.number if settings.several else None,
                siblings=siblings,
            ),
        )
