"""The services behind the pages of slots, templates, pictures and jobs."""

from __future__ import annotations

from typing import Protocol

from fastapi import Request

from appliance.admin.services import AdminServices
from appliance.core.public_base import BoothsBase
from appliance.guests.guests import GuestPages
from appliance.providers.runner import RouteRunner
from appliance.staff.event.service import Event
from appliance.staff.jobs.service import JobService
from appliance.staff.pictures.archive import StaffArchive
from appliance.staff.pictures.gallery import Gallery
from appliance.staff.pictures.moderation import Moderation
from appliance.staff.pictures.service import StaffPictures
from appliance.staff.providers.catalog import ProviderCatalog
from appliance.staff.settings.address import Addresses
from appliance.staff.shared_galleries.service import GalleryDesk
from appliance.staff.template_media.service import TemplateMediaService
from appliance.staff.trials.service import Trials


class Desk(AdminServices, Protocol):
    """What these pages need; ``services.Services`` has all of it."""

    @property
    def runner(self) -> RouteRunner: ...
    @property
    def provider_catalog(self) -> ProviderCatalog: ...
    @property
    def template_media(self) -> TemplateMediaService: ...
    @property
    def jobs(self) -> JobService: ...
    @property
    def trials(self) -> Trials: ...
    @property
    def gallery(self) -> Gallery: ...
    @property
    def staff_archive(self) -> StaffArchive: ...
    @property
    def staff_pictures(self) -> StaffPictures: ...
    @property
    def addresses(self) -> Addresses: ...
    @property
    def booths(self) -> BoothsBase: ...
    @property
    def guests(self) -> GuestPages: ...
    @property
    def gallery_desk(self) -> GalleryDesk: ...
    @property
    def event(self) -> Event: ...
    @property
    def moderation(self) -> Moderation: ...


def desk_of(request: Request) -> Desk:
    """The services of the running appliance."""
    found: Desk = request.app.state.services
    return found
