"""Provider keys on the settings page: enter, test, use again, remove; each provider for itself."""

from __future__ import annotations

from fastapi import APIRouter, Response

from appliance.admin.errors import explained
from appliance.admin.headers import MOUNT
from appliance.admin.render import part
from appliance.admin.security import MayWriteSettings, PageContext
from appliance.admin.settings.page import whole_page
from appliance.admin.settings.provider_keys_view import KeyNotice, one_provider, said_of
from appliance.core.errors import NotFound, ValidationFailed
from appliance.core.validation import parsed
from appliance.staff.settings.provider_keys.schemas import NewProviderKey
from appliance.staff.settings.provider_keys.service import ProviderKeyService
from appliance.staff.settings.provider_keys.testing import KeyRefused
from appliance.staff.settings.service import OperatorSettingsService

router = APIRouter(prefix="/settings/keys")

_DONE = {"test": "", "use-again": "key_used_again", "remove": "key_removed"}  # and the notice of it


@router.post("/{provider}")
async def enter(provider: str, context: MayWriteSettings) -> Response:
    """Keep what was typed, or only test it."""
    keys, form = context.service(ProviderKeyService), await context.form()
    try:
        new = parsed(NewProviderKey, {"provider": provider, "key": form.text("key")})
        if form.text("do") == "test":
            said = said_of(context, provider, await keys.try_out(new), is_kept=False)
            return await _only_said(context, provider, said)
        view = await keys.add(new, context.person)
    except ValidationFailed as refused:
        if "provider" in (refused.fields or {}):
            raise NotFound from None
        error = (refused.fields or {}).get("key", refused.message)
        if form.text("do") == "test":
            return await _only_said(
                context, provider, KeyNotice(provider, "bad", context.language.message(error))
            )
        detail = refused.tested.detail if isinstance(refused, KeyRefused) else ""
        return await _answer(context, provider, KeyNotice(provider, "bad", detail=detail, error=error), 422)
    words = context.language.gettext("settings.keys.saved", ends_in=view.ends_in)
    assert view.last_test is not None  # noqa: S101 - it was asked for
    said = said_of(context, provider, view.last_test, is_new=True)
    return await _answer(context, provider, said, toast=words, notice="key_saved")


@router.post("/{provider}/{key_id}/{action}")
async def change(provider: str, key_id: str, action: str, context: MayWriteSettings) -> Response:
    """Test, use again or remove a key that is kept."""
    if action not in _DONE:
        raise NotFound
    keys, said = context.service(ProviderKeyService), None
    try:
        if action == "test":
            said = said_of(context, provider, await keys.test(key_id, context.person))
        elif action == "use-again":
            await keys.use_again(key_id, context.person)
        else:
            await keys.remove(key_id, context.person)
    except NotFound as gone:
        return await _answer(
            context, provider, KeyNotice(provider, "warn", explained(context, gone)["text"]), 422
        )
    notice = _DONE[action]
    toast = context.language.gettext(f"notice.{notice}") if notice else None
    return await _answer(context, provider, said, toast=toast, notice=notice)


async def _only_said(context: PageContext, provider: str, said: KeyNotice) -> Response:
    """A note beside the field, which keeps what was typed."""
    if context.is_htmx:
        return part(context, "_provider_keys_said.html", note=said)
    return await _answer(context, provider, said)


async def _answer(
    context: PageContext,
    provider: str,
    said: KeyNotice | None = None,
    status: int = 200,
    *,
    toast: str | None = None,
    notice: str = "",
) -> Response:
    """The provider's part anew; without scripts the whole page, or the way back to it."""
    if context.is_htmx:
        values = await one_provider(context, provider, said)
        return part(context, "_provider_keys.html", status=status, toast=toast, **values)
    if said is None or said.is_new:
        return context.redirect(f"{MOUNT}/settings#keys-{provider}", notice)
    state = await context.service(OperatorSettingsService).state()
    return await whole_page(context, state, status=status, said=said)
