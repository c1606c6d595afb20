"""The services that the pages call, as ``appliance.services`` hands them over."""

from __future__ import annotations

from typing import Protocol

from fastapi import Request

from appliance.accounts.audit import AuditTrail
from appliance.accounts.login import LoginService
from appliance.accounts.sessions import SessionService
from appliance.admin.dashboard.board import Board
from appliance.housekeeping.disk_guard import DiskGuard
from appliance.staff.pictures.service import StaffPictures
from appliance.staff.provider_keys.service import ProviderKeyService
from appliance.staff.providers.warm_up import WarmUp
from appliance.staff.settings.service import OperatorSettingsService
from appliance.staff.slots.editor import SlotEditor


class AdminServices(Protocol):
    """What a page may need; ``services.Services`` has all of it."""

    @property
    def sessions(self) -> SessionService: ...
    @property
    def login(self) -> LoginService: ...
    @property
    def audit(self) -> AuditTrail: ...
    @property
    def operator_settings(self) -> OperatorSettingsService: ...
    @property
    def provider_keys(self) -> ProviderKeyService: ...
    @property
    def slot_editor(self) -> SlotEditor: ...
    @property
    def staff_pictures(self) -> StaffPictures: ...
    @property
    def warm_up(self) -> WarmUp: ...
    @property
    def disk_guard(self) -> DiskGuard: ...
    @property
    def board(self) -> Board: ...
    @property
    def public_base(self) -> str | None: ...


def services_of(request: Request) -> AdminServices:
    """The services of the running appliance."""
    found: AdminServices = request.app.state.services
    return found
