"""Webhooks: what happened is written from the rows, signed, sent until it is taken; and the pings."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from appliance.core.clock import utcnow
from appliance.housekeeping.cleanup import Cleanup
from appliance.media.store import MediaStore
from appliance.staff.issues.models import Issue
from appliance.staff.webhooks.repository import MOST_WAITING, PAGE
from appliance.staff.webhooks.schemas import NewWebhook
from appliance.staff.webhooks.service import encrypt_webhooks_again
from tests.support.receivers import Arrived, hanging, receiving
from tests.support.stack import Stack, free_port
from tests.support.waiting import until
from tests.support.webhooks import Ground, ground_of


@pytest.fixture
async def ground(stack: Stack, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground_of(stack, "webhooks", tmp_path) as made:
        yield made


def is_ours(secret: str, arrived: Arrived) -> bool:
    """As docs/api/webhooks.md tells receivers to look."""
    parts = dict(part.split("=", 1) for part in arrived.headers["x-photochanger-signature"].split(","))
    signed = parts["t"].encode() + b"." + arrived.body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"]) and abs(time.time() - int(parts["t"])) < 300


async def test_photos_are_told_of_once_signed_and_without_what_guests_entered(ground: Ground) -> None:
    with receiving() as web:
        made = await ground.add(f"http://{web.host}/hook")
        done, failed = await ground.job(), await ground.job("failed")
        await ground.job(source="test")
        assert await ground.round() == [("photo.done", True), ("photo.failed", True)]
        ground.sender = ground.another()
        assert len(await ground.round()) == 2, "nor again after a restart"
    bodies = {one.json["event"]: one.json for one in web.arrived}
    assert bodies["photo.done"]["job_id"] == str(done)
    assert bodies["photo.done"]["seconds"] == 2.0
    assert bodies["photo.done"]["link"] == f"https://booth.example.com/r/{done}"
    assert (bodies["photo.failed"]["job_id"], bodies["photo.failed"]["link"]) == (str(failed), None)
    assert all(is_ours(made.secret, one) for one in web.arrived)
    assert not is_ours(made.secret + "x", web.arrived[0])
    assert b"guest@example.com" not in b"".join(one.body for one in web.arrived)
    assert {one.headers["x-photochanger-event"] for one in web.arrived} == {"photo.done", "photo.failed"}


async def test_issues_are_told_of_when_they_open_and_when_they_are_over(ground: Ground) -> None:
    with receiving() as web:
        await ground.add(f"http://{web.host}/", "issue.opened", "issue.closed")
        async with ground.database.session() as session:
            values = {"free_bytes": 1, "low_bytes": 2, "pictures": 0}
            began = utcnow() - timedelta(hours=1)  # as that of a database that was away for so long
            session.add(
                Issue(
                    key="disk.low", code="disk.low", severity="will_stop", parameters=values, opened_at=began
                )
            )
        await ground.job()
        assert await ground.round() == [("issue.opened", True)]
        await ground.run("update issue set closed_at = now()")
        assert await ground.round() == [("issue.opened", True), ("issue.closed", True)]
        async with ground.database.session() as session:
            began = utcnow() - timedelta(hours=1)
            session.add(
                Issue(
                    key="database.away",
                    code="database.away",
                    severity="stops_photos",
                    opened_at=began,
                    closed_at=began + timedelta(minutes=30),
                )
            )
        assert len(await ground.round()) == 4, "what nobody could write while it lasted"
    assert web.arrived[0].json["code"] == "disk.low"
    assert web.arrived[0].json["title"]


async def test_what_is_not_taken_is_tried_again_after_a_restart_and_its_answer_is_listed(
    ground: Ground,
) -> None:
    port = free_port()
    await ground.add(f"http://127.0.0.1:{port}/secret-path", "photo.done")
    await ground.job()
    assert await ground.round() == [("photo.done", False)]
    (one,) = (await ground.webhooks.view()).deliveries
    assert one.answer.startswith("ConnectError")
    assert "secret-path" not in one.answer
    with receiving(port) as web:
        web.status, web.answer = 503, b"closed for the night"
        await ground.run("update webhook_delivery set next_try_at = now()")
        assert await ground.round() == [("photo.done", False)]
        (one,) = (await ground.webhooks.view()).deliveries
        assert (one.status, one.answer, one.tries) == (503, "closed for the night", 2)
        web.status = 200
        ground.sender = ground.another()
        await ground.run("update webhook_delivery set next_try_at = now()")
        assert await ground.round() == [("photo.done", True)]
    numbers = {one.headers["x-photochanger-delivery"] for one in web.arrived}
    assert len(numbers) == 1


@pytest.mark.parametrize(("status", "tried"), [(400, 6), (429, 4), (503, 4)])
async def test_what_is_refused_keeps_nothing_else_waiting(ground: Ground, status: int, tried: int) -> None:
    with receiving() as web:
        web.status = status
        await ground.add(f"http://{web.host}/", "photo.done")
        for _ in range(6):
            await ground.job()
        await ground.round()
        assert len(web.arrived) == tried


async def test_what_happened_while_we_were_off_is_told_of_afterwards(ground: Ground) -> None:
    with receiving() as web:
        await ground.add(f"http://{web.host}/", "photo.done", "photo.failed")
        await ground.round()
        await ground.run(
            "update webhook set added_at = now() - interval '1 day', read_until = now() - interval '5 h'"
        )
        await ground.job(created_at=utcnow() - timedelta(hours=4), finished_at=utcnow() - timedelta(hours=4))
        await ground.job("failed", created_at=utcnow() - timedelta(hours=6))
        ground.sender = ground.another()
        assert sorted(await ground.round()) == [("photo.done", True), ("photo.failed", True)]


async def test_a_photo_that_cleanup_settles_is_told_of_however_long_it_was_pending(
    ground: Ground, tmp_path: Path
) -> None:
    with receiving() as web:
        await ground.add(f"http://{web.host}/", "photo.failed")
        begun = {"created_at": utcnow() - timedelta(hours=1), "finished_at": None}
        lost = await ground.job("pending", failure_reason=None, **begun)
        assert await ground.round() == []
        await Cleanup(ground.database, MediaStore(tmp_path / "media")).run()
        assert await ground.round() == [("photo.failed", True)]
    assert (web.arrived[0].json["job_id"], web.arrived[0].json["reason"]) == (str(lost), "interrupted")


async def test_of_more_photos_at_once_than_are_read_at_once_all_are_told_of_and_those_after_them(
    ground: Ground,
) -> None:
    await ground.add("http://127.0.0.1:9/", "photo.done")
    await ground.job()
    await ground.run(
        "insert into job_history"
        " select (jsonb_populate_record(job, jsonb_build_object('job_id', gen_random_uuid()))).*"
        " from job_history job, generate_series(1, :n)",
        n=PAGE + 50,
    )
    await ground.sender.write()
    await ground.job()
    await ground.sender.write()
    (there,) = (await ground.webhooks.view()).webhooks
    assert there.waiting == 1 + PAGE + 50 + 1


async def test_a_webhook_that_hangs_keeps_no_other_waiting(ground: Ground) -> None:
    with hanging() as host, receiving() as web:
        await ground.add(f"http://{host}/", "photo.done")
        await ground.add(f"http://{web.host}/", "photo.done")
        for _ in range(9):
            await ground.job()
        ground.sender.start()
        await until(lambda: len(web.arrived) == 9, seconds=8)


async def test_a_webhook_that_was_added_while_the_clock_was_ahead_hears_of_photos_from_now_on(
    ground: Ground,
) -> None:
    with receiving() as web:
        await ground.add(f"http://{web.host}/", "photo.done")
        await ground.run("update webhook set added_at = now() + interval '3 h', read_until = added_at")
        await ground.job()
        await ground.sender.write()
        await ground.run("update webhook_delivery set next_try_at = now() + interval '3 h'")
        assert await ground.round() == [("photo.done", True)]


async def test_gone_ends_it_and_so_does_a_day_and_so_does_a_queue_that_is_too_long(ground: Ground) -> None:
    with receiving() as web:
        web.status = 410
        await ground.add(f"http://{web.host}/", "photo.done")
        await ground.job()
        await ground.round()
        (one,) = (await ground.webhooks.view()).deliveries
        assert one.dropped_at
        web.status = 500
        await ground.job()
        await ground.sender.write()
        await ground.run(
            "update webhook_delivery set created_at = now() - interval '25 h' where dropped_at is null"
        )
        await ground.round()
        assert all(one.dropped_at for one in (await ground.webhooks.view()).deliveries)
        await ground.run(
            "insert into webhook_delivery (webhook_id, event, subject, payload, next_try_at)"
            " select id, 'photo.done', n::text, '{}', now() + interval '1 h'"
            " from webhook, generate_series(1, :n) n",
            n=MOST_WAITING + 5,
        )
        await ground.sender.write()
        (there,) = (await ground.webhooks.view()).webhooks
        assert there.waiting == MOST_WAITING


async def test_addresses_and_secrets_lie_encrypted_and_are_encrypted_again_with_a_new_key(
    ground: Ground,
) -> None:
    with receiving() as web:
        made = await ground.add(f"http://{web.host}/secret-path", "photo.done")
        async with ground.database.session() as session:
            for table in ("webhook", "audit_log"):
                rows = "".join((await session.execute(text(f"select t::text from {table} t"))).scalars())
                assert rows
                assert "secret-path" not in rows
                assert made.secret not in rows
            ground.encryption.rotate()
            assert await encrypt_webhooks_again(session, ground.encryption) == (1, 0)
        ground.encryption.retire_old()
        await ground.job()
        assert await ground.round() == [("photo.done", True)]
        assert is_ours(made.secret, web.arrived[0])


@pytest.mark.parametrize(
    "address", ["http://example.com/", "https://169.254.169.254/", "ftp://x/", "https://u:p@x.example/"]
)
def test_a_webhook_goes_to_no_place_that_keys_would_not_go_to(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        NewWebhook(name="x", address=address, events=["photo.done"])


async def test_a_name_that_leads_to_where_clouds_keep_secrets_is_not_connected_to(ground: Ground) -> None:
    made = await ground.add("https://hooks.example.com/", "photo.done")
    hidden = "http://169.254.169.254/latest"
    encrypted = ground.encryption.encrypt(hidden, f"webhook {made.id}")
    await ground.run("update webhook set encrypted = :it", it=encrypted)
    await ground.job()
    await ground.round()
    (one,) = (await ground.webhooks.view()).deliveries
    assert one.answer == "169.254.169.254 is no place for messages."
