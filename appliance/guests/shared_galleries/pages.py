"""``/g/{token}`` for phones and ``/wall/{token}`` for a screen in the room."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from appliance.core.clients import client_address
from appliance.core.errors import PermissionDenied
from appliance.core.injection import Injected
from appliance.core.kept_answers import keep
from appliance.core.language import Message
from appliance.core.sending import stored_file
from appliance.core.stopping import Stopping
from appliance.guests.links import LARGEST_QR, MEDIA_TYPES, GuestLink, qr_code
from appliance.guests.links import Kind as CodeKind
from appliance.guests.pages.render import EDITION, base_for, page
from appliance.guests.picture_routes import Sizes, Width
from appliance.guests.screen_sizes import type_for
from appliance.guests.sending import screen_file
from appliance.guests.service import attachment, friendly_name
from appliance.guests.shared_galleries.live import feed
from appliance.guests.shared_galleries.service import Kind, OpenGallery, PinNeeded, SharedGalleries
from appliance.media import qr as qr_codes

router = APIRouter(include_in_schema=False)

PIN_COOKIE = "gallery_pin"
_LONGEST_FORM = 1000  # bytes


Shown = Injected[SharedGalleries]


async def _opened(request: Request, galleries: Shown) -> OpenGallery:
    kind: Kind = "wall" if request.url.path.startswith("/wall/") else "g"
    try:
        return await galleries.open(kind, request.path_params["token"], request.cookies.get(PIN_COOKIE))
    except PinNeeded:
        raise PermissionDenied(Message("Enter this gallery's PIN first.")) from None


Open = Annotated[OpenGallery, Depends(_opened)]


def ask_for_pin(request: Request, opened: OpenGallery, *, wrong: bool = False) -> Response:
    """The form for the PIN."""
    return page(request, opened.settings, "pin.html", status=401, action=opened.path, wrong=wrong)


@router.head("/g/{token}")
@router.get("/g/{token}")
async def gallery(request: Request, token: str, galleries: Shown, after: str | None = None) -> Response:
    """A page of the gallery; the first one grows by itself."""
    try:
        opened = await galleries.open("g", token, request.cookies.get(PIN_COOKIE))
    except PinNeeded as needed:
        return ask_for_pin(request, needed.opened)
    page_of = await galleries.page_of(opened, after)
    return page(
        request,
        opened.settings,
        "gallery.html",
        kept=True,
        title=opened.title,
        pictures=page_of.names,
        ai=page_of.ai,
        after=page_of.next,
        first=after is None,
        version=EDITION,
    )


@router.post("/g/{token}")
async def give_pin(request: Request, token: str, galleries: Shown) -> Response:
    """The PIN, typed."""
    try:
        await galleries.open("g", token, request.cookies.get(PIN_COOKIE))
    except PinNeeded as needed:
        if not await galleries.try_pin(needed.opened, await _typed(request), client_address(request)):
            return ask_for_pin(request, needed.opened, wrong=True)
        path = needed.opened.path
        answer = RedirectResponse(path, 303)
        answer.set_cookie(
            PIN_COOKIE,
            galleries.proof(needed.opened),
            path=path,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return answer
    return RedirectResponse(f"/g/{token}", 303)


async def _typed(request: Request) -> str:
    """The field ``pin`` of the form; empty for anything that is no such form."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM:
            return ""
    return parse_qs(body.decode("ascii", "replace")).get("pin", [""])[0]


@router.head("/g/{token}/qr.{code}")
@router.get("/g/{token}/qr.{code}")
async def gallery_qr(
    request: Request,
    token: str,
    code: CodeKind,
    galleries: Shown,
    size: Annotated[int, Query(ge=64, le=LARGEST_QR)] = 600,
    label: bool = False,
) -> Response:
    """The code that leads here; it may hang at the door before guests know the PIN."""
    try:
        opened = await galleries.open("g", token)
    except PinNeeded as needed:
        opened = needed.opened
    base = base_for(request, opened.settings)
    link = GuestLink(base + opened.path, opened.title or base.partition("://")[2])
    content = await qr_code(link, code, size, label=label)
    return Response(content, media_type=MEDIA_TYPES[code], headers={"Cache-Control": "private, max-age=300"})


@router.head("/wall/{token}")
@router.get("/wall/{token}")
async def wall(request: Request, token: str, galleries: Shown) -> Response:
    """The room's screen."""
    opened = await galleries.open("wall", token)
    link = f"{base_for(request, opened.settings)}/g/{opened.gallery.token}"
    news = await galleries.news(opened)
    return page(
        request,
        opened.settings,
        "wall.html",
        title=opened.title,
        pictures=news.pictures if news else [],
        ai=news.ai if news else [],
        qr=qr_codes.svg(link, 240).decode(),
        version=EDITION,
    )


@router.get("/g/{token}/live")  # noqa: FAST003 - the dependency takes it
@router.get("/wall/{token}/live")
async def live(galleries: Shown, opened: Open, stopping: Injected[Stopping]) -> Response:
    """Server-sent events: the newest pictures whenever they change."""
    return StreamingResponse(
        feed(galleries, opened, stopping, EDITION),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


@router.head("/g/{token}/p/{name}")
@router.get("/g/{token}/p/{name}")
async def picture(request: Request, token: str, name: str, galleries: Shown, screens: Sizes) -> Response:
    """One picture of the gallery: to look at, to save, to share."""
    try:
        opened = await galleries.open("g", token, request.cookies.get(PIN_COOKIE))
    except PinNeeded as needed:
        return RedirectResponse(needed.opened.path, 303)
    job = await galleries.picture(opened, name)
    width, height = await screens.size(job.result_key or "")
    path = f"{opened.path}/p/{name}"
    return page(
        request,
        opened.settings,
        "picture.html",
        kept=True,
        base=base_for(request, opened.settings),
        preview=f"{path}/preview",
        before=None,
        original=f"{path}/original",
        name=friendly_name(opened.title, job.created_at, job.media_type),
        width=width,
        height=height,
        until=job.result_expires_at,
        visit=None,
        signed=opened.settings.shows_ai_sign and job.by_ai,
        deletable=False,
        back=f"{opened.path}#{name}",
    )


@router.head("/g/{token}/p/{name}/preview")  # noqa: FAST003 - the dependency takes it
@router.get("/g/{token}/p/{name}/preview")
@router.head("/wall/{token}/p/{name}/preview")
@router.get("/wall/{token}/p/{name}/preview")
async def preview(
    request: Request, name: str, galleries: Shown, screens: Sizes, opened: Open, width: Width = 960
) -> Response:
    """A picture at screen size."""
    job = await galleries.picture(opened, name)
    kind = type_for(request.headers.get("accept", ""))
    key = await screens.screen(job.job_id, job.result_key or "", width, kind)
    saved_as = friendly_name(opened.title, job.created_at, kind.media_type)
    keep(request)
    return screen_file(key, kind.media_type, saved_as)


@router.head("/g/{token}/p/{name}/original")  # noqa: FAST003 - the dependency takes it
@router.get("/g/{token}/p/{name}/original")
async def original(request: Request, name: str, galleries: Shown, screens: Sizes, opened: Open) -> Response:
    """A picture as a file to keep."""
    job = await galleries.picture(opened, name)
    await screens.require(job.result_key or "")
    saved_as = friendly_name(opened.title, job.created_at, job.media_type)
    keep(request)
    return stored_file(
        job.result_key or "", job.media_type, cache="private, no-cache", disposition=attachment(saved_as)
    )
