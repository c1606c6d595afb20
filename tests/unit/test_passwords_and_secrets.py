"""Passwords that are handed out, kept and compared; and files only we can read."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from appliance.core import passwords
from appliance.core.errors import RateLimited
from appliance.core.passwords import PasswordChecker, hash_password, make_password
from appliance.core.secrets import FirstPasswordFile, read_or_make
from appliance.core.siblings import Siblings
from appliance.guests.tokens import GuestTokens
from appliance.ingest.wrong_passwords import OF_ALL, PER_ADDRESS, WrongPasswords
from appliance.media import signing_certificate
from tests.support.waiting import until

T = TypeVar("T")


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


@pytest.fixture
def slow_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes a moment for each file."""
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (time.sleep(0.1), real(file))[1])


def at_once(*work: Callable[[], T]) -> list[T]:
    """What they return who begin together, as processes do that are started together."""
    with ThreadPoolExecutor(len(work)) as threads:
        return [begun.result() for begun in [threads.submit(one) for one in work]]


@pytest.mark.usefixtures("slow_writing")
def test_two_who_need_the_same_secret_at_once_have_the_same(tmp_path: Path) -> None:
    first, second = at_once(*[lambda: GuestTokens(tmp_path).identity] * 2)
    assert first == second == GuestTokens(tmp_path).identity


@pytest.mark.usefixtures("slow_writing")
def test_two_who_sign_their_first_picture_at_once_sign_with_one_certificate(tmp_path: Path) -> None:
    first, second = at_once(*[lambda: signing_certificate.ensure(tmp_path)] * 2)
    assert first == second == signing_certificate.ensure(tmp_path)
    certificate, key = x509.load_pem_x509_certificate(first[0]), load_pem_private_key(first[1], None)
    assert certificate.public_key() == key.public_key()


@pytest.mark.usefixtures("slow_writing")
def test_two_first_passwords_that_are_changed_at_once_both_leave_the_file(tmp_path: Path) -> None:
    file = FirstPasswordFile(tmp_path)
    file.add(ingest="a", accounts={"serg": "b", "igor": "c"})
    at_once(lambda: file.forget_account("serg"), lambda: file.forget_account("igor"), file.forget_ingest)
    assert file.read() == {"ingest": None, "accounts": {}}


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
