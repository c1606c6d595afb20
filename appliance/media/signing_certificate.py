"""The certificate that the appliance signs content credentials with: made once, kept with the secrets.

``SECRETS/content-credentials/certificate.pem`` holds the chain, the signer's first, and ``key.pem`` its
key (PKCS 8, P-256). Both can be replaced by bought ones. What C2PA asks of a certificate: spec.c2pa.org,
Technical Specification 2.2, section 14.5 (looked up 2026-11-26).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.core.clock import utcnow
from appliance.core.secrets import one_at_a_time, write_secret

FOLDER, CERTIFICATE, KEY = "content-credentials", "certificate.pem", "key.pem"
_DAYS = 3650  # pictures are looked at long after the event; the key never leaves the machine
_BEFORE = dt.timedelta(days=1)
_USES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def _only(*uses: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in uses for use in _USES})


def ensure(secrets_dir: Path) -> tuple[bytes, bytes]:
    """The chain and the key, as PEM; made where there are none, and once however many want them. Blocking."""
    folder = secrets_dir / FOLDER
    certificate, key = folder / CERTIFICATE, folder / KEY
    with one_at_a_time(folder):
        if not (certificate.exists() and key.exists()):
            chain, private = _new_certificate()
            write_secret(key, private)
            write_secret(certificate, chain)
        return certificate.read_bytes(), key.read_bytes()


def _new_certificate() -> tuple[str, str]:
    """A certificate under an authority whose key is forgotten at once: it will never sign another."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name(f"PhotoChanger content credentials {utcnow():%Y-%m-%d}")
    authority = (
        _begun(issuer, issuer, authority_key.public_key(), authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_only("key_cert_sign", "crl_sign"), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    signer = (
        _begun(_name("PhotoChanger appliance"), issuer, key.public_key(), authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_only("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (signer.public_bytes(pem) + authority.public_bytes(pem)).decode(), private.decode()


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, by: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = utcnow()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + dt.timedelta(days=_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, text),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "PhotoChanger"),
        ]
    )
