"""What is signed: access tokens, and the mark of a device that logged in before. JWT, HS256."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt

from appliance.accounts.keys import SigningKeys
from appliance.core.clock import utcnow
from appliance.core.errors import NotAuthenticated, TokenExpired

ACCESS_LIFE = timedelta(minutes=15)
DEVICE_LIFE = timedelta(days=90)
_LIVES = {"access": ACCESS_LIFE, "device": DEVICE_LIFE}
_SET_BACK = timedelta(days=1)  # as far as a clock is put back while what it signed stays good
_ALGORITHM = "HS256"
_ISSUER = "photochanger"
_LEEWAY_SECONDS = 5  # a clock that was just set back


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says; whether its session still stands is asked elsewhere."""

    username: str
    permissions: frozenset[str]
    session_id: uuid.UUID


class Tokens:
    """Signs with the newest key, verifies with the one that the token names."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def access(self, username: str, permissions: Sequence[str], session_id: uuid.UUID) -> str:
        """An access token for ``ACCESS_LIFE``."""
        return self._sign("access", sub=username, permissions=list(permissions), sid=str(session_id))

    def read_access(self, token: str) -> AccessClaims:
        """The claims of an access token.

        Raises ``TokenExpired`` past its time, ``NotAuthenticated`` for anything we did not sign.
        """
        try:
            claims = self._verify(token, "access", ("sub", "sid", "permissions"))
            return AccessClaims(claims["sub"], frozenset(claims["permissions"]), uuid.UUID(claims["sid"]))
        except jwt.ExpiredSignatureError:
            raise TokenExpired from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise NotAuthenticated from None

    def device(self, username: str) -> str:
        """The mark for a device on which ``username`` has just logged in."""
        return self._sign("device", sub=username, jti=uuid.uuid4().hex)

    def read_device(self, token: str, username: str) -> str | None:
        """The id of a device on which ``username`` has logged in before, else ``None``."""
        try:
            claims = self._verify(token, "device", ("sub", "jti"))
        except (jwt.PyJWTError, ValueError, TypeError):
            return None
        return str(claims["jti"]) if claims["sub"] == username else None

    def _sign(self, use: str, **claims: Any) -> str:
        key, now = self._keys.newest(), utcnow()
        payload = {"iss": _ISSUER, "use": use, "iat": now, "exp": now + _LIVES[use], **claims}
        return jwt.encode(payload, key.secret, _ALGORITHM, headers={"kid": key.kid})

    def _verify(self, token: str, use: str, required: Sequence[str]) -> dict[str, Any]:
        key = self._keys.find(str(jwt.get_unverified_header(token).get("kid")))
        if key is None:
            raise jwt.InvalidKeyError("signed with a key that is not ours, or was retired")
        now = utcnow().timestamp()
        claims: dict[str, Any] = jwt.decode(
            token,
            key.secret,
            algorithms=[_ALGORITHM],
            issuer=_ISSUER,
            leeway=_LEEWAY_SECONDS,
            # A token of ours is as good after the clock was set back; it ends by its session at the latest.
            options={"require": ["exp", "iat", *required], "verify_iat": False},
        )
        if claims.get("use") != use:
            raise jwt.InvalidTokenError("made for something else")
        signed = float(claims["iat"])
        if not now <= signed + _LIVES[use].total_seconds() + _LEEWAY_SECONDS:
            raise jwt.ExpiredSignatureError("older than what we sign lives, whatever it says")
        if not signed <= now + _SET_BACK.total_seconds():
            raise jwt.InvalidTokenError("signed in a time that has not come")
        return claims
