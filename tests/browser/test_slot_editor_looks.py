"""UC1: a ready-made AI look is chosen with one tap, changed, and saved."""

from __future__ import annotations

import pytest

from appliance.staff.looks.service import find
from tests.browser.conftest import MakePerson
from tests.browser.slot_editor import quiet, saved, shown
from tests.conftest import Change
from tests.support.slots import with_gemini
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

SLOT = "slot-015"
PROMPT = "#route-0-params-prompt"


def prompt_of(look_id: str, lang: str) -> str:
    look = find(look_id)
    assert look is not None
    return look.prompt.in_language(lang)


@pytest.mark.parametrize(
    ("size", "lang", "theme"), [("phone", "ru", "dark"), ("desktop", "en", "light"), ("phone", "en", "light")]
)
async def test_a_look_is_chosen_with_one_tap_changed_and_saved(
    admin_person: MakePerson, stack: Stack, slot: Change, size: str, lang: str, theme: str
) -> None:
    await slot(SLOT, **with_gemini())
    someone = await admin_person(size=size, lang=lang, theme=theme)
    await someone.go(f"/admin/slots/{SLOT}")
    await someone.screenshot("slot-looks")
    await someone.page.click("#do-look-winter-tale")
    await someone.page.wait_for_selector("#do-look-winter-tale[aria-pressed=true]")
    await quiet(someone)
    assert await someone.page.input_value(PROMPT) == prompt_of("winter-tale", lang)
    assert await someone.violations() == []
    assert await someone.sideways() == 0
    assert await someone.small_targets() == []
    assert await someone.page.is_visible("#do-look-winter-tale")
    await someone.screenshot("slot-look-chosen")
    assert await stack.value("select params->>'prompt' from slot where slot_id = $1", SLOT) == (
        "make it a painting"
    ), "not saved yet"
    own = prompt_of("winter-tale", lang) + "\n+ 1"
    await someone.page.fill(PROMPT, own)
    await quiet(someone)
    await saved(someone)
    assert await stack.value("select params->>'prompt' from slot where slot_id = $1", SLOT) == own


async def test_a_look_moves_a_slot_of_this_machine_to_a_provider_and_keeps_its_own_as_fallback(
    admin_person: MakePerson, slot: Change
) -> None:
    await slot(SLOT, provider="local", operation="comic", params={"levels": 6}, model=None, fallbacks=[])
    someone = await admin_person(size="phone", lang="ru")
    await someone.go(f"/admin/slots/{SLOT}")
    assert not await someone.page.is_visible("#do-look-clay"), (
        "a slot that draws here is not pressed to leave"
    )
    await someone.page.click(".looks summary")
    assert "Gemini" in await someone.text(".looks > p")
    assert await someone.violations() == []
    assert await someone.sideways() == 0
    await someone.screenshot("slot-looks-local")
    await someone.page.click("#do-look-clay")
    await shown(someone, 0, "gemini/image_edit")
    await shown(someone, 1, "local/comic")
    assert await someone.page.input_value(PROMPT) == prompt_of("clay", "ru")
    assert await someone.violations() == []
    await someone.page.evaluate("document.getElementById('slot-form').remove()")
