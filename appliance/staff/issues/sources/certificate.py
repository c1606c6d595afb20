"""The certificate that Nginx shows, where the appliance has one."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from appliance.core.clock import utcnow
from appliance.staff.issues.findings import AT_ONCE, Finding, Severity, Source

CERTIFICATE_DAYS = 14


def ends_at(file: Path) -> datetime | None:
    """Until when a certificate is valid; ``None`` where there is none."""
    if not file.exists():
        return None
    from cryptography import x509  # noqa: PLC0415 - slow to load

    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc


def certificate_source(file: Path) -> Source:
    """Looks at the file; there is none where nothing is encrypted here."""

    async def look() -> list[Finding]:
        end = await asyncio.to_thread(ends_at, file)
        if end is None:
            return []
        days = (end - utcnow()).total_seconds() / 86400
        if days > CERTIFICATE_DAYS:
            return []
        severity: Severity = "stops_photos" if days <= 0 else "will_stop" if days <= 2 else "should_know"
        said = {"ends_on": end.date().isoformat()}
        return [Finding("certificate.ending", severity, said, patience=AT_ONCE, own_key="certificate")]

    return Source("certificate", ("certificate.ending",), look, every=300.0)
