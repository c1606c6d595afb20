"""What is said when everything is ready: addresses, a QR code of the admin pages, the first passwords."""

from __future__ import annotations

import io
from collections.abc import Sequence

from appliance.core.secrets import FirstPasswords

FORMS = {"image": "DSLR Remote Pro", "multipart": "Breeze Booth", "json": "programs"}


def text(bases: Sequence[str], first: FirstPasswords, *, qr: bool) -> str:
    """For ``bases``, the addresses under which the appliance is reached, the best first."""
    lines = [""]
    lines += [f"{'Admin':<18}{base}/admin/" for base in bases]
    lines += ["", "What to enter in the booth software (slot-001 to slot-015):"]
    lines += [f"  {who:<16}{bases[0]}/api/ingest/slot-001?reply={form}" for form, who in FORMS.items()]
    lines += [
        "",
        f"Keys of AI providers (slot-009 to slot-011) are entered at {bases[0]}/admin/settings#keys",
    ]
    lines += ["", *_passwords(first), *passphrase_lines(first.get("backup"))]
    if qr:
        lines += ["", "The admin pages on a phone:", _qr(f"{bases[0]}/admin/")]
    return "\n".join([*lines, ""])


def _passwords(first: FirstPasswords) -> list[str]:
    if not first["accounts"] and not first["ingest"]:
        return ["All first passwords have been changed."]
    lines = ["First passwords that have not been changed yet; change them in the admin pages:"]
    lines += [f"  {name:<16}{password}" for name, password in first["accounts"].items()]
    if first["ingest"]:
        lines.append(f"  {'ingest':<16}{first['ingest']}   (what the booths send)")
    return lines


def passphrase_lines(passphrase: str | None) -> list[str]:
    """The backups' passphrase, to be written down; nothing where it was shown already."""
    if not passphrase:
        return []
    return [
        "",
        "Backup passphrase, shown only this once. Keep a copy away from this machine: without it, no",
        "backup can be used on another machine.",
        f"  {passphrase}",
    ]


def _qr(address: str) -> str:
    import segno  # noqa: PLC0415 - the run without Docker shows none

    out = io.StringIO()
    segno.make(address, error="l", micro=False).terminal(out, border=2, compact=True)
    return out.getvalue()
