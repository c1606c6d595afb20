"""A certificate of the appliance's own: a local authority, made once, and under it one for this machine.

The authority's certificate is what is installed on the booth PCs (``/ca.crt``); its key never leaves the
secrets folder. A certificate that somebody brings is taken instead.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from appliance.core.clock import utcnow
from appliance.core.secrets import write_secret

CERTIFICATE, KEY, AUTHORITY = "fullchain.pem", "privkey.pem", "ca.crt"
_AUTHORITY_DAYS = 3650
_DAYS = 397  # what browsers take at most
_BEFORE = dt.timedelta(days=1)  # a booth PC's clock may be behind


def days_left(file: Path) -> float:
    """How long a certificate is still valid."""
    from cryptography import x509  # noqa: PLC0415 - slow to load

    found = x509.load_pem_x509_certificate(file.read_bytes())
    return (found.not_valid_after_utc - utcnow()).total_seconds() / 86400


def bring(site: Path, front: Path) -> bool:
    """Take over the certificate in ``site/tls``, if there is one; raises ``ValueError`` for a wrong pair."""
    certificate, key = site / CERTIFICATE, site / KEY
    if not (certificate.exists() and key.exists()):
        return False
    _require_pair(certificate.read_bytes(), key.read_bytes())
    _put(front, KEY, key.read_bytes())
    _put(front, CERTIFICATE, certificate.read_bytes())
    (front / AUTHORITY).unlink(missing_ok=True)
    return True


def make(secrets_dir: Path, front: Path, names: Sequence[str]) -> None:
    """A fresh certificate for ``names`` (host names and addresses) under our own authority."""
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    issuer, issuer_key = _authority(secrets_dir / "tls-ca")
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(names[0], issuer.subject, key.public_key(), _DAYS, authority=False)
    builder = builder.add_extension(_alternative_names(names), critical=False)
    certificate = builder.sign(issuer_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    _put(front, KEY, _key_bytes(key))
    _put(front, CERTIFICATE, certificate.public_bytes(pem) + issuer.public_bytes(pem))
    _put(front, AUTHORITY, issuer.public_bytes(pem))


def _put(front: Path, name: str, content: bytes) -> None:
    front.mkdir(mode=0o750, parents=True, exist_ok=True)
    fresh = front / f".{name}.new"
    fresh.write_bytes(content)
    fresh.chmod(0o640)  # Nginx is in our group
    fresh.replace(front / name)


def _key_bytes(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    made: bytes = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    return made


def _authority(folder: Path) -> tuple[Any, Any]:
    """The authority's certificate and key; made the first time."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    certificate, key_file = folder / "ca.pem", folder / "ca-key.pem"
    if certificate.exists() and key_file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        return x509.load_pem_x509_certificate(certificate.read_bytes()), key
    made = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"PhotoChanger local authority {utcnow():%Y-%m-%d}")
    root = _builder(None, name, made.public_key(), _AUTHORITY_DAYS, authority=True).sign(
        made, hashes.SHA256()
    )
    write_secret(key_file, _key_bytes(made).decode())
    write_secret(certificate, root.public_bytes(serialization.Encoding.PEM).decode())
    return root, made


def _name(text: str) -> Any:
    from cryptography import x509  # noqa: PLC0415

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _builder(subject: str | None, issuer: Any, public_key: Any, days: int, *, authority: bool) -> Any:
    from cryptography import x509  # noqa: PLC0415

    usage = {"digital_signature": True, "key_cert_sign": authority, "crl_sign": authority}
    unused = (
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject) if subject else issuer)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(utcnow() - _BEFORE)
        .not_valid_after(utcnow() + dt.timedelta(days=days))
        .add_extension(
            x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True
        )
        .add_extension(x509.KeyUsage(**usage, **dict.fromkeys(unused, False)), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    if not authority:
        server = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(server, critical=False)
    return builder


def _alternative_names(names: Sequence[str]) -> Any:
    from cryptography import x509  # noqa: PLC0415

    made: list[Any] = []
    for name in names:
        try:
            made.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            made.append(x509.DNSName(name))
    return x509.SubjectAlternativeName(made)


def _require_pair(certificate: bytes, key: bytes) -> None:
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    public = x509.load_pem_x509_certificate(certificate).public_key()
    if public != serialization.load_pem_private_key(key, None).public_key():
        raise ValueError("The certificate and the key in compose/site/tls do not belong together.")
