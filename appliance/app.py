"""The web application: middleware, routers, error handlers, lifespan."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from appliance import __version__
from appliance.admin.headers import MOUNT, PageHeaders
from appliance.core import error_handlers, health
from appliance.core.clock import utcnow
from appliance.core.injection import Services
from appliance.core.kept_answers import KeptAnswers, KeptPaths
from appliance.core.leading import Leader
from appliance.core.memory import giving_back, keep_what_is_there
from appliance.core.middleware import RequestContext, RequestLimits
from appliance.core.node_door import NodeDoor
from appliance.core.on_demand import OnDemand
from appliance.core.openapi import in_our_form
from appliance.core.photos_first import PhotosFirst, PhotoWork
from appliance.core.recent import Changes
from appliance.core.routing import answering_head
from appliance.core.stopping import Stopping
from appliance.guests import page_routes as guest_routes
from appliance.guests import picture_routes
from appliance.guests import routes as results_routes
from appliance.guests.pages import guest_error_page
from appliance.guests.shared_galleries import pages as gallery_pages
from appliance.housekeeping.cleanup import Cleanup
from appliance.ingest import routes as ingest_routes
from appliance.ingest.booth_requests.middleware import BoothRequestLog
from appliance.ingest.gate import Gate
from appliance.providers.runner import RouteRunner
from appliance.services import open_services
from appliance.settings.environment import Settings
from appliance.staff.access import LoginFirst
from appliance.staff.alerts import routes as alert_routes
from appliance.staff.audit import routes as audit_routes
from appliance.staff.backups import routes as backup_routes
from appliance.staff.booth_keys import routes as booth_key_routes
from appliance.staff.booths import routes as booth_routes
from appliance.staff.disk import routes as disk_routes
from appliance.staff.event import routes as event_routes
from appliance.staff.issues import routes as issues_routes
from appliance.staff.issues.sources.process import StartNote
from appliance.staff.jobs import picture_routes as job_picture_routes
from appliance.staff.jobs import routes as jobs_routes
from appliance.staff.jobs import trial_routes as job_trial_routes
from appliance.staff.login import routes as login_routes
from appliance.staff.looks import routes as looks_routes
from appliance.staff.metrics import routes as metrics_routes
from appliance.staff.metrics.service import Metrics
from appliance.staff.pictures import routes as pictures_routes
from appliance.staff.preflight import routes as preflight_routes
from appliance.staff.providers import routes as provider_routes
from appliance.staff.settings import routes as settings_routes
from appliance.staff.settings.provider_keys import routes as provider_key_routes
from appliance.staff.shared_galleries import routes as gallery_routes
from appliance.staff.slots import routes as slots_routes
from appliance.staff.slots import trial_routes as slot_trial_routes
from appliance.staff.stats import routes as stats_routes
from appliance.staff.template_media import routes as template_media_routes
from appliance.staff.tokens import routes as token_routes
from appliance.staff.webhooks import routes as webhook_routes

log = structlog.get_logger()

_TRY_AGAIN = 2.0  # seconds

# Where files go, here and in the front door's template.
UPLOADS = re.compile(
    r"/(api/)?ingest/[^/]+/?|/api/template-media/register|/api/slots/[^/]+/test-run"
    r"|/admin/(templates|slots/[^/]+/(test|templates/[^/]+)|settings/logo/templates)"
)
# Photos, and what watches over us.
_NEED_NO_SEAT = re.compile(r"/(api/)?ingest/.*|/(healthz|readyz|metrics)", re.DOTALL)

_KEPT = KeptPaths(
    files=re.compile(r"/public/results/[^/]+(/(preview|before))?"),
    files_with_cookie=re.compile(r"/(g|wall)/[^/]+/p/[^/]+/(preview|original)"),
    pages=re.compile(r"/[reg]/[^/]+|/g/[^/]+/p/[^/]+"),
    photos=re.compile(r"/(api/)?ingest/"),
)


class _Application(FastAPI):
    """FastAPI, with every error described in the form that it really has."""

    def __init__(self, photo_work: PhotoWork, changes: Changes, **options: Any) -> None:
        super().__init__(**options)
        self._photo_work = photo_work
        self._kept = KeptAnswers(_KEPT, photo_work, changes)
        self._asked = self._kept.outside(super().__call__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is kept is given before the framework begins."""
        await self._asked(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        return in_our_form(super().openapi())

    def build_middleware_stack(self) -> ASGIApp:
        """Ours stands outside the framework's own, so that it sees what that raises."""
        inside = self._kept.inside(super().build_middleware_stack())
        return RequestContext(PhotosFirst(inside, self._photo_work, _NEED_NO_SEAT))


def create_app(settings: Settings, door: NodeDoor | None = None) -> FastAPI:
    """The application for ``settings``; nothing is opened before its lifespan starts."""
    stopping, photo_work, changes = Stopping(), PhotoWork(), Changes()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Services]]:
        async with open_services(settings, photo_work, changes, door) as services:
            services.add(stopping)
            services[Leader].stopping = stopping
            async with _at_work(services, photo_work):
                yield {"services": services}
            if stopping.is_set() and stopping.is_wanted:
                await services[StartNote].forget()

    app = _Application(
        photo_work,
        changes,
        title="PhotoChanger",
        version=__version__,
        summary="A self-hosted AI photo-booth appliance.",
        lifespan=lifespan,
        openapi_url=None,  # `appliance openapi` prints it; it is served to nobody without a login
    )
    app.add_middleware(LoginFirst)
    app.add_middleware(RequestLimits, files=UPLOADS)
    app.add_middleware(BoothRequestLog)
    error_handlers.install(app, guest_error_page)
    for router in _routers():
        # As they are: `include_router` makes each once more, at the first request (75 ms, 2026-11-28).
        app.router.routes.extend(router.routes)
    app.mount(MOUNT, PageHeaders(OnDemand(_pages)))
    app.state.stopping = stopping
    return app


def _pages() -> ASGIApp:
    """Staff's pages. No booth and no guest waits for what only they need: 0.1 s of a start, and 10 MB."""
    from appliance.admin.app import create_admin  # noqa: PLC0415 - see above

    return create_admin()


@asynccontextmanager
async def _at_work(services: Services, photo_work: PhotoWork) -> AsyncIterator[None]:
    """Take up what was there before requests come; later, if the database is away just now."""
    began = utcnow()
    later: asyncio.Task[None] | None = None
    try:
        await _take_up(services, began)
    except Exception as error:  # noqa: BLE001 - a database that is away must not keep us from starting
        log.warning("start.not_settled", error=type(error).__name__)
        later = asyncio.create_task(_take_up_later(services, began))
    keep_what_is_there()
    try:
        async with services[Metrics].watching(), giving_back(photo_work):
            yield
    finally:
        if later:
            later.cancel()


async def _take_up(services: Services, began: datetime) -> None:
    """Settle what a crash left, and learn what was known before. It can be repeated."""
    await services[Gate].begin()
    # Not what other processes work at: they hold their photos' folders.
    await services[Cleanup].settle_interrupted(before=began)
    await services[RouteRunner].keys.refresh()
    await services[RouteRunner].keys.pauses.load()
    await services[RouteRunner].timings.load()
    await services[RouteRunner].models.load()


async def _take_up_later(services: Services, began: datetime) -> None:
    """The same, again and again while the database is away."""
    while True:
        await asyncio.sleep(_TRY_AGAIN)
        try:
            await _take_up(services, began)
        except Exception as error:  # noqa: BLE001 - whatever keeps us from it now, it must be done
            log.info("start.not_settled", error=type(error).__name__)
        else:
            return


def _routers() -> list[APIRouter]:
    """Every address but those of staff's pages, by who asks for it."""
    booths = [ingest_routes.router]
    guests = [
        results_routes.router,
        picture_routes.router,
        answering_head(guest_routes.router),
        answering_head(gallery_pages.router),
    ]
    staff = [
        gallery_routes.router,
        event_routes.router,
        login_routes.router,
        token_routes.router,
        audit_routes.router,
        settings_routes.router,
        booth_key_routes.router,
        booth_routes.router,
        provider_key_routes.router,
        slots_routes.router,
        provider_routes.router,
        looks_routes.router,
        template_media_routes.router,
        slot_trial_routes.router,
        jobs_routes.router,
        job_trial_routes.router,
        job_picture_routes.router,
        backup_routes.router,
        disk_routes.router,
        issues_routes.router,
        preflight_routes.router,
        alert_routes.router,
        webhook_routes.router,
        pictures_routes.router,
        stats_routes.router,
    ]
    operators = [health.router, metrics_routes.router]
    return [*booths, *guests, *staff, *operators]
