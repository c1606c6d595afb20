"""What a key's test says of the models that slots use, and how a card tells of a key that works again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.browser.conftest import MakePerson
from tests.conftest import Change
from tests.standins import Script, StandIn, Step
from tests.support.camera import Camera, Shot
from tests.support.keys import MODEL, SLOT, entered, made_up
from tests.support.slots import with_gemini

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_provider_keys")]

GEMINI, FIELD, NOTE = "#keys-gemini", "#key-gemini", "#keys-gemini .note"
FALLBACKS = [{"provider": "local", "operation": "glow", "params": {}}]


@pytest.fixture
async def living(
    gemini: StandIn, slot: Change, admin: httpx.AsyncClient, camera: Camera, shot: Shot
) -> AsyncIterator[StandIn]:
    """Gemini's stand-in, asked by one slot for one model, which is there and makes pictures afterwards."""
    await slot(SLOT, **with_gemini(model=MODEL, fallbacks=FALLBACKS))
    yield gemini
    gemini.announce(MODEL, None)
    gemini.probes, gemini.script = Step(), Script()
    await entered(admin, "gemini", made_up("gemini"))
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200


@pytest.mark.parametrize(("size", "lang", "theme"), [("desktop", "en", "dark")])
async def test_a_model_that_is_gone_is_named_when_a_key_is_entered_and_listed_with_the_keys(
    admin_person: MakePerson, living: StandIn, size: str, lang: str, theme: str
) -> None:
    someone = await admin_person(size=size, lang=lang, theme=theme)
    await someone.go("/admin/settings#keys-gemini")
    living.retire(MODEL)
    await someone.page.fill(FIELD, made_up("gemini"))
    await someone.page.click(f"{GEMINI} [value=save]")
    await someone.page.wait_for_selector(f"{NOTE}.warn")
    said = await someone.text(NOTE)
    assert MODEL in said
    assert {"en": "The provider has no such model", "ru": "нет такой модели"}[lang] in said
    listed = someone.page.locator(f"{GEMINI} .used-models li", has_text=MODEL)
    assert {"en": "unknown to the provider", "ru": "провайдер её не знает"}[lang] in await listed.inner_text()
    assert {"en": "checked with the provider", "ru": "сверено"}[lang] in await listed.inner_text()
    assert await someone.violations() == []
    assert await someone.sideways() <= 0
    await someone.screenshot("keys-models")


@pytest.mark.parametrize(("size", "lang", "theme"), [("phone", "en", "dark")])
async def test_a_card_says_that_a_key_which_failed_was_tested_since(
    admin_person: MakePerson, admin: httpx.AsyncClient, living: StandIn, camera: Camera, shot: Shot,
    size: str, lang: str, theme: str,
) -> None:  # fmt: skip
    await entered(admin, "gemini", made_up("gemini"))
    living.script = Script(["service_disabled"])
    await camera.post(f"/api/ingest/{SLOT}", shot)
    someone = await admin_person(size=size, lang=lang, theme=theme)
    await someone.go("/admin/")
    card = someone.page.locator(f"#{SLOT}.is-fallback")
    await card.wait_for()
    await someone.go("/admin/settings")
    await (
        someone.page.locator(f"{GEMINI} .keys li")
        .get_by_role("button", name={"en": "Test", "ru": "Проверить"}[lang])
        .click()
    )
    await someone.page.wait_for_selector(f"{NOTE}.good")
    await someone.go("/admin/")
    await someone.unfold_card(SLOT)
    ready = someone.page.locator(f"#{SLOT}.is-ready .quiet-why")
    await ready.wait_for()
    assert {"en": "tested since then and works", "ru": "проверили"}[lang] in await ready.inner_text()
    assert await someone.violations() == []
    await someone.screenshot("card-not-tried-since")
    await ready.get_by_role("link", name={"en": "Test slot", "ru": "Проверить слот"}[lang]).click()
    await someone.page.wait_for_url(f"**/admin/slots/{SLOT}#test")
