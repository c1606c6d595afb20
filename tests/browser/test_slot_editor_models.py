"""The slot editor's fields follow the model: what it does not take is not offered."""

from __future__ import annotations

import pytest

from tests.browser.conftest import MakePerson
from tests.browser.person import Person
from tests.browser.slot_editor import quiet, saved, shown
from tests.conftest import Change
from tests.support.stack import Stack

pytestmark = pytest.mark.browser


async def offered(someone: Person, name: str) -> list[str]:
    """The values of a choice."""
    options = someone.page.locator(f"#route-0-params-{name} option")
    return [await one.get_attribute("value") or "" for one in await options.all()]


async def choose_model(someone: Person, model: str) -> None:
    await someone.page.select_option("#route-0-model", model)
    await someone.page.wait_for_selector(f'[name="route.0.shown_model"][value="{model}"]', state="attached")
    await quiet(someone)


async def editing(someone: Person, slot: str, provider: str) -> None:
    await someone.go(f"/admin/slots/{slot}")
    await someone.page.select_option("#route-0-provider", provider)
    await someone.page.wait_for_selector(f'[name="route.0.shown"][value^="{provider}/"]', state="attached")
    await someone.page.select_option("#route-0-operation", "image_edit")
    await shown(someone, 0, f"{provider}/image_edit")


@pytest.mark.parametrize(("size", "lang"), [("phone", "ru")])
async def test_a_model_offers_what_it_takes_and_nothing_else(
    admin_person: MakePerson, size: str, lang: str
) -> None:
    someone = await admin_person(size=size, lang=lang)
    await editing(someone, "slot-014" if lang == "ru" else "slot-013", "gemini")
    assert await offered(someone, "image_size") == ["auto", "1K", "2K", "4K"]
    assert await offered(someone, "thinking") == ["minimal", "medium", "high", "auto"]
    assert len(await offered(someone, "aspect_ratio")) == 15
    await someone.page.select_option("#route-0-params-aspect_ratio", "1:8")
    await someone.page.select_option("#route-0-params-image_size", "2K")
    await choose_model(someone, "gemini-3-pro-image")
    assert len(await offered(someone, "aspect_ratio")) == 11
    assert await someone.page.input_value("#route-0-params-aspect_ratio") == "photo", "1:8 is not taken"
    assert await someone.page.input_value("#route-0-params-image_size") == "2K", "2K is"
    assert await offered(someone, "thinking") == []
    await someone.page.fill("#route-0-params-prompt", "a painting")
    await quiet(someone)
    await saved(someone)


async def test_a_size_is_chosen_by_its_shape_or_typed(admin_person: MakePerson, stack: Stack) -> None:
    someone = await admin_person()
    await editing(someone, "slot-015", "openai")
    assert await someone.page.input_value("#route-0-params-quality") == "auto", "not the local look's 90"
    sizes = await offered(someone, "size")
    assert sizes == ["photo", "10x15", "4:3", "16:9", "square", "auto", "own"]
    assert not await someone.page.is_visible('[name="route.0.params.size.own"]')
    await someone.page.fill("#route-0-params-prompt", "a painting")
    await someone.page.select_option("#route-0-params-size", "own")
    await someone.page.fill('[name="route.0.params.size.own"]', "1200x1800")
    await someone.page.wait_for_selector("#route-0-params-size-finding :text('1200x1792')")
    await someone.page.fill('[name="route.0.params.size.own"]', "1216x1824")
    await someone.page.wait_for_selector("#route-0-params-size:not([aria-invalid])")
    await quiet(someone)
    await saved(someone)
    async with stack.database() as db:
        assert (await db.fetchval("select params from slot where slot_id = $1", "slot-015"))[
            "size"
        ] == "1216x1824"
    await someone.go("/admin/slots/slot-015")
    assert await someone.page.input_value('[name="route.0.params.size.own"]') == "1216x1824"
    await choose_model(someone, "gpt-image-1.5")
    assert await offered(someone, "size") == [
        "photo", "10x15", "4:3", "16:9", "square", "auto", "1024x1024", "1536x1024", "1024x1536",
    ]  # fmt: skip
    assert await offered(someone, "input_fidelity") == ["auto", "high", "low"]
    assert await offered(someone, "complexity") == []


async def test_a_model_added_on_the_settings_page_may_be_chosen_at_once(admin_person: MakePerson) -> None:
    someone = await admin_person()
    someone.expected = {422}
    await someone.go("/admin/settings")
    wrong = '[openai.models."gpt-image-3"]\nlike = "gpt-image-0"'
    await someone.page.fill("#added_models", wrong)
    await someone.page.click("#models .save")
    await someone.page.wait_for_selector("#added_models-finding:has-text('gpt-image-0')")
    await someone.page.fill("#added_models", wrong.replace("image-0", "image-2"))
    await someone.page.click("#models .save")
    await someone.page.wait_for_selector("#models:not(:has(.finding))")
    await someone.go("/admin/slots/slot-011")
    models = await someone.page.locator("#route-0-model option").all()
    assert "gpt-image-3" in [await one.get_attribute("value") for one in models]
    await someone.go("/admin/settings")
    await someone.page.fill("#added_models", "")
    await someone.page.click("#models .save")
    await someone.page.wait_for_selector("#models:not(:has(.finding))")


@pytest.mark.parametrize(("size", "lang"), [("desktop", "en")])
async def test_the_usual_model_is_chosen_and_another_one_hidden_on_the_settings_page(
    admin_person: MakePerson, setting: Change, size: str, lang: str
) -> None:
    await setting("default_models", {})
    await setting("hidden_models", {})
    someone = await admin_person(size=size, lang=lang)
    someone.expected = {422}
    page = someone.page
    await someone.go("/admin/settings")
    usual, hide = "[id='default_models.openai']", "#models details:has([id='hidden_models.openai'])"
    one_card = "[id='provider_permits_by_name.comfyui']"
    assert await page.get_attribute(one_card, "placeholder") == "1"
    await page.select_option(usual, "gpt-image-2.6-sunburst")
    await page.click(f"{hide} > summary")
    await page.check("[value='openai.gpt-image-2.6-sunburst']")
    await page.click("#models .save")
    await page.wait_for_selector("[id='hidden_models.openai-finding']")
    await page.uncheck("[value='openai.gpt-image-2.6-sunburst']")
    await page.check("[value='openai.gpt-image-2']")
    await page.click("#models .save")
    await page.wait_for_selector("#models:not(:has(.finding))")
    assert await someone.violations() == []
    assert await someone.sideways() == 0
    await someone.screenshot("settings-models")

    await someone.go("/admin/slots/slot-011")
    offered = [await one.get_attribute("value") for one in await page.locator("#route-0-model option").all()]
    assert offered[1] == "gpt-image-2.6-sunburst", "the usual one comes first"
    assert "gpt-image-2" not in offered

    await someone.go("/admin/settings")
    assert await page.input_value(usual) == "gpt-image-2.6-sunburst"
    assert await page.is_checked("[value='openai.gpt-image-2']")
    await page.uncheck("[value='openai.gpt-image-2']")
    await page.select_option(usual, "")
    await page.click("#models .save")
    await someone.until("!document.querySelector('.htmx-request')")
    await page.wait_for_selector(f"{hide}:not([open])")
    await someone.go("/admin/slots/slot-011")
    await page.wait_for_selector("#route-0-model option[value='gpt-image-2']", state="attached")
