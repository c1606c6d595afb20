"""What a person waits for in the slot editor."""

from __future__ import annotations

from tests.browser.person import Person


async def shown(someone: Person, route: int, shown: str) -> None:
    """The form has the parameters of this operation."""
    await someone.page.wait_for_selector(f'[name="route.{route}.shown"][value="{shown}"]', state="attached")
    await quiet(someone)


async def quiet(someone: Person) -> None:
    """The server has looked at what was typed."""
    await someone.page.wait_for_timeout(550)
    await someone.until("!document.querySelector('.htmx-request')")


async def saved(someone: Person) -> None:
    await someone.page.click(".save")
    await someone.page.wait_for_selector("#slot-form:not([data-changed]) [data-saved]")
