"""What the audit log may hold: a closed list, so that every entry has its words on the audit page."""

from __future__ import annotations

from typing import Literal, get_args

AuditAction = Literal[
    "login.succeeded",
    "login.refused",
    "login.throttled",
    "logout",
    "logout.everywhere",
    "session.refresh_reused",
    "account.password_changed",
    "account.password_refused",
    "token.made",
    "token.revoked",
    "settings.changed",
    "ingest_password.rotated",
    "ingest_password.refused",
    "provider_key.added",
    "provider_key.removed",
    "provider_key.used_again",
    "provider_key.set_aside",
    "slot.saved",
    "slot.paused",
    "slot.resumed",
    "slot.duplicated",
    "slot.restored",
    "slot.model_changed",
    "slot.tested",
    "job.run_again",
    "template_media.registered",
    "template_media.renamed",
    "template_media.deleted",
    "result.hidden",
    "result.unhidden",
    "result.deleted",
    "result.undeleted",
    "result.code_guessed",
    "disk.freed",
    "gallery.opened",
    "gallery.closed",
    "gallery.picture_approved",
    "gallery.picture_rejected",
    "gallery.picture_undecided",
    "gallery.pin_guessed",
    "event.exported",
    "event.wiped",
    "issue.ignored",
    "issue.told_again",
    "signing_key.rotated",
    "encryption_key.rotated",
]
ACTIONS: tuple[AuditAction, ...] = get_args(AuditAction)
# What actions have in common before the point: asking for it finds all of them.
GROUPS = tuple(dict.fromkeys(action.partition(".")[0] for action in ACTIONS))
