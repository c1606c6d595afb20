"""The manual: what lies in ``docs``, to be read where there is no internet."""

from __future__ import annotations

import asyncio
import functools
import posixpath
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import urlsplit

import markdown
from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, RedirectResponse
from markupsafe import Markup

import appliance
from appliance.admin.headers import MOUNT
from appliance.admin.render import page
from appliance.admin.security import SignedIn
from appliance.core.errors import NotFound

router = APIRouter()

DOCS = Path(appliance.__file__).parents[1] / "docs"
_FIRST, _ISSUES = "README.md", "ops/issues.md"


@router.get("/manual")
async def manual(_: SignedIn) -> Response:
    """The table of contents."""
    return RedirectResponse(f"{MOUNT}/manual/{_FIRST}", 307)


@router.get("/manual/{path:path}")
async def manual_page(path: str, context: SignedIn) -> Response:
    """A page of the manual, or a picture on one; raises ``NotFound`` for anything else."""
    if path not in _files():
        raise NotFound
    if not path.endswith(".md"):
        return FileResponse(DOCS / path)
    title, text = await asyncio.to_thread(_read, path)
    written_in = "ru" if path.endswith(".ru.md") else "en"
    return page(
        context, "manual.html", title=title, text=text, written_in=written_in,
        is_first=path == _FIRST, first=_FIRST,
    )  # fmt: skip


@functools.cache
def _files() -> frozenset[str]:
    """What the manual consists of, as paths below ``docs``: nothing else is ever read."""
    found = [*DOCS.rglob("*.md"), *DOCS.rglob("*.jpg")]
    return frozenset(str(path.relative_to(DOCS)) for path in found)


@functools.lru_cache(maxsize=64)
def _read(path: str) -> tuple[str, Markup]:
    """Title and HTML of a page. It is the program's own text and trusted as such."""
    text = (DOCS / path).read_text(encoding="utf-8")
    html = markdown.markdown(text, extensions=["tables", "fenced_code", "sane_lists", "toc"])
    root = ET.fromstring(f"<div>{html}</div>")  # noqa: S314 - likewise
    for parent in list(root.iter()):
        for at, child in enumerate(list(parent)):
            if child.tag == "table":
                parent[at] = _scrolling(child)
    if path == _ISSUES:
        for row in root.iter("tr"):
            for code in row[0].iter("code"):  # the dashboard leads to the row of an issue
                code.set("id", (code.text or "").replace(".", ""))
    for link in root.iter("a"):
        _lead(link, path)
    return _title(path), Markup(ET.tostring(root, encoding="unicode", method="html"))  # noqa: S704 - likewise


def _lead(link: ET.Element, path: str) -> None:
    """A link from ``path``: by the title of its page; to what is not in the manual, its words alone."""
    to = urlsplit(link.get("href", ""))
    there = posixpath.normpath(posixpath.join(posixpath.dirname(path), to.path))
    if to.scheme:
        link.set("rel", "noopener noreferrer")
    elif to.path and there not in _files():
        link.tag = "span"
        link.attrib.clear()
    elif link.text == to.path:
        link.text = _title(there)


def _title(path: str) -> str:
    with (DOCS / path).open(encoding="utf-8") as lines:
        return next((line[2:].strip() for line in lines if line.startswith("# ")), path)


def _scrolling(table: ET.Element) -> ET.Element:
    """The table in a box of its own, which is scrolled on a phone, by keys too."""
    box = ET.Element("div", {"class": "manual-table", "tabindex": "0"})
    box.append(table)
    box.tail, table.tail = table.tail, None
    return box
