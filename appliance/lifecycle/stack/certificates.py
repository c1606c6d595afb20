"""A certificate of the appliance's own: a local authority, made once, and under it one for this machine.

The authority's certificate is what is installed on the booth PCs (``/ca.crt``); its key never leaves the
secrets folder. A certificate that somebody brings is taken instead.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from appliance.core.clock import utcnow
from appliance.core.secrets import write_secret
from appliance.core.web_address import ip_of, parse_address

CERTIFICATE, KEY, AUTHORITY = "fullchain.pem", "privkey.pem", "ca.crt"
_AUTHORITY_DAYS = 3650
_DAYS = 397  # what browsers take at most
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_EVERYWHERE = tuple(map(ipaddress.ip_network, ("0.0.0.0/0", "::/0")))
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "127.0.0.0/8", "::1/128")
)
_BEFORE = dt.timedelta(days=1)  # a booth PC's clock may be behind


def bring(site: Path, front: Path) -> bool:
    """Take over the certificate in ``site/tls``, if there is one; raises ``ValueError`` if it is unusable."""
    try:
        missing = [name for name in (CERTIFICATE, KEY) if not (site / name).exists()]
    except PermissionError:
        raise _not_readable("compose/site/tls") from None
    if missing:
        if len(missing) == 1:
            sys.stdout.write(
                f"There is no {missing[0]} in compose/site/tls, so the other file is not used.\n"
            )
        return False
    certificate, key = _read(site / CERTIFICATE), _read(site / KEY)
    _require_pair(certificate, key)
    _put(front, KEY, key)
    _put(front, CERTIFICATE, certificate)
    (front / AUTHORITY).unlink(missing_ok=True)
    return True


def make(secrets_dir: Path, front: Path, names: Sequence[str], *, fresh: bool = False) -> bool:
    """A fresh certificate for ``names`` (host names and addresses) under our own authority.

    ``fresh``: under a new authority. Returns whether it is one that booths do not know yet.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    issuer, issuer_key, is_new = _authority(secrets_dir / "tls-ca", names, fresh=fresh)
    key = ec.generate_private_key(ec.SECP256R1())
    # With a blank: some take a name or an address here for one that the authority must be allowed.
    subject = f"PhotoChanger at {names[0]}"
    builder = _builder(subject, issuer.subject, key.public_key(), _DAYS, authority=False)
    builder = builder.add_extension(_alternative_names(names), critical=False)
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    builder = builder.add_extension(signed_by, critical=False)
    certificate = builder.sign(issuer_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    _put(front, KEY, _key_bytes(key))
    _put(front, CERTIFICATE, certificate.public_bytes(pem) + issuer.public_bytes(pem))
    _put(front, AUTHORITY, issuer.public_bytes(pem))
    return is_new


def _put(front: Path, name: str, content: bytes) -> None:
    front.mkdir(mode=0o750, parents=True, exist_ok=True)
    write_secret(front / name, content, mode=0o640)  # Nginx is in our group


def _key_bytes(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    made: bytes = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    return made


def _authority(folder: Path, names: Sequence[str], *, fresh: bool) -> tuple[Any, Any, bool]:
    """The authority's certificate and key, and whether it was made now: the first time, when asked
    to, and for names that the one that is there may not sign for.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    certificate, key_file = folder / "ca.pem", folder / "ca-key.pem"
    if not fresh and certificate.exists() and key_file.exists():
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        if _may_sign(found, names):
            return found, serialization.load_pem_private_key(key_file.read_bytes(), None), False
    made = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"PhotoChanger local authority {utcnow():%Y-%m-%d}")
    builder = _builder(None, name, made.public_key(), _AUTHORITY_DAYS, authority=True)
    # Whoever steals the key can pass for this appliance, and for nobody else in the world.
    root = builder.add_extension(_constraints(names), critical=True).sign(made, hashes.SHA256())
    write_secret(key_file, _key_bytes(made).decode())
    write_secret(certificate, root.public_bytes(serialization.Encoding.PEM).decode())
    return root, made, True


def _constraints(names: Sequence[str]) -> Any:
    """What an authority made for ``names`` may sign for: these names and, since an address in a local
    network changes, all private addresses where one of them is private. Nothing of a kind that is not there.
    """
    from cryptography import x509  # noqa: PLC0415

    hosts, networks = _hosts_and_networks(names)
    allowed: list[Any] = [*map(x509.DNSName, hosts), *map(x509.IPAddress, networks)]
    excluded: list[Any] = [] if hosts else [x509.DNSName("")]
    excluded += [] if networks else [x509.IPAddress(network) for network in _EVERYWHERE]
    return x509.NameConstraints(allowed, excluded or None)


def _hosts_and_networks(names: Sequence[str]) -> tuple[list[str], list[_Network]]:
    hosts: list[str] = []
    networks: list[_Network] = []
    for name in names:
        address = ip_of(name)
        if address is None:
            hosts.append(_host(name))
        elif any(address in network for network in _PRIVATE):
            networks += [network for network in _PRIVATE if network not in networks]
        else:
            networks.append(ipaddress.ip_network(address))
    return hosts, networks


def _host(name: str) -> str:
    try:
        return parse_address(f"https://{name}").host
    except ValueError:
        raise ValueError(
            f"'{name}' is no host name and no address. Name each as phones reach it, such as photos.local or "
            "192.168.1.20. Nothing was changed."
        ) from None


def _may_sign(found: Any, names: Sequence[str]) -> bool:
    """Whether the authority is allowed all of ``names``. One of an earlier version is allowed anything."""
    from cryptography import x509  # noqa: PLC0415

    try:
        allowed = found.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
    except x509.ExtensionNotFound:
        return True
    hosts, networks = _hosts_and_networks(names)
    known = {one.value for one in allowed or ()}
    return {*hosts, *networks} <= known


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
        if (address := ip_of(name)) is not None:
            made.append(x509.IPAddress(address))
        else:
            made.append(x509.DNSName(_host(name)))
    return x509.SubjectAlternativeName(made)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except PermissionError:
        raise _not_readable(f"compose/site/tls/{file.name}") from None


def _not_readable(what: str) -> ValueError:
    return ValueError(
        f"{what} cannot be read: it must belong to the user 10001. As root: chown -R 10001 compose/site/tls"
    )


def _require_pair(certificate: bytes, key: bytes) -> None:
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    try:
        public = x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError:
        raise ValueError("compose/site/tls/fullchain.pem is no certificate in PEM form.") from None
    try:
        private = serialization.load_pem_private_key(key, None)
    except (ValueError, TypeError):  # the latter for one with a passphrase
        raise ValueError(
            "compose/site/tls/privkey.pem is no key in PEM form without a passphrase, as Nginx needs it."
        ) from None
    if public != private.public_key():
        raise ValueError("The certificate and the key in compose/site/tls do not belong together.")
