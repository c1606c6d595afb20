"""The pages as an application of their own, mounted at ``/admin``.

A new page is a module with a ``router``, a line in ``SCREENS``, a template, and its words in both
catalogs. Its routes take ``Annotated[Visit, Depends(allowed("…"))]``, call a service and answer
with ``render.page`` or ``render.part``. Changes need no more for their protection: ``protect``
stands before every route.
"""

from __future__ import annotations

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from appliance.admin import audit, errors
from appliance.admin.dashboard import address_note, disk
from appliance.admin.dashboard import page as dashboard
from appliance.admin.door import account, login
from appliance.admin.door.headers import PageHeaders
from appliance.admin.door.security import PasswordMustChange, protect
from appliance.admin.event import end as event_end
from appliance.admin.event import galleries as shared_galleries
from appliance.admin.jobs import page as jobs
from appliance.admin.pictures import approval as moderation
from appliance.admin.pictures import page as gallery
from appliance.admin.pictures import templates as template_media
from appliance.admin.pictures import view as pictures
from appliance.admin.settings import page as settings
from appliance.admin.settings import previews as settings_previews
from appliance.admin.settings import provider_keys
from appliance.admin.slots import gallery as slot_gallery
from appliance.admin.slots import history as slot_history
from appliance.admin.slots import page as slots
from appliance.admin.slots import trial as slot_test
from appliance.core import error_handlers
from appliance.core.routing import answering_head

SCREENS = (
    login,
    account,
    slot_gallery,
    address_note,
    disk,
    dashboard,
    pictures,
    provider_keys,
    slots,
    slot_history,
    slot_test,
    gallery,
    moderation,
    shared_galleries,
    event_end,
    jobs,
    template_media,
    settings_previews,
    settings,
    audit,
)


def create_admin() -> FastAPI:
    """The application of the pages."""
    admin = FastAPI(
        title="PhotoChanger pages",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(protect)],
    )
    error_handlers.install(admin, errors.error_page)
    admin.add_exception_handler(PasswordMustChange, errors.must_change)  # type: ignore[arg-type]
    for screen in SCREENS:
        admin.include_router(answering_head(screen.router))
    return admin


def with_headers(admin: FastAPI) -> ASGIApp:
    """What is mounted: the pages, and around them what every answer carries."""
    return PageHeaders(admin)
