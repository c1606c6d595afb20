"""What a person waits for in the slot editor."""

from __future__ import annotations

from tests.browser.person import Person

# The server looks at the form a moment after each change: this tells whether it was asked since.
WATCH = """
if (!window.watched) {
  window.watched = { typed: 0, asked: 0 };
  const isCheck = (event) => event.detail.requestConfig.path.endsWith("/check");
  for (const kind of ["input", "change"]) {
    document.addEventListener(kind, () => { window.watched.typed = performance.now(); }, true);
  }
  document.addEventListener("htmx:beforeSend", (event) => {
    if (isCheck(event)) window.watched.asked = performance.now();
  });
}
"""


async def shown(someone: Person, route: int, shown: str) -> None:
    """The form has the parameters of this operation."""
    await someone.page.wait_for_selector(f'[name="route.{route}.shown"][value="{shown}"]', state="attached")
    await quiet(someone)


async def quiet(someone: Person) -> None:
    """The server has looked at what was typed."""
    await someone.until(
        "window.watched.asked >= window.watched.typed && !document.querySelector('.htmx-request')"
    )


async def saved(someone: Person) -> None:
    await someone.page.click(".save")
    await someone.page.wait_for_selector("#slot-form:not([data-changed]) [data-saved]")
