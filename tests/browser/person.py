"""Somebody with a browser: a real Chromium, whose every complaint is written down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import ConsoleMessage, Error, Page, Request, Response

from tests.support.logins import PASSWORD
from tests.support.screens import MANUAL, SCREENS
from tests.support.stack import Stack
from tests.support.waiting import until

# Without the window, which nobody looks at, it takes two thirds of the processor's time (measured 2026-11-27,
# Chromium 156, tests/browser/test_dashboard.py: 80 s and 49 s).
_SHELL, _WHOLE = Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium")
CHROMIUM = _SHELL if _SHELL.exists() else _WHOLE
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES: Mapping[str, tuple[int, int]] = {
    "narrow": (360, 740),
    "phone": (390, 844),
    "tablet": (820, 1180),
    "desktop": (1440, 900),
    "wide": (1920, 1080),
}
# Size, language and theme: each page is looked at in both; what staff do there is done in one of them, that
# of whoever does it: the operator has a phone, an event is prepared at a desk.
PHONE, DESKTOP = LOOKS = (("phone", "ru", "dark"), ("desktop", "en", "light"))
NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"
INTERRUPTIONS = (NETWORK_CHANGED, "chrome-error:", "interrupted by another navigation")
# Bars that show progress for half a minute are no movement that hides anything.
_AT_REST = """
Promise.allSettled(document.getAnimations()
  .filter((one) => one.effect.getComputedTiming().endTime < 3000)
  .map((one) => one.finished))
"""
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_COLOURS = {"type": "rule", "values": ["color-contrast"]}
# What passed is not told: to carry it out of the page takes longer than to find it.
_FINDINGS = """
async ([rules, part]) => (await axe.run(part, {runOnly: rules, resultTypes: ["violations"], preload: false}))
  .violations.flatMap((rule) => rule.nodes.map(
    (node) => `${rule.id}: ${node.html.slice(0, 160)} ${node.failureSummary}`))
"""
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


def axe_source() -> str:
    """axe-core, which finds what people cannot use."""
    package = find_spec("axe_playwright_python")
    assert package is not None
    assert package.submodule_search_locations
    return (Path(package.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


@dataclass
class Person:
    """A page, and what went wrong on it. A test names the statuses that it provokes: ``expected``."""

    page: Page
    stack: Stack
    label: str
    expected: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    theme: str = "light"
    keeps_screens: bool = False
    keeps_manual: bool = False
    leaving: bool = False
    interrupted: bool = False
    network_changed: bool = False

    def listen(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", self._thrown)
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    def _thrown(self, error: Error) -> None:
        # From a page with a transition to one without it there is none, which Chromium mentions.
        if "ViewTransition opt-in disabled" not in str(error):
            self.problems.append(f"error: {error}")

    def _console(self, message: ConsoleMessage) -> None:
        refused = re.search(r"responded with a status of (\d{3})", message.text)
        if NETWORK_CHANGED in message.text:
            self.interrupted = self.network_changed = True
            return
        if message.text in {"htmx:sendAbort", "htmx:afterRequest"}:  # a newer request took its place
            return
        if message.type in {"error", "warning"} and not (refused and int(refused[1]) in self.expected):
            self.problems.append(f"console {message.type}: {message.text}")

    def _failed(self, request: Request) -> None:
        # What is under way when a page is left is cut off, as it should be.
        self.network_changed = self.network_changed or request.failure == NETWORK_CHANGED
        if not (self.leaving or request.failure in {"net::ERR_ABORTED", NETWORK_CHANGED}):
            self.problems.append(f"failed: {request.url} {request.failure}")

    def complaints(self) -> list[str]:
        """What went wrong; not what htmx says of a request that Chromium gave up (see ``go``)."""
        given_up = "console error: htmx:sendError" if self.network_changed else None
        return [problem for problem in self.problems if problem != given_up]

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.problems.append(f"{response.status}: {response.url}")
        policy = response.headers.get("content-security-policy", "")
        if urlsplit(response.url).path.startswith("/admin") and "default-src 'none'" not in policy:
            self.problems.append(f"no policy: {response.url}")

    async def go(self, path: str) -> None:
        """Open a page. Where a container came or went on this machine meanwhile, Chromium gives up what it
        is fetching, and so it does where the page before goes somewhere else by itself: then once more.
        """
        for _ in range(3):
            self.interrupted = False
            try:
                await self.page.goto(self.stack.url + path)
            except Error as error:
                if not any(known in error.message for known in INTERRUPTIONS):
                    raise
                self.interrupted = True
            if not self.interrupted:
                return

    @property
    def path(self) -> str:
        """Where the address bar says we are."""
        return urlsplit(self.page.url).path

    async def log_in(self, username: str, password: str = PASSWORD) -> None:
        await self.go("/admin/login")
        await self.page.fill("#username", username)
        await self.page.fill("#password", password)
        async with self.page.expect_navigation():
            await self.page.click("main form .primary")

    async def be_logged_in(self, username: str) -> None:
        """Log in without a look at the page for it; no page is open afterwards."""
        browser, address = self.page.context.request, f"{self.stack.url}/admin/login"
        token = _TOKEN.search(await (await browser.get(address)).text())
        assert token
        typed = {"csrf": token[1], "username": username, "password": PASSWORD}
        entered = await browser.post(address, form=typed, max_redirects=0)
        assert entered.status == 303, await entered.text()

    async def text(self, selector: str) -> str:
        return (await self.page.locator(selector).first.inner_text()).strip()

    async def unfold_card(self, slot_id: str) -> None:
        """Show a slot's card on the dashboard: on a phone it is a tile, which a tap unfolds."""
        await self.page.wait_for_selector(f"#{slot_id}")
        tile = self.page.locator(f"#{slot_id} .tile[aria-expanded=false]")
        if await tile.is_visible():
            await tile.tap()

    async def toast(self) -> str:
        """The newest toast."""
        newest = self.page.locator("#toasts [data-toast]").last
        await newest.wait_for()
        return (await newest.inner_text()).strip()

    async def until(self, script: str) -> Any:
        """Wait until ``script`` is true on the page; asked from outside: the policy lets nothing eval."""
        return await until(lambda: self.page.evaluate(script), seconds=10, every=0.05)

    async def manual_picture(self, name: str) -> None:
        """The screen as it is, for the manual; taken where ``--manual`` asks for it."""
        if self.keeps_manual:
            MANUAL.mkdir(exist_ok=True)
            await self.page.evaluate(_AT_REST)
            await self.page.screenshot(path=MANUAL / f"{name}.jpg", type="jpeg", quality=80)

    async def screenshot(self, name: str) -> None:
        """A picture for people to look at; taken where ``--screens`` asks for it."""
        if self.keeps_screens:
            SCREENS.mkdir(parents=True, exist_ok=True)
            await self.page.screenshot(path=SCREENS / f"{name}-{self.label}.png", full_page=True)

    async def violations(self, rules: Any = _RULES, *, within: str = "html") -> list[str]:
        """What axe finds once nothing moves any more, with the element and how to mend it. An open menu is
        looked at by itself: it may lie over half of something else.

        A small screen is as tall as the page meanwhile: else its bar at the bottom would lie over something.
        """
        screen = self.page.viewport_size
        assert screen is not None
        if screen["width"] < SIZES["desktop"][0]:
            height = int(await self.page.evaluate("document.documentElement.scrollHeight"))
            await self.page.set_viewport_size({**screen, "height": max(height, screen["height"])})
        await self.page.evaluate(_AT_REST)
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(axe_source())
        found: list[str] = await self.page.evaluate(_FINDINGS, [rules, within])
        await self.page.set_viewport_size(screen)
        return found

    async def assert_whole(self, name: str, *, by_day_and_night: bool = False) -> None:
        """The page is accessible, fits its screen, and can be used with a thumb."""
        await self.screenshot(name)
        assert await self.violations() == [], name
        assert await self.sideways() <= 0, name
        assert await self.small_targets() == [], name
        if by_day_and_night:
            other = "light" if self.theme == "dark" else "dark"
            await self.page.emulate_media(color_scheme=other)
            assert await self.violations(_COLOURS) == [], f"{name}, {other}"
            await self.page.emulate_media(color_scheme=self.theme)

    async def printed_pages(self, paper: str) -> int:
        """How many sheets of paper (``A4``, ``Letter``) the page takes, with usual margins."""
        margin = dict.fromkeys(("top", "bottom", "left", "right"), "10mm")
        printed = await self.page.pdf(format=paper, margin=margin)  # type: ignore[arg-type]
        return max(int(count) for count in re.findall(rb"/Count (\d+)", printed))

    async def sideways(self) -> int:
        """By how many pixels the page is wider than the screen."""
        return int(
            await self.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )

    async def small_targets(self) -> list[str]:
        """What can be pressed and is less than 44 pixels high or wide; links within a text are text."""
        found: list[str] = await self.page.evaluate(
            """() => [...document.querySelectorAll("a, button, summary, select, input:not([type=hidden])")]
                .filter(one => one.checkVisibility()
                    && !one.closest(".away, .skip, label.tick, p, caption, .manual"))
                .map(one => [one, one.getBoundingClientRect()])
                .filter(([one, box]) => box.height < 43.5 || box.width < 43.5)
                .map(([one, box]) => `${one.outerHTML.slice(0, 100)} ${box.width}x${box.height}`)"""
        )
        return found
