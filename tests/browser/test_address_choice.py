"""Which of its addresses guests' phones reach: chosen on the dashboard."""

from __future__ import annotations

from ipaddress import IPv6Address
from pathlib import Path

import pytest

from appliance.core.networks import lan_address
from tests.browser.test_over_http import enter, token_in
from tests.support.installed import copied
from tests.support.logins import PASSWORD, add_account, client_at
from tests.support.stack import free_port, running_stack
from tests.support.waiting import until

NOTE = "/admin/dashboard/address"


async def test_one_of_several_addresses_is_chosen_on_the_dashboard(tmp_path: Path, installed: Path) -> None:
    address = lan_address()
    if address is None:
        pytest.skip("this machine has no address in a network")
    port, same = free_port(), IPv6Address(f"::ffff:{address}")
    first, second = f"http://{address}:{port}", f"http://[{same}]:{port}"
    told = {"PHOTOCHANGER_LAN_BASE_URL": first, "PHOTOCHANGER_LAN_OTHER_URLS": second}
    with running_stack(copied(installed, tmp_path), port, **told) as stack:
        await add_account(stack, "anna", PASSWORD, "administrator")
        async with stack.database() as db:
            await db.execute("update account set must_change_password = false where username = 'anna'")
        async with client_at(stack) as client:
            assert (await enter(client, "anna")).status_code == 303
            token = token_in(await client.get("/admin/"))

            async def asked_for() -> str:
                """What is asked; in the first seconds Nginx answers in the app's place."""
                text = (await client.get(NOTE)).text
                return text if "several addresses" in text else ""

            asked = await until(asked_for, seconds=15, every=0.5)
            assert f"<code>{first}</code>" in asked
            assert f'name="base" value="{second}"' in asked
            foreign = await client.post(NOTE, data={"csrf": token, "base": "http://192.0.2.77"})
            assert foreign.status_code == 422
            chosen = await client.post(NOTE, data={"csrf": token, "base": second})
            assert (chosen.status_code, chosen.headers["location"]) == (303, "/admin/")
            assert await stack.value("select value from app_settings where key = 'public_base_url'")
            assert "several addresses" not in (await client.get(NOTE)).text
            async with stack.database() as db:
                dead = "update app_settings set value = $1 where key = 'public_base_url'"
                await db.execute(dead, f"http://localhost:{port}")
            wrong = await client.get(f"{NOTE}?wrong=1")
            assert f'name="base" value="{first}"' in wrong.text
