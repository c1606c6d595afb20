"""Verbs that print, make or hand over what lies in the folder of secret files."""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.settings.environment import Settings


def first_passwords(settings: Settings, _: argparse.Namespace) -> int:
    """Print the first passwords that have not been changed yet, as JSON."""
    from appliance.core.secrets import FirstPasswordFile  # noqa: PLC0415

    print(json.dumps(FirstPasswordFile(settings.secrets_dir).read()))
    return 0


def make_backup_passphrase(settings: Settings, _: argparse.Namespace) -> int:
    """Generate the passphrase that encrypts the backups, if there is none, and print it once."""
    from appliance.core.passwords import make_password  # noqa: PLC0415
    from appliance.core.secrets import BackupPassphrase  # noqa: PLC0415

    made = f"{make_password()}-{make_password()}"
    if not BackupPassphrase(settings.secrets_dir).keep(made):
        print("There is one already; every backup is encrypted with it.", file=sys.stderr)
        return 1
    print(made)
    return 0


# What a node needs. Passwords of people, the backups' passphrase and the certificate authority stay here.
_OF_A_NODE = (
    "database-password",
    "encryption-keys",
    "guest-links-key",
    "jwt-keys.json",
    "metrics-token",
    "node-secret",
    "provider-keys",
    "content-credentials",
)


def node_secrets(settings: Settings, _: argparse.Namespace) -> int:
    """Write the secret files that another machine of this site needs to standard output, as a tar."""
    from appliance.accounts.keys import SigningKeys  # noqa: PLC0415
    from appliance.core.encryption import EncryptionKeys  # noqa: PLC0415
    from appliance.core.node_secret import NodeSecret  # noqa: PLC0415
    from appliance.core.secrets import metrics_token  # noqa: PLC0415
    from appliance.guests.tokens import GuestTokens  # noqa: PLC0415
    from appliance.media import signing_certificate  # noqa: PLC0415

    folder = settings.secrets_dir
    EncryptionKeys(folder).ensure()
    SigningKeys(folder).ensure()
    for make in (GuestTokens, NodeSecret.of, metrics_token, signing_certificate.ensure):
        make(folder)
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
        tar.add(folder, "secrets", recursive=False)
        for name in _OF_A_NODE:
            if (folder / name).exists():
                tar.add(folder / name, f"secrets/{name}")
    return 0


def show_metrics_token(settings: Settings, _: argparse.Namespace) -> int:
    """Print the token that Prometheus sends to /metrics."""
    from appliance.core.secrets import metrics_token  # noqa: PLC0415

    print(metrics_token(settings.secrets_dir))
    return 0
