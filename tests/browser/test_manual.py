"""The manual in the admin pages: every page of it, where there is no internet."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.async_api import APIRequestContext

from appliance.staff.issues.findings import CODES
from appliance.staff.issues.views import learn_more
from tests.browser.conftest import MakePerson
from tests.support.stack import CHECKOUT, Stack

pytestmark = pytest.mark.browser

FIRST = "/admin/manual/README.md"


@pytest.fixture
async def reader(admin_person: MakePerson) -> APIRequestContext:
    return (await admin_person()).page.context.request


def files() -> set[str]:
    docs = CHECKOUT / "docs"
    return {str(one.relative_to(docs)) for kind in ("*.md", "*.jpg") for one in docs.rglob(kind)}


async def test_every_page_can_be_reached_from_the_first_and_every_link_leads_somewhere(
    reader: APIRequestContext, stack: Stack
) -> None:
    waiting, seen = [FIRST], {FIRST}
    while waiting:
        here = waiting.pop()
        reply = await reader.get(stack.url + here)
        assert reply.status == 200, here
        if "text/html" not in reply.headers["content-type"]:
            continue
        text = (await reply.text()).partition("<article")[2].partition("</article>")[0]
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            to = urlsplit(urljoin(here, link))
            if not to.scheme and to.path not in seen:
                seen.add(to.path)
                waiting.append(to.path)
    assert seen == {f"/admin/manual/{path}" for path in files()}


async def test_every_issue_has_its_place_in_the_manual(reader: APIRequestContext, stack: Stack) -> None:
    pages: dict[str, str] = {}
    for code in CODES:
        path, _, anchor = learn_more(code).partition("#")
        pages[path] = pages.get(path) or await (await reader.get(stack.url + path)).text()
        assert f'id="{anchor}"' in pages[path], code


@pytest.mark.parametrize(("path", "language"), [("operator/booth.md", "en"), ("operator/booth.ru.md", "ru")])
async def test_a_page_says_in_which_language_it_is_written(
    reader: APIRequestContext, stack: Stack, path: str, language: str
) -> None:
    text = await (await reader.get(f"{stack.url}/admin/manual/{path}")).text()
    assert f'<article class="sheet manual" lang="{language}">' in text


async def test_what_pops_up_says_nothing_of_the_page(reader: APIRequestContext, stack: Stack) -> None:
    about = {"ops/issues.md": 'class="manual-table"', "no.md": "Check it for typing errors. Wh"}
    for path, words in about.items():
        text = await (await reader.get(f"{stack.url}/admin/manual/{path}")).text()
        page, _, toasts = text.partition('id="toasts"')
        assert words in page, text
        assert words not in toasts


@pytest.mark.parametrize("path", ["%2e%2e/pyproject.toml", "..%2fconfig/appliance.toml", "ops", "no.md"])
async def test_nothing_else_is_read(reader: APIRequestContext, stack: Stack, path: str) -> None:
    assert (await reader.get(f"{stack.url}/admin/manual/{path}")).status == 404


async def test_an_evening_is_read_on_a_phone(admin_person: MakePerson) -> None:
    someone = await admin_person(size="phone", lang="ru")
    await someone.go("/admin/manual")
    await someone.page.click("article a[href$='operator/key-spent.ru.md']")
    await someone.page.wait_for_url("**/operator/key-spent.ru.md")
    await someone.until("[...document.querySelectorAll('article img')].every(one => one.naturalWidth > 0)")
    await someone.assert_whole("manual-evening", by_day_and_night=True)
