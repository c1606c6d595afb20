"""UC1: a ComfyUI workflow is uploaded, its nodes are chosen, the machine is asked, and it makes a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import MakePerson
from tests.browser.slot_editor import quiet, saved, shown
from tests.conftest import Change
from tests.standins import StandIn
from tests.support.photos import portrait_jpeg
from tests.support.slots import with_gemini
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

SLOT = "slot-015"
WORKFLOW = Path(__file__).parents[1] / "standins" / "workflow.json"
PARAMS = "#route-0-params-"


@pytest.mark.parametrize(("size", "lang", "theme"), [("desktop", "en", "light")])
async def test_a_workflow_is_uploaded_bound_saved_and_tried(
    admin_person: MakePerson,
    stack: Stack,
    slot: Change,
    standins: dict[str, StandIn],
    tmp_path: Path,
    size: str,
    lang: str,
    theme: str,
) -> None:
    await slot(SLOT, **with_gemini())
    photo = tmp_path / "guest.jpg"
    photo.write_bytes(portrait_jpeg())
    comfyui: Any = standins["comfyui"]
    someone = await admin_person(size=size, lang=lang, theme=theme)
    page = someone.page
    await someone.go(f"/admin/slots/{SLOT}")
    await page.select_option("#route-0-provider", "comfyui")
    await shown(someone, 0, "comfyui/workflow")
    assert not await page.is_visible(f"{PARAMS}photo_node")

    await page.set_input_files(f"{PARAMS}workflow-file", WORKFLOW)
    await page.wait_for_selector(f"{PARAMS}photo_node")
    await quiet(someone)
    assert "Guest" in await page.inner_text(f"{PARAMS}photo_node option[value='']")
    assert "Positive" in await page.inner_text(f"{PARAMS}prompt_place option[value='']")
    await page.select_option(f"{PARAMS}photo_node", "11")
    await page.select_option(f"{PARAMS}negative_place", "7.text")
    await page.fill(f"{PARAMS}prompt", "a watercolour")
    await page.click("#look details:has(#route-0-params-values-3-denoise) > summary")
    assert await page.get_attribute(f"{PARAMS}values-3-denoise", "placeholder") == "0.6"
    await page.fill(f"{PARAMS}values-3-denoise", "0,4")
    await quiet(someone)
    assert await someone.violations() == []
    assert await someone.sideways() == 0
    await someone.screenshot("slot-workflow")

    encoder = comfyui.nodes.pop("VAEEncode")
    await page.click("#look button[formaction*='/machine']")
    await page.wait_for_selector("[data-machine=lacks]")
    assert "VAEEncode" in await someone.text("[data-machine]")
    await someone.screenshot("slot-workflow-lacks")
    comfyui.nodes["VAEEncode"] = encoder
    await page.click("#look button[formaction*='/machine']")
    await page.wait_for_selector("[data-machine=fits]")

    await saved(someone)
    kept = json.loads(await stack.value("select params::text from slot where slot_id = $1", SLOT))
    assert (kept["photo_node"], kept["prompt"]) == ("11", "a watercolour")
    assert json.loads(kept["values"]) == {"3.denoise": "0,4"}
    assert await page.input_value(f"{PARAMS}values-3-denoise") == "0,4"
    assert json.loads(kept["workflow"]) == json.loads(WORKFLOW.read_text(encoding="utf-8"))

    await page.set_input_files("#test-file", photo)
    await page.click("#test-go")
    await page.wait_for_selector(".tested .compare img[data-before]:not([hidden])")
    assert "ComfyUI" in await someone.text(".tested .attempt")
    [graph] = [call.json["prompt"] for call in comfyui.calls if call.path == "/prompt"]
    assert graph["6"]["inputs"]["text"] == "a watercolour"
    assert graph["3"]["inputs"]["denoise"] == 0.4
    assert graph["9"]["class_type"] == "PreviewImage"


BAD = {
    "broken": ("{", "not JSON", "не JSON"),
    "of_the_editor": ('{"nodes": [], "links": []}', "Export (API)", "Export (API)"),
    "no_workflow": ('{"1": {"inputs": {}}}', "API format", "формате API"),
    "too_large": (json.dumps({"1": "a" * 90_000}), "too large", "слишком велик"),
}


@pytest.mark.parametrize(("size", "lang", "theme"), [("phone", "ru", "light")])
async def test_a_file_that_is_no_workflow_says_what_is_wrong_with_it(
    admin_person: MakePerson, slot: Change, tmp_path: Path, size: str, lang: str, theme: str
) -> None:
    await slot(SLOT, **with_gemini())
    someone = await admin_person(size=size, lang=lang, theme=theme)
    page = someone.page
    await someone.go(f"/admin/slots/{SLOT}")
    await page.select_option("#route-0-provider", "comfyui")
    await shown(someone, 0, "comfyui/workflow")
    for name, (content, english, russian) in BAD.items():
        file = tmp_path / f"{name}.json"
        file.write_text(content, encoding="utf-8")
        await page.set_input_files(f"{PARAMS}workflow-file", file)
        said = english if lang == "en" else russian
        await page.wait_for_selector(f"{PARAMS}workflow-finding:has-text('{said}')")
        await quiet(someone)
        assert not await page.is_visible(f"{PARAMS}photo_node")
    assert await someone.violations() == []
    await someone.screenshot("slot-workflow-refused")

    whole = json.loads(WORKFLOW.read_text(encoding="utf-8"))
    file.write_text(json.dumps(whole), encoding="utf-8")
    await page.set_input_files(f"{PARAMS}workflow-file", file)
    await page.wait_for_selector("#look details:has(#route-0-params-values-3-denoise) > summary")
    await page.click("#look details:has(#route-0-params-values-3-denoise) > summary")
    await page.fill(f"{PARAMS}values-3-denoise", "much")
    await page.wait_for_selector(f"{PARAMS}values-finding:has-text('3.denoise')")

    without_photo = json.loads(WORKFLOW.read_text(encoding="utf-8"))
    del without_photo["11"]
    file.write_text(json.dumps(without_photo), encoding="utf-8")
    await page.set_input_files(f"{PARAMS}workflow-file", file)
    await page.wait_for_selector(f"{PARAMS}photo_node-finding:has-text('LoadImage')")
