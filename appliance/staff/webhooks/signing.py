"""How a receiver knows that a delivery is ours and new: docs/api/webhooks.md says it to them."""

from __future__ import annotations

import hmac

SIGNATURE = "X-PhotoChanger-Signature"
EVENT = "X-PhotoChanger-Event"
DELIVERY = "X-PhotoChanger-Delivery"


def signature(secret: str, moment: int, body: bytes) -> str:
    """HMAC-SHA256 of the moment (seconds since 1970), a dot and the body, as the header has it."""
    return f"t={moment},v1={hmac.digest(secret.encode(), b'%d.%b' % (moment, body), 'sha256').hex()}"
