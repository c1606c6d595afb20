"""Passwords that are handed out, kept and compared; and files only we can read."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from appliance.core import passwords
from appliance.core.errors import RateLimited
from appliance.core.passwords import PasswordChecker, hash_password, make_password
from appliance.core.secrets import FirstPasswordFile, read_or_make
from appliance.core.siblings import Siblings
from appliance.ingest.wrong_passwords import OF_ALL, PER_ADDRESS, WrongPasswords
from tests.support.waiting import until


async def test_the_right_password_matches_and_others_do_not() -> None:
    hashed = await hash_password("пароль-1")
    checker = PasswordChecker()
    assert await checker.matches("пароль-1", hashed)
    assert not await checker.matches("пароль-2", hashed)
    assert not await checker.matches("", hashed)
    assert not await checker.matches("x" * 73, hashed)


async def test_a_password_is_hashed_once_however_often_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = await hash_password("secret")
    checker, calls = PasswordChecker(), []
    real = passwords.bcrypt.checkpw
    monkeypatch.setattr(passwords.bcrypt, "checkpw", lambda *pair: calls.append(1) or real(*pair))
    for word in ["secret", "wrong"] * 3:
        await checker.matches(word, hashed)
    assert len(calls) == 2


async def test_after_a_rotation_the_old_password_is_worth_nothing() -> None:
    checker = PasswordChecker()
    assert await checker.matches("old", await hash_password("old"))
    assert not await checker.matches("old", await hash_password("new"))


@pytest.mark.parametrize("bad", ["", "x" * 73, "я" * 37])
async def test_a_password_bcrypt_cannot_keep_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="72 bytes"):
        await hash_password(bad)


def test_made_passwords_are_random_and_cannot_be_misread() -> None:
    made = {make_password() for _ in range(100)}
    assert len(made) == 100
    assert not set("".join(made)) & set("0o1lieaouI")


def test_a_secret_is_made_once_and_readable_only_by_us(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    made = read_or_make(path)
    assert read_or_make(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_each_first_password_leaves_the_file_when_it_is_changed(tmp_path: Path) -> None:
    file = FirstPasswordFile(tmp_path)
    file.add(ingest="a", accounts={"serg": "b", "igor": "c"})
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    file.forget_account("serg")
    assert file.read() == {"ingest": "a", "accounts": {"igor": "c"}}
    file.forget_ingest()
    assert file.read() == {"ingest": None, "accounts": {"igor": "c"}}


async def test_who_waits_for_the_same_password_waits_for_one_comparison(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashed = await hash_password("secret")
    checker, calls = PasswordChecker(), []
    real = passwords.bcrypt.checkpw
    monkeypatch.setattr(passwords.bcrypt, "checkpw", lambda *pair: calls.append(1) or real(*pair))
    assert all(await asyncio.gather(*(checker.matches("secret", hashed) for _ in range(15))))
    assert len(calls) == 1


def test_wrong_passwords_of_one_address_are_slowed_and_others_are_not() -> None:
    wrong = WrongPasswords()
    for _ in range(PER_ADDRESS.count):
        wrong.take("10.0.0.66")
    with pytest.raises(RateLimited) as refused:
        wrong.take("10.0.0.66")
    assert 1 <= refused.value.retry_after <= 6
    wrong.take("10.0.0.7")


def test_an_address_that_was_never_wrong_gets_in_while_strangers_have_used_up_what_all_share() -> None:
    wrong = WrongPasswords()
    for number in range(OF_ALL.count + 100):
        wrong.take(f"10.0.{number % 100}.66")
    with pytest.raises(RateLimited):
        wrong.take("10.0.0.66")
    wrong.take("10.1.0.7")


def test_a_right_password_is_no_wrong_one() -> None:
    wrong = WrongPasswords()
    for _ in range(100):
        wrong.take("10.0.0.7")
        wrong.forgive("10.0.0.7", "of the right one")


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[list[WrongPasswords]]:
    """Those of two processes that tell each other."""
    async with AsyncExitStack() as stack:
        made = [WrongPasswords(), WrongPasswords()]
        for number, wrong in enumerate(made, 1):
            siblings = Siblings(f"unix:{tmp_path}/app.sock", number, 2)
            wrong.between(siblings)
            await siblings.open()
            stack.push_async_callback(siblings.aclose)
        yield made


def is_admitted(wrong: WrongPasswords, network: str) -> bool:
    try:
        wrong.take(network)
    except RateLimited:
        return False
    return True


async def test_wrong_passwords_that_one_process_heard_count_in_the_other(two: list[WrongPasswords]) -> None:
    one, other = two
    for _ in range(PER_ADDRESS.count):
        one.take("10.0.0.66")
        one.was_wrong("10.0.0.66")
    tries = 1
    while is_admitted(other, "10.0.0.66"):  # on its own it would admit ten
        tries += 1
        await asyncio.sleep(0.02)
    assert tries < PER_ADDRESS.count / 2
    assert is_admitted(other, "10.0.0.7")


async def test_a_right_password_that_one_process_heard_ends_the_wait_in_the_other(
    two: list[WrongPasswords],
) -> None:
    one, other = two
    while is_admitted(other, "10.0.0.66"):
        pass
    one.forgive("10.0.0.66", "of the right one")
    await until(lambda: is_admitted(other, "10.0.0.66"))


async def test_what_one_process_found_right_is_let_in_by_the_other_beside_any_number_of_wrong_ones(
    two: list[WrongPasswords],
) -> None:
    one, other = two
    while is_admitted(other, "10.0.0.66"):
        pass
    one.forgive("10.0.0.66", "of the right one")
    await until(lambda: is_admitted(other, "10.0.0.66"))
    while is_admitted(other, "10.0.0.66"):
        pass
    await other.allow("10.0.0.66", "of the right one")
    with pytest.raises(RateLimited):
        await other.allow("10.0.0.66", "of another one")
