"""Settings that are more than a number: the logo, the guests' address and languages, the providers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.browser.conftest import MakePerson
from tests.conftest import Change
from tests.standins import StandIn
from tests.standins.turbotext import Turbotext
from tests.support.camera import Camera, Shot
from tests.support.photos import portrait_png
from tests.support.stack import Stack

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
async def settings_stay(stack: Stack) -> AsyncIterator[None]:
    """What a test changes is put back afterwards."""
    async with stack.database() as db:
        before = await db.fetch("select key, value::text as value, version, updated_by from app_settings")
        yield
        await db.execute("delete from app_settings where key <> all($1)", [row["key"] for row in before])
        for row in before:
            await db.execute(
                "update app_settings set value = $2::text::jsonb, version = $3, updated_by = $4"
                " where key = $1",
                *row.values(),
            )


@pytest.mark.parametrize(("size", "lang"), [("desktop", "en")])
async def test_a_logo_is_chosen_shown_to_guests_and_cannot_be_deleted_meanwhile(
    admin_person: MakePerson,
    stack: Stack,
    client: httpx.AsyncClient,
    tmp_path: Path,
    size: str,
    lang: str,
) -> None:
    file = tmp_path / f"logo-{lang}.png"
    file.write_bytes(portrait_png() + lang.encode())
    someone = await admin_person(size=size, lang=lang)
    page = someone.page
    await someone.go("/admin/settings")
    await page.click("#pick-logo")
    await page.set_input_files("dialog [data-uploads] input", file)
    await page.click(".pick.fresh")
    await page.wait_for_selector("#event_logo-field img")
    assert await stack.value("select value from app_settings where key = 'event_logo'") is None, "not yet"
    await page.click("#event .save")
    await someone.toast()
    media_id = await stack.value("select value from app_settings where key = 'event_logo'")
    assert await page.input_value("[name=event_logo][type=hidden]") == media_id
    assert await someone.violations() == []
    await someone.screenshot("settings-logo")
    shown = await client.get("/public/event/logo")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")

    await someone.go("/admin/templates")
    card = page.locator(f"#t-{media_id}")
    assert await card.locator(".uses a[href='/admin/settings#event']").count() == 1
    someone.expected = {409}
    await card.locator("form[action$='/delete'] button").click()
    await card.locator(".note.bad").wait_for()

    await someone.go("/admin/settings")
    await page.click("#event_logo-field button[value='']")
    await page.wait_for_selector("#event_logo-field:not(:has(img))")
    await page.click("#event .save")
    await someone.toast()
    assert await stack.value("select value from app_settings where key = 'event_logo'") is None


async def test_an_address_that_no_phone_can_use_is_told_while_it_is_typed(
    admin_person: MakePerson, stack: Stack
) -> None:
    someone = await admin_person()
    await someone.go("/admin/settings")
    check, field = "#address-check", "#public_base_url"
    await someone.page.wait_for_selector(f"{check} .outcome, {check} .note")
    await someone.page.fill(field, f"http://localhost:{stack.port}")
    await someone.page.wait_for_selector(f"{check} :text('localhost means the phone itself')")
    assert await someone.violations() == []
    await someone.screenshot("settings-address")
    await someone.page.fill(field, "http://photochanger:8080")
    await someone.page.wait_for_selector(f"{check} :text('photochanger means the phone itself')")
    await someone.page.fill(field, "http://192.0.2.250:1")
    await someone.page.wait_for_selector(f"{check} .note")
    await someone.page.fill(field, "192.168.1.20")
    await someone.page.wait_for_selector(f"{check} :text('Enter an address that starts with')")
    someone.leaving = True
    await someone.page.evaluate("document.querySelector('#event form').remove()")


async def test_the_usual_language_is_the_first_of_those_that_guests_may_choose(
    admin_person: MakePerson, stack: Stack, client: httpx.AsyncClient
) -> None:
    someone = await admin_person()
    await someone.go("/admin/settings")
    await someone.page.check("[name=guest_languages][value=ru]")
    await someone.page.check("[name=guest_languages][value=de]")
    await someone.page.select_option("[id='guest_languages.first']", "ru")
    await someone.page.click("#guests .save")
    await someone.toast()
    chosen = "select value from app_settings where key = 'guest_languages'"
    assert await stack.value(chosen) == ["ru", "de"]
    said = await client.get("/", headers={"accept-language": "fr"})
    assert said.headers["content-language"] == "ru"
    for code in ("ru", "de"):
        await someone.page.uncheck(f"[name=guest_languages][value={code}]")
    await someone.page.select_option("[id='guest_languages.first']", "de")
    await someone.page.click("#guests .save")
    await someone.page.wait_for_selector("[name=guest_languages][value=kk]:checked")
    assert sorted(await stack.value(chosen)) == ["de", "en", "es", "fr", "kk", "ru"]
    assert (await stack.value(chosen))[0] == "de"


async def test_a_providers_connection_is_changed_and_its_models_stay(
    admin_person: MakePerson, stack: Stack
) -> None:
    models = {"gemini-next": {}}
    async with stack.database() as db:
        await db.execute(
            "insert into app_settings (key, value, updated_by) values ('providers', $1, 'test')"
            " on conflict (key) do update set value = excluded.value",
            {"gemini": {"models": models}},
        )
    someone = await admin_person()
    await someone.go("/admin/settings")
    await someone.page.fill("[id='providers.openai.base_url']", "https://proxy.example/openai")
    await someone.page.select_option("[id='providers.turbotext.transport']", "upload")
    await someone.page.fill("[id='providers.gemini.api_version']", "v1")
    await someone.page.click("#connections .save")
    await someone.toast()
    saved = await stack.value("select value from app_settings where key = 'providers'")
    assert saved["openai"]["base_url"] == "https://proxy.example/openai"
    assert saved["turbotext"]["transport"] == "upload"
    assert saved["gemini"] == saved["gemini"] | {"models": models, "api_version": "v1"}
    assert await someone.violations() == []
    someone.expected = {422}
    await someone.page.fill("[id='providers.openai.base_url']", "proxy.example")
    await someone.page.click("#connections .save")
    await someone.page.wait_for_selector("[id='providers.openai.base_url-finding']")


@pytest.mark.parametrize(("lang", "said"), [("en", "may need addresses"), ("ru", "нужны адреса")])
async def test_an_account_that_took_no_upload_is_told_so_beside_the_transport(
    admin_person: MakePerson,
    camera: Camera,
    shot: Shot,
    slot: Change,
    setting: Change,
    standins: dict[str, StandIn],
    lang: str,
    said: str,
) -> None:
    note = "#connections .note.warn"
    # An address that counts for nothing here makes a connection that has never been used.
    await setting("providers", {"turbotext": {"transport": "upload", "base_url": f"https://{lang}.invalid"}})
    await slot("slot-012", active=True, provider="turbotext", operation="image_edit", params={"prompt": "x"})
    turbotext = standins["turbotext"]
    assert isinstance(turbotext, Turbotext)
    turbotext.upload = False
    assert (await camera.post("/api/ingest/slot-012", shot)).status == 502
    turbotext.upload = True
    someone = await admin_person(lang=lang)
    await someone.go("/admin/settings")
    assert said in await someone.text(note)
    assert await someone.violations() == []
    await someone.screenshot(f"uploads-refused-{lang}")
    assert (await camera.post("/api/ingest/slot-012", shot)).status == 200
    await someone.go("/admin/settings")
    assert await someone.page.locator(note).count() == 0
