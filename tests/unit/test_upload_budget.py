"""What uploads may take before their password has come."""

from __future__ import annotations

import contextlib

import pytest

from appliance.core.errors import MissingField, RateLimited
from appliance.ingest import unproven
from appliance.ingest.unproven import (
    BYTES_A_SECOND,
    BYTES_AT_ONCE,
    BYTES_OF_ADDRESS,
    BYTES_OF_STRANGERS,
    OWN_PLACES,
    PLACES_OF_ADDRESS,
    PLACES_OF_STRANGERS,
    UnprovenUploads,
)
from tests.support.waiting import until

STRANGERS = [f"10.0.0.{number}" for number in range(1, 40)]


async def fill(uploads: UnprovenUploads, stack: contextlib.AsyncExitStack) -> None:
    """Take all places and all bytes that there are for strangers."""
    with contextlib.suppress(RateLimited):
        for address in STRANGERS:
            for _ in range(PLACES_OF_ADDRESS):
                upload = await stack.enter_async_context(uploads.waiting(address))
                with contextlib.suppress(RateLimited):
                    upload.take(BYTES_OF_ADDRESS // PLACES_OF_ADDRESS)


async def test_an_address_has_so_many_places_and_no_more() -> None:
    uploads = UnprovenUploads()
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(PLACES_OF_ADDRESS):
            await stack.enter_async_context(uploads.waiting("10.0.0.1"))
        with pytest.raises(RateLimited, match="password before the photo"):
            await stack.enter_async_context(uploads.waiting("10.0.0.1"))
    async with uploads.waiting("10.0.0.1"):
        """All places are free again."""


async def test_when_strangers_took_all_every_address_still_has_places_of_its_own() -> None:
    uploads = UnprovenUploads()
    async with contextlib.AsyncExitStack() as stack:
        await fill(uploads, stack)
        for _ in range(OWN_PLACES):
            await stack.enter_async_context(uploads.waiting("192.168.1.7"))
        with pytest.raises(RateLimited):
            await stack.enter_async_context(uploads.waiting("192.168.1.7"))


async def test_bytes_before_the_password_are_few_for_an_address_and_for_all() -> None:
    uploads = UnprovenUploads()
    async with uploads.waiting("10.0.0.1") as upload:
        upload.take(BYTES_OF_ADDRESS)
        with pytest.raises(RateLimited):
            upload.take(1)
        async with contextlib.AsyncExitStack() as stack:
            kept = BYTES_OF_ADDRESS
            for address in STRANGERS[1:]:
                other = await stack.enter_async_context(uploads.waiting(address))
                with contextlib.suppress(RateLimited):
                    other.take(BYTES_OF_ADDRESS)
                    kept += BYTES_OF_ADDRESS
            assert kept == BYTES_OF_STRANGERS


async def test_an_address_with_the_right_password_needs_nothing_of_strangers() -> None:
    uploads = UnprovenUploads()
    async with uploads.waiting("192.168.1.7") as first:
        first.take(1000)
        first.proven()
        first.take(10 * BYTES_OF_ADDRESS)  # whoever is known takes nothing of the budget
    async with contextlib.AsyncExitStack() as stack:
        await fill(uploads, stack)
        later = await stack.enter_async_context(uploads.waiting("192.168.1.7"))
        later.take(20_000_000)
        for _ in range(14):
            await stack.enter_async_context(uploads.waiting("192.168.1.7"))


async def test_photos_of_strangers_are_read_at_a_pace_that_all_of_them_share() -> None:
    uploads = UnprovenUploads()
    assert uploads.pause("10.0.0.1", BYTES_AT_ONCE) == pytest.approx(0, abs=0.01), "a booth's first photos"
    assert uploads.pause("10.0.0.2", BYTES_A_SECOND) == pytest.approx(1, abs=0.1)
    assert uploads.pause("10.0.0.3", BYTES_A_SECOND) == pytest.approx(2, abs=0.1)
    uploads.know("192.168.1.7")
    assert uploads.pause("192.168.1.7", 20_000_000) == 0, "the right password came from there"


async def test_a_refusal_keeps_whoever_floods_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async with UnprovenUploads().waiting("10.0.0.1") as upload:
        monkeypatch.setattr("appliance.ingest.unproven.asyncio.sleep", sleep)
        with pytest.raises(RateLimited):
            await upload.take_slowly(BYTES_OF_ADDRESS + 1)
        monkeypatch.undo()
    assert waited == [unproven.REFUSED_AFTER]


async def test_all_of_an_ipv6_network_is_one_address() -> None:
    uploads = UnprovenUploads()
    async with contextlib.AsyncExitStack() as stack:
        for number in range(PLACES_OF_ADDRESS):
            await stack.enter_async_context(uploads.waiting(f"2001:db8::{number:x}"))
        with pytest.raises(RateLimited):
            await stack.enter_async_context(uploads.waiting("2001:db8::ffff"))


async def test_a_password_that_does_not_come_ends_the_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unproven, "SECONDS", 0.01)
    uploads = UnprovenUploads()
    with pytest.raises(MissingField, match="Send it before the photo"):
        async with uploads.waiting("10.0.0.1"):
            await until(lambda: False)


async def test_whoever_has_proven_itself_has_all_the_time_of_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unproven, "SECONDS", 0.0)
    async with UnprovenUploads().waiting("10.0.0.1") as upload:
        upload.proven()
        assert upload.limit.when() is None


def test_strangers_have_room_for_more_than_one_address() -> None:
    assert PLACES_OF_STRANGERS > PLACES_OF_ADDRESS
    assert BYTES_OF_STRANGERS > BYTES_OF_ADDRESS
