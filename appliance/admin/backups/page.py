"""Backups: what there is, where they go beside this machine, whether one was proven; the emergency kit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.backups.kit import kit_of
from appliance.admin.forms import Form
from appliance.admin.headers import MOUNT
from appliance.admin.render import page, part
from appliance.admin.security import MayReadSettings, MayWriteSettings, PageContext
from appliance.backups.target import KINDS, TargetTest
from appliance.core.errors import NotFound, ValidationFailed
from appliance.core.validation import parsed
from appliance.staff.backups.commands import Work
from appliance.staff.backups.schemas import BackupsState, NewTarget, TargetView
from appliance.staff.backups.service import Backups, TargetRefused

router = APIRouter(prefix="/backups")

PAGE = f"{MOUNT}/backups"
_WORK: Mapping[str, Work] = {"make": "backup", "send": "send", "prove": "prove"}
_ADDRESS = {
    "folder": ("path",),
    "sftp": ("host", "port", "user", "path"),
    "s3": ("endpoint", "bucket", "prefix", "region"),
}
_SECRETS = {"folder": (), "sftp": ("password", "private_key"), "s3": ("access_key", "secret_key")}
_USUAL = {"port": "22", "region": "us-east-1", "keep": "7"}


@dataclass(frozen=True, slots=True)
class TargetForm:
    """The form as it stands, and what is wrong with it."""

    kind: str
    values: Mapping[str, str]
    errors: Mapping[str, str]
    tested: TargetTest | None = None
    saved: bool = False

    @property
    def fields(self) -> list[str]:
        """What is asked for of this kind."""
        return [*_ADDRESS[self.kind], *_SECRETS[self.kind]]


@router.get("")
async def backups_page(context: MayReadSettings, kind: str = "") -> Response:
    """The page."""
    state = await context.service(Backups).state()
    return _page(context, state, _as_it_is(state.target, kind))


@router.get("/state")
async def state_now(context: MayReadSettings) -> Response:
    """What there is and what is at work."""
    return part(context, "_backups_state.html", **_shared(context, await context.service(Backups).state()))


@router.get("/files")
async def files(context: MayWriteSettings) -> Response:
    """What is at the target: asks it."""
    try:
        found, problem = await context.service(Backups).at_target(), ""
    except (ValidationFailed, NotFound) as failed:
        found, problem = [], failed.message
    return part(context, "_backups_files.html", found=found, problem=problem)


@router.get("/kit")
async def kit(context: MayWriteSettings) -> Response:
    """One page to print: what it takes to restore on another machine."""
    state = await context.service(Backups).state()
    return page(context, "backup_kit.html", kit=await kit_of(context), state=state, backups=PAGE)


@router.post("/target")
async def set_target(context: MayWriteSettings) -> Response:
    """Keep what was typed, or only try it."""
    backups, form = context.service(Backups), await context.form()
    kind = form.text("kind") if form.text("kind") in KINDS else KINDS[0]
    values = {name: form.text(name) for name in form if name not in _SECRETS[kind]}
    try:
        new = _typed(kind, form)
        if form.text("do") == "test":
            tested = await backups.try_out(new)
            return await _target(context, TargetForm(kind, values, {}, tested))
        tested = await backups.set_target(new, context.person)
    except TargetRefused as refused:
        return await _target(context, TargetForm(kind, values, {}, refused.tested), status=422)
    except ValidationFailed as refused:
        errors = {name.rpartition(".")[2]: text for name, text in (refused.fields or {}).items()}
        return await _target(context, TargetForm(kind, values, errors), status=422)
    state = await backups.state()
    shown = _as_it_is(state.target, "")
    return await _target(context, TargetForm(shown.kind, shown.values, {}, tested, saved=True))


@router.post("/target/{action}")
async def change_target(action: str, context: MayWriteSettings) -> Response:
    """Take it over, or forget it."""
    backups, tested = context.service(Backups), None
    try:
        if action == "take-over":
            tested = await backups.take_over(context.person)
        elif action == "forget":
            await backups.forget_target(context.person)
        else:
            raise NotFound
    except TargetRefused as refused:
        tested = refused.tested
    state = await backups.state()
    shown = _as_it_is(state.target, "")
    return await _target(
        context, TargetForm(shown.kind, shown.values, {}, tested, saved=bool(tested and tested.ok))
    )


@router.post("/{work}")
async def begin(work: str, context: MayWriteSettings) -> Response:
    """Have it done now."""
    if work not in _WORK:
        raise NotFound
    backups = context.service(Backups)
    await backups.begin(_WORK[work], context.person)
    if not context.is_htmx:
        return context.redirect(PAGE)
    return part(context, "_backups_state.html", **_shared(context, await backups.state()))


def _typed(kind: str, form: Form) -> NewTarget:
    address = {name: form.text(name) for name in _ADDRESS[kind] if form.text(name)}
    secrets = {name: form.text(name) for name in _SECRETS[kind] if form.text(name)}
    values = {
        "address": {"kind": kind, **address},
        "secrets": secrets,
        "keep": form.text("keep"),
        "most_kilobytes": form.text("most_kilobytes") or None,
        "trust_new_host_key": form.checked("trust_new_host_key"),
    }
    return parsed(NewTarget, values)


def _as_it_is(target: TargetView | None, kind: str) -> TargetForm:
    """The form for what is kept; empty for another kind."""
    if target is None or kind not in {"", target.address.kind}:
        chosen = kind if kind in KINDS else KINDS[0]
        return TargetForm(chosen, _USUAL, {})
    kept = target.address.model_dump(mode="json")
    values = {name: str(value) for name, value in kept.items()}
    values |= {"keep": str(target.keep), "most_kilobytes": str(target.most_kilobytes or "")}
    return TargetForm(target.address.kind, values, {})


async def _target(context: PageContext, form: TargetForm, status: int = 200) -> Response:
    """The form anew, and beside it what there is now."""
    state = await context.service(Backups).state()
    if not context.is_htmx:
        return _page(context, state, form, status)
    shown = _shared(context, state) | {"form": form, "oob": True}
    return part(context, "_backup_target.html", status=status, **shown)


def _page(context: PageContext, state: BackupsState, form: TargetForm, status: int = 200) -> Response:
    return page(context, "backups.html", status=status, form=form, **_shared(context, state))


def _shared(context: PageContext, state: BackupsState) -> dict[str, Any]:
    return {
        "state": state,
        "may_write": context.may("settings:write"),
        "backups": PAGE,
        "oob": False,
        "kinds": KINDS,
        "secrets": {name for names in _SECRETS.values() for name in names},
    }
