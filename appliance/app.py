"""The web application: middleware, routers, error handlers, lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI

from appliance import __version__
from appliance.core import error_handlers, health
from appliance.core.clock import utcnow
from appliance.core.middleware import RequestContext
from appliance.ingest import routes as ingest_routes
from appliance.results import routes as results_routes
from appliance.results.pages import guest_error_page
from appliance.services import open_services
from appliance.settings import Settings

log = structlog.get_logger()


def create_app(settings: Settings) -> FastAPI:
    """The application for ``settings``; nothing is opened before its lifespan starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings) as services:
            app.state.services = services
            try:
                await services.cleanup.settle_interrupted(before=utcnow())
                await services.runner.timings.load()
            except Exception as error:  # noqa: BLE001 - a database that is away must not keep us from starting
                log.warning("start.not_settled", error=type(error).__name__)
            yield

    app = FastAPI(
        title="PhotoChanger",
        version=__version__,
        summary="A self-hosted AI photo-booth appliance.",
        lifespan=lifespan,
        openapi_url=None,  # `appliance openapi` prints it; it is served to nobody without a login
    )
    app.add_middleware(RequestContext)
    error_handlers.install(app, guest_error_page)
    app.include_router(ingest_routes.router)
    app.include_router(results_routes.router)
    app.include_router(health.router)
    return app
