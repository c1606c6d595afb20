"""The first one-shot step of the stack, before the database: secret files, Nginx's files.

Everything is made once and kept; a second run changes nothing that is there.
"""

from __future__ import annotations

import os
from pathlib import Path

from appliance.admin import assets
from appliance.core.places import FRONT, STATE
from appliance.core.secrets import read_or_make
from appliance.lifecycle.stack import certificates, front_door

SITE = Path("/site")  # what the operator of a venue lays beside compose.yaml
SUPERUSER_PASSWORD = "database-superuser-password"  # noqa: S105 - a file's name


def superuser_password_file() -> Path:
    """The database server's own password; in a folder that only the server and the one-shot steps see."""
    return Path(os.environ.get("DATABASE_SECRET_DIR", STATE / "database-secret")) / SUPERUSER_PASSWORD


def prepare(secrets_dir: Path, media_root: Path) -> None:
    """Make what is missing."""
    read_or_make(secrets_dir / "database-password")
    file = superuser_password_file()
    read_or_make(file)
    # The server runs as another user; it is in our group.
    file.parent.chmod(0o750)
    file.chmod(0o640)
    certificates.bring(SITE / "tls", FRONT / "tls")
    front_door.write(FRONT, str(media_root), front_door.FrontDoorSettings.from_environment(), secrets_dir)
    assets.collect(FRONT / "static")


def make_certificate(secrets_dir: Path, media_root: Path, names: list[str], *, fresh: bool = False) -> bool:
    """A certificate under an authority of our own; Nginx takes it up by itself.

    Returns whether the authority is one that booths do not know yet; ``fresh``: it must be.
    """
    is_new = certificates.make(secrets_dir, FRONT / "tls", names, fresh=fresh)
    front_door.write(FRONT, str(media_root), front_door.FrontDoorSettings.from_environment(), secrets_dir)
    return is_new
