"""Provider keys as an operator meets them: from a card without a key to the first picture, and back."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from appliance.core.encryption import EncryptionKeys
from appliance.providers.stored_keys import purpose_of
from tests.browser.conftest import MakePerson
from tests.conftest import Change
from tests.standins import StandIn, Step
from tests.support.camera import Camera, Shot
from tests.support.keys import MODEL, SLOT, asked_with, entered, made_up
from tests.support.slots import with_gemini
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_provider_keys")]

GEMINI = "#keys-gemini"
FIELD = "#key-gemini"
NOTE = f"{GEMINI} .note"
FALLBACKS = [{"provider": "local", "operation": "glow", "params": {}}]


@pytest.mark.parametrize(("size", "lang", "theme"), [("phone", "ru", "dark"), ("desktop", "en", "light")])
async def test_from_a_card_without_a_key_it_is_two_taps_and_a_paste_to_the_first_picture(
    admin_person: MakePerson, gemini: StandIn, slot: Change, camera: Camera, shot: Shot,
    size: str, lang: str, theme: str,
) -> None:  # fmt: skip
    await slot(SLOT, **with_gemini(model=MODEL, fallbacks=FALLBACKS))
    someone = await admin_person(size=size, lang=lang, theme=theme)
    await someone.go("/admin/")
    await someone.unfold_card(SLOT)
    card = someone.page.locator(f"#{SLOT} .soft-why")
    await card.wait_for()
    await someone.screenshot("keys-card")
    await card.get_by_role("link", name={"en": "Enter a key", "ru": "Ввести ключ"}[lang]).click()
    await someone.page.wait_for_url("**/admin/settings#keys-gemini")
    await someone.until("document.activeElement.id === 'key-gemini'")
    assert await someone.page.get_attribute(FIELD, "type") == "password"
    assert "aistudio.google.com" in await someone.text(f"{FIELD}-help")
    assert {"en": "No key", "ru": "Нет ключа"}[lang] in await someone.text(f"{GEMINI} header")
    assert await someone.violations() == []
    await someone.screenshot("keys-none")
    key = made_up("gemini")
    await someone.page.fill(FIELD, f"  {key} ")
    await someone.page.keyboard.press("Enter")
    await someone.page.wait_for_selector(f"{NOTE}.good")
    assert f"…{key[-4:]}" in await someone.toast()
    assert await someone.page.input_value(FIELD) == ""
    assert await someone.page.locator(f"{GEMINI} .keys li").count() == 1
    assert key not in await someone.page.content()
    assert await someone.violations() == []
    assert await someone.small_targets() == []
    assert await someone.sideways() <= 0
    await someone.screenshot("keys-works")
    assert (await camera.post(f"/ingest/{SLOT}?reply=image", shot)).status == 200
    assert asked_with(gemini) == [key]
    await someone.go("/admin/")
    assert await card.count() == 0


async def test_a_key_can_be_looked_at_and_tested_before_it_is_kept(
    admin_person: MakePerson, gemini: StandIn, stack: Stack
) -> None:
    gemini.probes = Step("unavailable")
    someone = await admin_person()
    await someone.go("/admin/settings")
    key = made_up("gemini")
    await someone.page.fill(FIELD, key)
    await someone.page.click(f"{GEMINI} [data-reveal]")
    assert await someone.page.get_attribute(FIELD, "type") == "text"
    await someone.page.click(f"{GEMINI} [value=test]")
    await someone.page.wait_for_selector(f"{NOTE}.warn")
    assert "could not be reached" in await someone.text(NOTE)
    assert await someone.page.input_value(FIELD) == key, "what was typed is still there"
    gemini.probes = Step()
    await someone.page.click(f"{GEMINI} [value=test]")
    await someone.page.wait_for_selector(f"{NOTE}.good")
    assert "not saved yet" in await someone.text(NOTE)
    assert await someone.violations() == []
    await someone.screenshot("keys-tested")
    assert await stack.value("select count(*) from provider_key") == 0


async def test_a_refused_key_is_not_kept_and_the_field_says_why(
    admin_person: MakePerson, gemini: StandIn, stack: Stack
) -> None:
    gemini.keys = set()
    someone = await admin_person(size="phone", lang="ru")
    await someone.go("/admin/settings#keys-gemini")
    someone.expected = {422}
    await someone.page.fill(FIELD, made_up("gemini"))
    await someone.page.click(f"{GEMINI} [value=save]")
    assert "Провайдер не принимает этот ключ" in await someone.text(f"{FIELD}-finding")
    assert "API key not valid" in await someone.text(GEMINI)
    await someone.until("document.activeElement.id === 'key-gemini'")
    assert await someone.violations() == []
    await someone.screenshot("keys-refused")
    assert await stack.value("select count(*) from provider_key") == 0


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "Connect through a proxy"), ("ru", "Подключитесь через прокси")]
)
async def test_a_key_that_is_entered_where_nobody_is_served_is_kept_with_advice(
    admin_person: MakePerson, gemini: StandIn, stack: Stack, lang: str, said: str
) -> None:
    gemini.probes = Step("location")
    someone = await admin_person(size="phone", lang=lang)
    await someone.go("/admin/settings#keys-gemini")
    await someone.page.fill(FIELD, made_up("gemini"))
    await someone.page.click(f"{GEMINI} [value=save]")
    await someone.page.wait_for_selector(f"{NOTE}.warn")
    assert said in await someone.text(NOTE)
    assert await someone.violations() == []
    await someone.screenshot(f"keys-not-served-{lang}")
    assert await stack.value("select count(*) from provider_key") == 1


async def test_a_key_set_aside_is_shown_with_its_reason_and_used_again_with_one_tap(
    admin_person: MakePerson, admin: httpx.AsyncClient, gemini: StandIn, stack: Stack, tmp_path: Path
) -> None:
    first, lost = made_up("gemini"), made_up("gemini")
    view = await entered(admin, "gemini", first)
    stack.set_keys("gemini", made_up("gemini"))
    other = EncryptionKeys(tmp_path)
    other.ensure()
    async with stack.database() as db:
        await db.execute(
            "insert into provider_key (id, provider, encrypted, ends_in, added_by)"
            " values (gen_random_uuid(), 'gemini', $1, $2, 'igor')",
            other.encrypt(lost, purpose_of("gemini")),
            "…" + lost[-4:],
        )
    gemini.probes = Step("quota", retry_after=600)
    assert (await admin.post(f"/api/settings/provider-keys/{view['id']}/test")).json()[
        "outcome"
    ] == "no_quota"
    someone = await admin_person(size="phone", theme="dark")
    await someone.go("/admin/settings#keys-gemini")
    rows = someone.page.locator(f"{GEMINI} .keys li")
    assert await rows.count() == 3
    assert "quota" in await rows.nth(0).inner_text()
    assert "Enter it again" in await rows.nth(1).inner_text()
    assert "provider-keys/gemini" in await rows.nth(2).inner_text()
    assert await rows.nth(2).get_by_role("button", name="Remove").count() == 0
    assert await someone.violations() == []
    await someone.screenshot("keys-states")
    await rows.nth(0).get_by_role("button", name="Use again now").click()
    await someone.page.wait_for_selector(f"{GEMINI} .keys li:first-child .outcome.done")
    gemini.probes = Step()
    await rows.nth(2).get_by_role("button", name="Test").click()
    await someone.page.wait_for_selector(f"{NOTE}.good")
    assert "Tested, works" in await rows.nth(2).inner_text()


async def test_a_key_is_removed_only_after_a_second_thought(
    admin_person: MakePerson, admin: httpx.AsyncClient, stack: Stack
) -> None:
    view = await entered(admin, "gemini", made_up("gemini"))
    someone = await admin_person()
    await someone.go("/admin/settings")
    remove = someone.page.locator(f"{GEMINI} .keys").get_by_role("button", name="Remove")
    await remove.click()
    await someone.page.wait_for_selector("#confirm[open]")
    assert str(view["ends_in"]) in await someone.text("#confirm-title")
    await someone.screenshot("keys-remove")
    await someone.page.keyboard.press("Escape")
    assert await stack.value("select count(*) from provider_key") == 1
    await remove.click()
    await someone.page.click("#confirm-yes")
    assert "The key is removed" in await someone.toast()
    assert await someone.page.locator(f"{GEMINI} .keys li").count() == 0
    assert await stack.value("select count(*) from provider_key") == 0


async def test_a_provider_that_cannot_be_tested_for_free_says_so(admin_person: MakePerson) -> None:
    someone = await admin_person(lang="ru")
    await someone.go("/admin/settings")
    await someone.page.fill("#key-turbotext", made_up("turbotext"))
    await someone.page.click("#keys-turbotext [value=save]")
    await someone.page.wait_for_selector("#keys-turbotext .note.warn")
    said = await someone.text("#keys-turbotext .note")
    assert "Ключ сохранён" in said
    assert "Бесплатно его не проверить" in said


async def test_the_slot_editor_says_that_a_chosen_provider_has_no_key(
    admin_person: MakePerson, slot: Change
) -> None:
    await slot(SLOT, **with_gemini(model=MODEL))
    someone = await admin_person()
    await someone.go(f"/admin/slots/{SLOT}")
    note = someone.page.locator("#slot-sheets .note.warn")
    assert "cannot make pictures" in await note.inner_text()
    await note.get_by_role("link").click()
    await someone.page.wait_for_url("**/admin/settings#keys-gemini")


async def test_who_may_only_look_sees_the_keys_and_no_field(
    admin_person: MakePerson, admin: httpx.AsyncClient
) -> None:
    await entered(admin, "gemini", made_up("gemini"))
    someone = await admin_person("operator")
    await someone.go("/admin/settings")
    assert await someone.page.locator(f"{GEMINI} .keys li").count() == 1
    assert await someone.page.locator("#keys input, #keys button").count() == 0


async def test_keys_are_entered_and_removed_without_scripts(
    admin_person: MakePerson, stack: Stack, gemini: StandIn
) -> None:
    someone = await admin_person()
    await someone.page.route("**/*.js", lambda route: route.abort("blockedbyclient"))
    await someone.go("/admin/settings")
    await someone.page.fill(FIELD, made_up("gemini"))
    await someone.page.click(f"{GEMINI} [value=save]")
    await someone.page.wait_for_url("**/admin/settings#keys-gemini")
    assert await someone.page.locator(f"{GEMINI} .keys li").count() == 1
    gemini.keys = set()
    someone.expected = {422}
    await someone.page.fill(FIELD, made_up("gemini"))
    await someone.page.click(f"{GEMINI} [value=save]")
    await someone.page.wait_for_selector(f"{FIELD}-finding")
    await someone.go("/admin/settings")
    await someone.page.locator(f"{GEMINI} .keys").get_by_role("button", name="Remove").click()
    await someone.page.wait_for_selector(f"{GEMINI}:not(:has(.keys))")
    assert await stack.value("select count(*) from provider_key") == 0
    someone.problems[:] = [problem for problem in someone.problems if "BLOCKED" not in problem]


async def test_a_job_that_failed_for_want_of_a_key_leads_to_where_it_is_entered(
    admin_person: MakePerson, slot: Change, camera: Camera, shot: Shot
) -> None:
    await slot(SLOT, **with_gemini(model=MODEL))
    reply = await camera.post(f"/ingest/{SLOT}?reply=image", shot)
    someone = await admin_person()
    await someone.go(f"/admin/jobs/{reply.headers['x-job-id']}")
    await someone.page.locator("#job .note.bad").get_by_role("link", name="Enter a key").click()
    await someone.page.wait_for_url("**/admin/settings#keys-gemini")
