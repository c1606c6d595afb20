"""The pages as an application of their own, mounted at ``/admin`` and loaded when it is first asked for.

A new page is a module with a ``router`` in the room of the same name as in ``staff/``, a line in
``SCREENS``, a template beside it, and its words in both catalogs. Its routes take a
``context: MayReadSlots`` (``security.py``), call a service and answer with ``render.page`` or
``render.part``. Changes need no more for their protection: ``protect`` stands before every route.
"""

from __future__ import annotations

from fastapi import Depends, FastAPI

from appliance.admin import errors
from appliance.admin.alerts import page as alerts
from appliance.admin.audit import page as audit
from appliance.admin.backups import page as backups
from appliance.admin.booths import page as booths
from appliance.admin.booths import simulator as booth_simulator
from appliance.admin.dashboard import address_note, disk, issues
from appliance.admin.dashboard import page as dashboard
from appliance.admin.event import page as event
from appliance.admin.jobs import page as jobs
from appliance.admin.login import account
from appliance.admin.login import page as login
from appliance.admin.manual import page as manual
from appliance.admin.pictures import page as pictures
from appliance.admin.pictures import view as previews
from appliance.admin.preflight import page as preflight
from appliance.admin.security import PasswordMustChange, protect
from appliance.admin.settings import page as settings
from appliance.admin.settings import previews as settings_previews
from appliance.admin.settings import provider_keys
from appliance.admin.shared_galleries import approval
from appliance.admin.shared_galleries import page as shared_galleries
from appliance.admin.slots import history as slot_history
from appliance.admin.slots import model_change
from appliance.admin.slots import page as slots
from appliance.admin.slots import shared_gallery as slot_gallery
from appliance.admin.slots import trial as slot_trial
from appliance.admin.slots import workflows as slot_workflows
from appliance.admin.template_media import page as template_media
from appliance.admin.tokens import page as tokens
from appliance.admin.webhooks import page as webhooks
from appliance.core import error_handlers
from appliance.core.routing import answering_head

SCREENS = (
    login,
    account,
    slot_gallery,
    address_note,
    disk,
    issues,
    dashboard,
    previews,
    provider_keys,
    model_change,
    slots,
    slot_history,
    slot_trial,
    slot_workflows,
    pictures,
    approval,
    shared_galleries,
    booths,
    booth_simulator,
    event,
    jobs,
    template_media,
    settings_previews,
    tokens,
    alerts,
    webhooks,
    settings,
    backups,
    preflight,
    audit,
    manual,
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
