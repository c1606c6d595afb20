"""The only place where objects are built; opened and closed by the app's lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from appliance.accounts.service import AccountService
from appliance.core.app_settings import OperatorSettings
from appliance.core.db import Database
from appliance.core.passwords import PasswordChecker
from appliance.core.secrets import FirstPasswordFile
from appliance.ingest.credentials import IngestCredentials
from appliance.ingest.gate import Gate
from appliance.ingest.idempotency import IdempotentJobs
from appliance.ingest.service import IngestService
from appliance.jobs.cleanup import Cleanup
from appliance.jobs.ledger import JobLedger
from appliance.media.imaging import Imaging
from appliance.media.lending import Lending
from appliance.media.store import MediaStore
from appliance.media.templates import TemplateCache
from appliance.providers.breaker import Circuits
from appliance.providers.failover import ProviderLine
from appliance.providers.keys import KeyFiles, KeyRing
from appliance.providers.registry import ProviderRegistry
from appliance.providers.runner import RouteRunner
from appliance.providers.timings import RouteTimings
from appliance.results.service import ResultService
from appliance.settings import Settings
from appliance.slots.service import SlotService


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request may need."""

    database: Database
    media: MediaStore
    gate: Gate
    ingest: IngestService
    results: ResultService
    cleanup: Cleanup
    runner: RouteRunner
    lending: Lending
    accounts: AccountService
    credentials: IngestCredentials
    public_base: str | None


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
        runner = RouteRunner(
            registry, KeyRing(KeyFiles(settings.secrets_dir)), RouteTimings(database), Circuits()
        )
        first_passwords = FirstPasswordFile(settings.secrets_dir)
        credentials = IngestCredentials(database, PasswordChecker(), first_passwords)
        ingest = IngestService(
            slots=SlotService(database, registry, TemplateCache(media)),
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
        yield Services(
            database=database,
            media=media,
            gate=gate,
            ingest=ingest,
            results=ResultService(database, media),
            cleanup=Cleanup(database, media),
            runner=runner,
            lending=lending,
            accounts=AccountService(database, first_passwords),
            credentials=credentials,
            public_base=settings.public_base(),
        )
