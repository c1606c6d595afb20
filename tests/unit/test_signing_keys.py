"""The keys that sign access tokens: made once, rotated, retired."""

from __future__ import annotations

import json
import math
import stat
import uuid
from datetime import timedelta
from pathlib import Path

import jwt
import pytest

from appliance.accounts.keys import SigningKeys, SigningKeysError
from appliance.accounts.tokens import Tokens
from appliance.core.clock import utcnow
from appliance.core.errors import NotAuthenticated, TokenExpired


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    made = SigningKeys(tmp_path)
    made.ensure()
    return made


def test_the_first_key_is_made_once_and_readable_only_by_us(keys: SigningKeys) -> None:
    first = keys.newest()
    keys.ensure()
    assert keys.newest() == first
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert len(first.secret) >= 43
    assert first.secret not in repr(first)


def test_the_newest_key_signs_and_the_one_before_still_verifies(keys: SigningKeys) -> None:
    tokens = Tokens(keys)
    old = tokens.access("serg", ["slots:read"], uuid.uuid4())
    made = keys.rotate()
    assert keys.newest() == made
    assert tokens.read_access(old).username == "serg"
    assert tokens.read_access(tokens.access("serg", [], uuid.uuid4())).permissions == frozenset()


def test_a_rotation_by_another_process_is_noticed(keys: SigningKeys, tmp_path: Path) -> None:
    made = SigningKeys(tmp_path).rotate()
    assert keys.newest() == made


def test_what_a_retired_key_signed_is_refused(keys: SigningKeys) -> None:
    tokens = Tokens(keys)
    old = tokens.access("serg", [], uuid.uuid4())
    keys.rotate(retire_old=True)
    with pytest.raises(NotAuthenticated):
        tokens.read_access(old)


@pytest.mark.parametrize("years", [1, 1000])
def test_no_token_lives_longer_than_what_we_sign_whatever_it_says(keys: SigningKeys, years: int) -> None:
    key, now = keys.newest(), utcnow()
    claims = {
        "iss": "photochanger",
        "use": "access",
        "sub": "serg",
        "permissions": [],
        "sid": str(uuid.uuid4()),
    }

    def signed(**times: object) -> str:
        return jwt.encode({**claims, **times}, key.secret, "HS256", headers={"kid": key.kid})

    tokens, end = Tokens(keys), now + timedelta(days=365 * years)
    assert tokens.read_access(signed(iat=now, exp=end)).username == "serg"
    with pytest.raises(TokenExpired):
        tokens.read_access(signed(iat=now - timedelta(minutes=16), exp=end))
    for late in (now + timedelta(days=2), end, math.nan, math.inf):
        with pytest.raises((NotAuthenticated, TokenExpired)):
            tokens.read_access(signed(iat=late, exp=end + timedelta(days=1)))


def test_keys_that_were_replaced_long_ago_are_dropped(keys: SigningKeys) -> None:
    keys.rotate()
    keys.rotate()
    held = json.loads(keys.path.read_text())
    for number, days in enumerate((200, 100, 50)):
        held["keys"][number]["created_at"] = (utcnow() - timedelta(days=days)).isoformat()
    keys.path.write_text(json.dumps(held))
    keys.rotate()
    left = [entry["kid"] for entry in json.loads(keys.path.read_text())["keys"]]
    # The first was replaced a hundred days ago, the second fifty.
    assert left[:-1] == [entry["kid"] for entry in held["keys"][1:]]


@pytest.mark.parametrize(
    "text", ["", "{}", '{"keys": []}', '{"keys": [{"kid": "x"}]}', '{"keys": ["x"]}', "[1]"]
)
def test_a_broken_file_is_refused_at_the_start_and_never_overwritten(tmp_path: Path, text: str) -> None:
    keys = SigningKeys(tmp_path)
    keys.path.write_text(text)
    for use in (keys.ensure, keys.rotate):
        with pytest.raises(SigningKeysError, match=r"jwt-keys\.json"):
            use()
    assert keys.path.read_text() == text


def test_a_file_that_breaks_later_does_not_stop_us(keys: SigningKeys) -> None:
    first = keys.newest()
    keys.path.write_text("broken")
    assert keys.newest() == first
    keys.path.unlink()
    assert keys.newest() == first
