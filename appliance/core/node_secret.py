"""What the machines of one site know each other by: one secret file, the same on all of them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from pathlib import Path

from appliance.core.secrets import read_or_make

FILE_NAME = "node-secret"
# What Nginx says to a node with every request; it replaces whatever a client claims.
FRONT_DOOR_HEADER = "X-Front-Door"
# What a process of the first machine says when it asks a node's: Nginx does not know it.
SIBLING_HEADER = "X-Sibling"
SIBLINGS_PATH = "/siblings"


@dataclass(frozen=True, slots=True)
class NodeSecret:
    """Two words made of one secret: whoever sees the one cannot say the other."""

    front_door: str
    sibling: str

    @classmethod
    def of(cls, secrets_dir: Path) -> NodeSecret:
        """That of this site; made where there is none yet."""
        secret = read_or_make(secrets_dir / FILE_NAME).encode()
        return cls(*(hmac.digest(secret, one, "sha256").hex() for one in (b"front door", b"sibling")))
