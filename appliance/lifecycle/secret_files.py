"""Verbs that print or make what lies in the folder of secret files."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.settings.environment import Settings


def first_passwords(settings: Settings, _: argparse.Namespace) -> int:
    """Print the first passwords that nobody has changed yet, as JSON."""
    from appliance.core.secrets import FirstPasswordFile  # noqa: PLC0415

    print(json.dumps(FirstPasswordFile(settings.secrets_dir).read()))
    return 0


def make_backup_passphrase(settings: Settings, _: argparse.Namespace) -> int:
    """Make the passphrase that seals the backups, where there is none, and print it this once."""
    from appliance.core.passwords import make_password  # noqa: PLC0415
    from appliance.core.secrets import BackupPassphrase  # noqa: PLC0415

    made = f"{make_password()}-{make_password()}"
    if not BackupPassphrase(settings.secrets_dir).keep(made):
        print("There is one already; every backup is sealed with it.", file=sys.stderr)
        return 1
    print(made)
    return 0


def show_metrics_token(settings: Settings, _: argparse.Namespace) -> int:
    """Print the token that Prometheus sends to /metrics."""
    from appliance.core.secrets import metrics_token  # noqa: PLC0415

    print(metrics_token(settings.secrets_dir))
    return 0
