"""``support-bundle``: what somebody who helps from afar needs, without secrets, pictures or guests' data."""

from __future__ import annotations

import gzip
import io
import json
import platform
import tarfile
import time
from pathlib import Path
from typing import IO

from sqlalchemy import text

from appliance.core.encryption import EncryptionKeys
from appliance.lifecycle.database import opened_database
from appliance.lifecycle.doctor import examine as doctor
from appliance.lifecycle.doctor import redaction
from appliance.providers.stored_keys import StoredKeys
from appliance.settings.environment import Settings

_QUERIES = {
    # Whoever knows an address that is pinged can ping in our place: only whether there is one.
    "settings": "select key, case when key like 'alive\\_%' and value <> 'null' then '\"set\"' else value "
    "end as value from app_settings where key <> 'ingest_password' order by key",
    "slots": "select slot_id, provider, operation, model, active, version, fallbacks, output from slot "
    "order by slot_id",
    "jobs_by_day": "select date(created_at) as day, status, failure_reason, provider, count(*), "
    "percentile_cont(0.95) within group (order by extract(epoch from finished_at - created_at)) as p95 "
    "from job_history where created_at > now() - interval '14 days' group by 1, 2, 3, 4 order by 1 desc",
    "last_failures": "select created_at, slot_id, status, failure_reason, provider, attempts, timings "
    "from job_history where status in ('failed', 'timeout') order by created_at desc limit 50",
    "issues": "select key, code, severity, parameters, slots, opened_at, closed_at, ignored_until from issue "
    "where closed_at is null or closed_at > now() - interval '14 days' order by id desc limit 500",
    "table_sizes": "select relname, n_live_tup, pg_total_relation_size(relid) as bytes "
    "from pg_stat_user_tables order by 3 desc",
}


async def write(settings: Settings, out: IO[bytes], logs: str, *, front: Path) -> None:
    """A gzipped tar of text files."""
    known = [*redaction.known_secrets(settings.secrets_dir), *await _entered_keys(settings)]
    findings = await doctor.examine(settings, front=front)
    files = {
        "doctor.txt": doctor.page(findings),
        "doctor.json": doctor.as_json(findings),
        "environment.json": json.dumps(_environment(settings), indent=2, default=str),
        "logs.txt": logs,
        **await _from_database(settings),
    }
    with gzip.GzipFile(fileobj=out, mode="wb") as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        for name, content in files.items():
            data = redaction.redact(content, known).encode()
            info = tarfile.TarInfo(f"support/{name}")
            info.size, info.mtime = len(data), int(time.time())
            tar.addfile(info, io.BytesIO(data))


async def _entered_keys(settings: Settings) -> list[str]:
    """Provider keys that lie in the database: what quotes one is cut out like the secret files' values."""
    async with opened_database(settings) as database:
        stored = StoredKeys(database, EncryptionKeys(settings.secrets_dir))
        await stored.refresh()
        return [one.key for one in stored.all() if one.key is not None]


def _environment(settings: Settings) -> dict[str, object]:
    shown = settings.model_dump(mode="json", exclude={"database_url"})
    return {"settings": shown, "python": platform.python_version(), "machine": platform.platform()}


async def _from_database(settings: Settings) -> dict[str, str]:
    found = {}
    async with opened_database(settings) as database:
        for name, statement in _QUERIES.items():
            try:
                async with database.session() as session:
                    rows = [dict(row) for row in (await session.execute(text(statement))).mappings()]
                found[f"{name}.json"] = json.dumps(rows, indent=1, default=str, ensure_ascii=False)
            except Exception as error:  # noqa: BLE001 - half a bundle helps more than none
                found[f"{name}.json"] = f"{type(error).__name__}: {error}"
    return found
