"""The only place where objects are built; opened and closed by the app's lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from appliance.accounts.service import AccountService
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
from appliance.media.store import MediaStore
from appliance.providers.failover import ProviderLine
from appliance.providers.registry import ProviderRegistry, build_drivers
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
        registry = ProviderRegistry(build_drivers())
        stack.push_async_callback(registry.aclose)
        ledger = JobLedger(database)
        stack.push_async_callback(ledger.aclose)
        gate = Gate()
        first_passwords = FirstPasswordFile(settings.secrets_dir)
        credentials = IngestCredentials(database, PasswordChecker(), first_passwords)
        ingest = IngestService(
            slots=SlotService(database, registry),
            credentials=credentials,
            idempotent=IdempotentJobs(database),
            gate=gate,
            ledger=ledger,
            providers=ProviderLine(registry),
            media=media,
            imaging=imaging,
        )
        stack.push_async_callback(ingest.aclose)
        yield Services(
            database=database,
            media=media,
            gate=gate,
            ingest=ingest,
            results=ResultService(database, media),
            cleanup=Cleanup(database, media),
            accounts=AccountService(database, first_passwords),
            credentials=credentials,
            public_base=settings.public_base(),
        )
