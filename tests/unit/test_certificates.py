"""The local authority: what it may sign for, and when another one is made."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from appliance.lifecycle.stack import certificates
from appliance.lifecycle.stack.certificates import AUTHORITY, CERTIFICATE, KEY

NAMES = ["photos.local", "192.168.1.20"]


def subject_of(name: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def trusted(folder: Path, name: str, leaf: x509.Certificate | None = None) -> bool:
    """Whether who installed the authority trusts this machine's certificate (or another) for ``name``."""
    root = x509.load_pem_x509_certificate((folder / "tls" / AUTHORITY).read_bytes())
    leaf = leaf or x509.load_pem_x509_certificate((folder / "tls" / CERTIFICATE).read_bytes())
    try:
        PolicyBuilder().store(Store([root])).build_server_verifier(subject_of(name)).verify(leaf, [])
    except VerificationError:
        return False
    return True


def stolen(folder: Path, name: str) -> x509.Certificate:
    """What whoever has the authority's key would sign."""
    root = x509.load_pem_x509_certificate((folder / "secrets/tls-ca/ca.pem").read_bytes())
    key = serialization.load_pem_private_key((folder / "secrets/tls-ca/ca-key.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    builder = certificates._builder("somebody else", root.subject, public, 30, authority=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([subject_of(name)]), critical=False)
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return builder.add_extension(signed_by, critical=False).sign(key, hashes.SHA256())


@pytest.mark.parametrize("names", [NAMES, ["photos.local"], ["192.168.1.20"], ["203.0.113.7", "a.example"]])
def test_a_stolen_authority_passes_for_nobody_else(tmp_path: Path, names: list[str]) -> None:
    assert certificates.make(tmp_path / "secrets", tmp_path / "tls", names)
    for name in names:
        assert trusted(tmp_path, name), name
        assert trusted(tmp_path, name, stolen(tmp_path, name)), name
    for name in ("bank.example", "photos.local.example", "8.8.8.8", "2001:db8::1"):
        assert not trusted(tmp_path, name, stolen(tmp_path, name)), name


def test_another_address_of_the_local_network_needs_no_other_authority(tmp_path: Path) -> None:
    assert certificates.make(tmp_path / "secrets", tmp_path / "tls", NAMES)
    assert not certificates.make(tmp_path / "secrets", tmp_path / "tls", ["10.0.0.9", "photos.local"])
    assert trusted(tmp_path, "10.0.0.9")


def test_a_name_that_the_authority_may_not_sign_for_gets_a_new_one(tmp_path: Path) -> None:
    assert certificates.make(tmp_path / "secrets", tmp_path / "tls", NAMES)
    assert certificates.make(tmp_path / "secrets", tmp_path / "tls", ["other.local"])
    assert trusted(tmp_path, "other.local")
    assert not certificates.make(tmp_path / "secrets", tmp_path / "tls", ["other.local"])
    assert certificates.make(tmp_path / "secrets", tmp_path / "tls", ["other.local"], fresh=True)
    assert trusted(tmp_path, "other.local")


def test_names_in_other_alphabets_are_in_the_certificate_as_ascii(tmp_path: Path) -> None:
    certificates.make(tmp_path / "secrets", tmp_path / "tls", ["фото.рф"])
    assert trusted(tmp_path, "xn--n1aalg.xn--p1ai")


@pytest.mark.parametrize("name", ["http://photos.local", "*.local", "192.168.1", ""])
def test_what_is_neither_a_name_nor_an_address_is_named_and_changes_nothing(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(f"'{name}' is no host name")):
        certificates.make(tmp_path / "secrets", tmp_path / "tls", ["photos.local", name])
    assert not list(tmp_path.rglob("*.pem"))


@pytest.mark.parametrize("refused", ["exists", "read_bytes"])
def test_a_certificate_of_ones_own_that_may_not_be_read_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    for name in (CERTIFICATE, KEY):
        (tmp_path / name).touch()
    monkeypatch.setattr(Path, refused, refuse)
    with pytest.raises(ValueError, match="As root: chown -R 10001 compose/site/tls"):
        certificates.bring(tmp_path, tmp_path / "front")


def test_a_certificate_of_ones_own_that_is_half_there_is_left_and_what_is_missing_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / CERTIFICATE).touch()
    assert not certificates.bring(tmp_path, tmp_path / "front")
    assert "There is no privkey.pem in compose/site/tls" in capsys.readouterr().out


def test_a_key_with_a_passphrase_is_refused_in_words(tmp_path: Path) -> None:
    certificates.make(tmp_path / "secrets", tmp_path / "tls", NAMES)
    key = serialization.load_pem_private_key((tmp_path / "tls" / KEY).read_bytes(), None)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"word"),
    )
    (tmp_path / "tls" / KEY).write_bytes(sealed)
    with pytest.raises(ValueError, match=r"privkey\.pem is no key in PEM form without a passphrase"):
        certificates.bring(tmp_path / "tls", tmp_path / "front")
