"""The settings page (UC0): section by section, each saved on its own."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.forms import Form
from appliance.admin.headers import MOUNT
from appliance.admin.render import page, part
from appliance.admin.security import MayReadSettings, MayWriteSettings, PageContext
from appliance.admin.settings.models_view import KnownModel, known_models
from appliance.admin.settings.previews import logo_of
from appliance.admin.settings.provider_keys_view import key_values
from appliance.admin.settings.section_list import SECTIONS, Section
from appliance.admin.settings.sections import (
    BY_KEY,
    TRANSPORTS,
    FilledSection,
    filled,
    seen_versions,
    typed_values,
)
from appliance.core.errors import NotFound, ValidationFailed, VersionConflict
from appliance.core.language import languages
from appliance.core.public_base import DeploymentUrls
from appliance.core.validation import parsed
from appliance.providers.registry import DEFAULT_URLS
from appliance.providers.runner import RouteRunner
from appliance.settings.operator import USUAL_PERMITS
from appliance.staff.providers.catalogue import ProviderCatalogue
from appliance.staff.settings.schemas import LONGEST_OVERLAP_MINUTES, SettingsState, SettingsUpdate
from appliance.staff.settings.service import OperatorSettingsService
from appliance.staff.template_media.service import TemplateMediaService

router = APIRouter(prefix="/settings")

PAGE = f"{MOUNT}/settings"
_PASSWORD_FIELDS = {"ingest_password.password": "password", "ingest_password": "password"}


def _password_values(state: SettingsState, **more: Any) -> dict[str, Any]:
    """What the section of the ingest password shows."""
    empty: dict[str, Any] = {"suggested": "", "overlap": "", "fields": {}, "shown_once": None}
    return {"state": state, "longest_overlap": LONGEST_OVERLAP_MINUTES, **(empty | more)}


async def _known_models(context: PageContext, shown: list[FilledSection]) -> dict[str, list[KnownModel]]:
    """The models by provider, as the settings have them now."""
    if not any(one.key == "models" for one in shown):
        return {}
    await context.service(ProviderCatalogue).all()  # which reads the settings
    state = await context.service(OperatorSettingsService).state()
    hidden = state.settings["hidden_models"].value or {}
    catalogue = context.service(RouteRunner).registry.catalogue
    return known_models(catalogue, hidden, context.language)


async def _extras(context: PageContext, shown: list[FilledSection]) -> dict[str, Any]:
    """What the inputs of these sections need beside their values."""
    chosen = next((one.value for filled in shown for one in filled.inputs if one.setting.kind == "logo"), "")
    return {
        "public_base": context.service(DeploymentUrls).configured,
        "guest_languages": {code: language.name for code, language in languages("guests").items()},
        "logo": logo_of(await context.service(TemplateMediaService).all(), chosen) if chosen else None,
        "usual_urls": DEFAULT_URLS,
        "usual_permits": USUAL_PERMITS,
        "fixed_urls": context.service(RouteRunner).registry.fixed_urls,
        "transports": TRANSPORTS,
        "known_models": await _known_models(context, shown),
        "uploads_refused": await context.service(OperatorSettingsService).uploads_refused(),
    }


async def whole_page(
    context: PageContext, state: SettingsState, *, status: int = 200, **changed: Any
) -> Response:
    """The whole page; ``changed`` may hold one section as it was typed in, the password's
    values, or what is said of a provider's keys.
    """
    other: FilledSection | None = changed.get("section")
    sections = {
        section.key: other if other and other.key == section.key else filled(section, state)
        for section in SECTIONS
        if not section.page or (other and other.key == section.key)
    }
    return page(
        context,
        "settings.html",
        status=status,
        sections=sections,
        password=changed.get("password") or _password_values(state),
        may_write=context.may("settings:write"),
        **await key_values(context, changed.get("said")),
        **await _extras(context, list(sections.values())),
    )


@router.get("")
async def settings_page(context: MayReadSettings) -> Response:
    """All sections."""
    return await whole_page(context, await context.service(OperatorSettingsService).state())


@router.post("/password/suggest")
async def suggest(context: MayWriteSettings) -> Response:
    """A password that can be read aloud, put into the field; nothing is changed."""
    made = context.service(OperatorSettingsService).suggest_password()
    return part(context, "_password_input.html", value=made, error=None, may_write=True)


@router.post("/password")
async def change_password(context: MayWriteSettings) -> Response:
    """Rotate the ingest password; it is shown this once."""
    form = await context.form()
    typed = form.get("password", "")
    overlap = form.text("previous_valid_minutes").replace(",", ".")
    wanted: dict[str, Any] = {"ingest_password": {"password": typed}}
    if overlap:
        wanted["ingest_password"]["previous_valid_minutes"] = overlap
    try:
        state = await context.service(OperatorSettingsService).update(
            parsed(SettingsUpdate, wanted), context.person
        )
    except ValidationFailed as refused:
        fields = {
            _PASSWORD_FIELDS.get(name, name.rpartition(".")[2]): text
            for name, text in (refused.fields or {}).items()
        }
        state = await context.service(OperatorSettingsService).state()
        values = _password_values(state, suggested=typed, overlap=overlap, fields=fields)
        return await _password_answer(context, values, 422)
    return await _password_answer(context, _password_values(state, shown_once=typed))


async def _password_answer(context: PageContext, values: dict[str, Any], status: int = 200) -> Response:
    if not context.is_htmx:
        return await whole_page(context, values["state"], status=status, password=values)
    toast = None if status != 200 else context.language.gettext("settings.password.changed")
    return part(
        context,
        "_settings_password.html",
        status=status,
        toast=toast,
        password=values,
        may_write=True,
        section=BY_KEY["password"],
    )


@router.post("/{key}")
async def save(key: str, context: MayWriteSettings) -> Response:
    """Save one section, all of it or nothing."""
    section = BY_KEY.get(key)
    if section is None or not section.settings:
        raise NotFound
    form = await context.form()
    values = typed_values(section, form, await context.service(OperatorSettingsService).state())
    if key == "keeping":
        values["apply_to_existing"] = form.checked("apply_to_existing")
    try:
        state = await context.service(OperatorSettingsService).update(
            parsed(SettingsUpdate, values), context.person, seen=seen_versions(section, form)
        )
    except (ValidationFailed, VersionConflict) as refused:
        return await _refused(context, section, form, refused)
    if not context.is_htmx:
        return context.redirect(f"{PAGE}/{section.page}#{key}".replace("/#", "#"), "settings_saved")
    title = context.language.gettext(f"settings.section.{key}.title")
    toast = context.language.gettext("settings.saved", section=title)
    return await _section_answer(context, filled(section, state), toast=toast)


async def _refused(
    context: PageContext,
    section: Section,
    form: Form,
    refused: ValidationFailed | VersionConflict,
) -> Response:
    """The section as it was typed in, with what is wrong with it or who was faster."""
    state = await context.service(OperatorSettingsService).state()
    conflict = isinstance(refused, VersionConflict)
    fields = {} if conflict else refused.fields or {}
    shown = filled(section, state, typed=form, fields=fields, conflict=conflict)
    if not context.is_htmx:
        return await whole_page(context, state, status=refused.status_code, section=shown)
    return await _section_answer(context, shown, status=refused.status_code)


async def _section_answer(
    context: PageContext, shown: FilledSection, *, status: int = 200, toast: str | None = None
) -> Response:
    return part(
        context,
        "_settings_section.html",
        status=status,
        toast=toast,
        filled=shown,
        may_write=True,
        **await _extras(context, [shown]),
    )
