"""Alerts: written for what is open, sent by Apprise to real receivers, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from appliance.core.clock import utcnow
from appliance.core.encryption import EncryptionKeys
from appliance.core.errors import ValidationFailed
from appliance.staff.alerts.channels import encrypt_addresses_again
from tests.support.alerts import BASE, WHO, Ground, ground_of
from tests.support.receivers import hanging, mail_server, receiving
from tests.support.stack import Stack, free_port
from tests.support.waiting import until


@pytest.fixture
async def ground(stack: Stack, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground_of(stack, "alerts", tmp_path) as made:
        yield made


async def test_a_message_says_what_where_since_when_and_what_to_press_and_so_does_the_all_clear(
    ground: Ground,
) -> None:
    with receiving() as web:
        await ground.add(f"json://{web.host}/hook")
        issue = await ground.issue()
        assert await ground.round() == [("opened", True)]
        assert await ground.round() == [("opened", True)], "said once"
        await ground.over(issue)
        assert await ground.round() == [("opened", True), ("closed", True)]
        assert await ground.round() == [("opened", True), ("closed", True)], "and over once"
    opened, closed = [one.json for one in web.arrived]
    assert opened["title"].startswith("Photos stop: ")
    for said in ("Since ", "Slots: 07", "Press: ", f"{BASE}/admin/slots/slot-007"):
        assert said in opened["message"]
    assert closed["title"].startswith("Resolved: ")
    assert f"{BASE}/admin/" in closed["message"]


async def test_mail_arrives_at_a_real_mail_server_in_the_channels_language(ground: Ground) -> None:
    with mail_server() as box:
        await ground.add(f"mailto://127.0.0.1:{box.port}?from=box@booth.local&to=igor@crew.local", lang="ru")
        await ground.issue("disk.low", "will_stop")
        assert await ground.round() == [("opened", True)]
    (mail,) = box.mails
    assert mail["to"] == "igor@crew.local"
    assert mail["subject"].startswith("Скоро: ")
    assert mail["auto-submitted"] == "auto-generated"
    assert "Слоты: 07" in mail.get_content().splitlines()
    assert max(map(len, box.raw[0].splitlines())) <= 78  # as RFC 5322 has it


async def test_ntfy_and_signal_get_it_in_their_own_form(ground: Ground) -> None:
    with receiving() as web:
        web.status = 201  # as signal-cli's REST API answers; ntfy is content with it too
        await ground.add(f"ntfy://{web.host}/evening?mode=private")
        await ground.add(f"signal://{web.host}/+491701234567/+491707654321")
        await ground.issue()
        await ground.round()
    bodies = {one.path: one.json for one in web.arrived}
    assert bodies["/"]["topic"] == "evening"
    assert bodies["/v2/send"]["recipients"] == ["+491707654321"]
    assert "Photos stop" in bodies["/v2/send"]["message"]


async def test_a_channel_hears_of_nothing_below_its_severity(ground: Ground) -> None:
    with receiving() as web:
        await ground.add(f"json://{web.host}/", "stops_photos")
        await ground.issue("disk.low", "will_stop")
        assert await ground.round() == []
        await ground.issue("disk.full", "stops_photos")
        assert await ground.round() == [("opened", True)]


async def test_what_stops_photos_is_said_again_while_it_lasts_and_nothing_else_is(ground: Ground) -> None:
    with receiving() as web:
        await ground.add(f"json://{web.host}/")
        stops = await ground.issue()
        await ground.issue("disk.low", "will_stop")
        assert await ground.round() == [("opened", True)] * 2
        await ground.pass_time(29)
        assert len(await ground.round()) == 2
        await ground.pass_time(1)
        assert (await ground.round())[2:] == [("repeat", True)]
        await ground.put(alert_repeat_minutes=0)
        await ground.pass_time(90)
        assert len(await ground.round()) == 3
        await ground.run("update issue set ignored_until = now() + interval '1 h' where id = :id", id=stops)
        await ground.put(alert_repeat_minutes=30)
        assert len(await ground.round()) == 3, "somebody said that they know"
    assert "Ongoing since" in web.arrived[2].json["message"]


async def test_trouble_that_comes_and_goes_is_told_of_once_in_ten_minutes(ground: Ground) -> None:
    with receiving() as web:
        await ground.add(f"json://{web.host}/")
        first = await ground.issue()
        await ground.round()
        await ground.over(first)
        await ground.round()
        again = await ground.issue()
        await ground.run(
            "update issue set key = (select key from issue where id = :first) where id = :again",
            first=first,
            again=again,
        )
        assert await ground.round() == [("opened", True), ("closed", True)]
        await ground.pass_time(11)
        assert await ground.round() == [("opened", True), ("closed", True), ("opened", True)]


async def test_silence_holds_everything_back_and_what_is_still_so_afterwards_is_sent(ground: Ground) -> None:
    with receiving() as web:
        await ground.add(f"json://{web.host}/")
        before = await ground.issue()
        await ground.round()
        await ground.channels.silence(30, WHO)
        await ground.over(before)
        gone, stays = await ground.issue(), await ground.issue()
        await ground.over(gone)
        assert await ground.round() == [("opened", True)]
        assert (await ground.channels.view()).silence
        await ground.channels.silence(0, WHO)
        assert sorted((await ground.round())[1:]) == [("closed", True), ("opened", True)]
        assert (await ground.channels.view()).messages[1].issue_id in (before, stays)


async def test_silence_also_holds_back_what_waits_for_a_channel_that_was_away(ground: Ground) -> None:
    port = free_port()
    await ground.add(f"json://127.0.0.1:{port}/")
    await ground.issue()
    assert await ground.round() == [("opened", False)]
    await ground.channels.silence(30, WHO)
    with receiving(port) as web:
        await ground.pass_time(1)
        assert await ground.round() == [("opened", False)]
        assert web.arrived == []
        await ground.channels.silence(0, WHO)
        assert await ground.round() == [("opened", True)]


async def test_a_start_calls_nobody_for_a_while(ground: Ground) -> None:
    with receiving() as web:
        await ground.add(f"json://{web.host}/")
        await ground.put(alert_start_quiet_seconds=60)
        await ground.issue()
        ground.sender = ground.another()
        assert await ground.round() == []
        await ground.put(alert_start_quiet_seconds=0)
        assert await ground.round() == [("opened", True)]


async def test_outside_an_event_nothing_new_is_sent_where_that_is_wanted(ground: Ground) -> None:
    with receiving() as web:
        await ground.add(f"json://{web.host}/")
        await ground.put(alert_event_only=True)
        await ground.issue()
        assert await ground.round() == []
        await ground.channels.event(60, WHO)
        assert await ground.round() == [("opened", True)]


async def test_what_could_not_be_sent_arrives_in_order_once_the_network_is_back(ground: Ground) -> None:
    port = free_port()
    await ground.add(f"json://127.0.0.1:{port}/secret-path")
    issue = await ground.issue()
    assert await ground.round() == [("opened", False)]
    view = (await ground.channels.view()).messages[0]
    assert "Connection error" in view.answer
    assert "secret-path" not in view.answer
    assert view.next_try_at
    assert timedelta(seconds=5) < view.next_try_at - utcnow() < timedelta(seconds=11)
    await ground.over(issue)
    assert await ground.round() == [("opened", False), ("closed", False)]
    ground.sender = ground.another()  # a restart in between
    with receiving(port) as web:
        assert (await ground.round())[0] == ("opened", False), "it rests"
        await ground.pass_time(1)
        assert await ground.round() == [("opened", True), ("closed", True)]
    assert [one.json["title"].partition(":")[0] for one in web.arrived] == ["Photos stop", "Resolved"]


async def test_a_mail_server_that_hangs_keeps_no_other_channel_waiting(ground: Ground) -> None:
    with hanging() as host, receiving() as web:
        await ground.add(f"mailto://{host}?from=box@booth.local&to=igor@crew.local")
        await ground.add(f"json://{web.host}/")
        await ground.issue()
        await ground.issue()
        ground.sender.start()
        try:
            await ground.sender.issues_changed([], [])
            await until(lambda: len(web.arrived) == 2, seconds=14)
        finally:
            await ground.sender.aclose()


async def test_what_was_written_while_the_clock_was_ahead_is_sent_and_said_again_all_the_same(
    ground: Ground,
) -> None:
    with receiving() as web:
        await ground.add(f"json://{web.host}/")
        await ground.issue()
        await ground.sender.write()
        await ground.pass_time(-180)
        assert await ground.round() == [("opened", True)]
        await ground.pass_time(-180)
        assert await ground.round() == [("opened", True), ("repeat", True)]


async def test_pauses_grow_and_after_a_day_the_message_is_dropped_with_a_note(ground: Ground) -> None:
    await ground.add(f"json://127.0.0.1:{free_port()}/")
    await ground.issue()
    pauses = []
    for _ in range(4):
        await ground.round()
        view = (await ground.channels.view()).messages[0]
        assert view.next_try_at
        pauses.append(round((view.next_try_at - utcnow()).total_seconds(), -1))
        await ground.run("update alert_message set next_try_at = now()")
    assert pauses == [10, 20, 40, 60]
    await ground.run("update alert_message set created_at = now() - interval '25 h', next_try_at = now()")
    await ground.round()
    view = (await ground.channels.view()).messages[0]
    assert view.dropped_at
    assert view.answer.startswith("Not sent within a day: dropped.")


async def test_what_a_dying_process_had_in_hand_is_sent_by_the_next(ground: Ground) -> None:
    with receiving() as web:
        await ground.add(f"json://{web.host}/")
        await ground.issue()
        await ground.sender.write()
        await ground.run("update alert_message set tries = 1, next_try_at = now() + interval '2 min'")
        assert await ground.round() == [("opened", False)], "held by who died"
        await ground.pass_time(3)
        assert await ground.round() == [("opened", True)]


async def test_a_test_message_shows_what_the_service_answered_without_secrets(ground: Ground) -> None:
    with receiving() as web:
        channel = await ground.add(f"json://{web.host}/token-of-the-crew")
        said = await ground.channels.test(channel)
        assert said.ok
        assert web.arrived[0].json["title"] == "Test message"
        web.status, web.answer = 403, b'{"error": "token-of-the-crew is not known"}'
        said = await ground.channels.test(channel)
    assert not said.ok
    assert "403" in said.said
    assert "is not known" in said.said
    assert "token-of-the-crew" not in said.said


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "syslog://localhost",
        "dbus://_/",
        "https://discord.com/api/webhooks/1/abc",
        "json://169.254.169.254/latest",
        "json://[fd00:ec2::254]/",
        "json://100.100.100.200/",
        "json://example.com/in-clear",
        "ntfys://ntfy.example.com/topic?attach=file:///etc/passwd",
        "mailtos://me:pw@example.com?pgpkey=/etc/passwd",
        "jsons://example.com/?template=/etc/passwd",
        "jsons://example.com/${SECRET}",
        "jsons://example.com/ jsons://example.org/",
        "tgram://nothing",
    ],
)
async def test_no_address_reads_files_runs_programs_or_asks_a_cloud_for_secrets(
    ground: Ground, address: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await ground.add(address)
    assert "address" in (refused.value.fields or {})
    assert (await ground.channels.view()).channels == []


@pytest.mark.parametrize(
    "address",
    [
        "tgram://123456789:ABCdefghijklmnopqrstuvwxyzABCDEFGHI/-100123456",
        "mailtos://me:pw@example.com?smtp=mail.example.com&to=igor@example.com",
        "ntfys://ntfy.sh/topic-of-the-crew",
        "matrixs://u:p@matrix.example.com/!room:example.com",
        "signal://192.168.1.20:8080/+491701234567/+491707654321",
        "json://192.168.1.20/hook?+X-Key=abc",
    ],
)
async def test_an_address_is_kept_encrypted_and_shown_by_its_scheme_and_end(
    ground: Ground, address: str, tmp_path: Path
) -> None:
    await ground.add(address)
    (view,) = (await ground.channels.view()).channels
    assert (view.scheme, view.ends_in) == (address.partition(":")[0], "…" + address[-4:])
    async with ground.database.session() as session:
        for table in ("alert_channel", "audit_log"):
            rows = (await session.execute(text(f"select t::text from {table} t"))).scalars().all()
            assert rows
            assert address[8:] not in "".join(rows)
        encryption = EncryptionKeys(tmp_path)
        encryption.rotate()
        assert await encrypt_addresses_again(session, encryption) == (1, 0)
        encryption.retire_old()
    said = await ground.channels.view()
    assert said.channels[0].ends_in == view.ends_in


async def test_a_name_that_leads_to_a_forbidden_place_is_not_connected_to(ground: Ground) -> None:
    """As a decimal number it is no address to look at, and the machine still understands it."""
    channel = await ground.add(f"json://{int.from_bytes(bytes([169, 254, 169, 254]))}/latest")
    said = await ground.channels.test(channel)
    assert not said.ok
    assert "is no place for messages" in said.said
