"""Who may do what: every route of the app and every page, each beneath what it asks for.

A new one is added here. ``tests/integration/test_permissions_everywhere.py`` compares the table with the
app's own routers and tries each line as everybody who may not.
"""

from __future__ import annotations

from collections.abc import Iterable

ANYBODY = "anybody"
LINK = "a guest with the link"
BOOTH = "a booth with the ingest password"
SCRAPER = "a scraper with the metrics token"
ACCOUNT = "any account"

# A HEAD belongs to the GET of the same path.
WHO_MAY = {
    ANYBODY: """
        GET /healthz
        GET /readyz
        GET /
        GET /s
        GET /public/appliance
        GET /public/event/logo
        POST /api/login
        POST /api/refresh
        GET /admin/login
        POST /admin/login
        POST /admin/preferences
        POST /admin/logout
    """,
    SCRAPER: """
        GET /metrics
    """,
    BOOTH: """
        POST /api/ingest/{slot_id}
        POST /api/ingest/{slot_id}/
        POST /ingest/{slot_id}
        POST /ingest/{slot_id}/
    """,
    LINK: """
        GET /s/{code}
        GET /r/{job_id}
        GET /r/{job_id}/state
        GET /r/{job_id}/delete
        POST /r/{job_id}/delete
        GET /e/{token}
        GET /e/{token}/pictures.zip
        GET /public/results/{job_id}
        GET /public/results/{job_id}/preview
        GET /public/results/{job_id}/before
        GET /public/results/{job_id}/qr.{kind}
        GET /public/provider-media/{token}
        GET /g/{token}
        POST /g/{token}
        GET /g/{token}/live
        GET /g/{token}/qr.{code}
        GET /g/{token}/p/{name}
        GET /g/{token}/p/{name}/preview
        GET /g/{token}/p/{name}/original
        GET /wall/{token}
        GET /wall/{token}/live
        GET /wall/{token}/p/{name}/preview
    """,
    ACCOUNT: """
        GET /api/me
        POST /api/logout
        POST /api/logout-everywhere
        POST /api/password
        GET /admin/manual
        GET /admin/manual/{path:path}
        GET /admin/token
        POST /admin/logout-everywhere
        GET /admin/password
        POST /admin/password
    """,
    "slots:read": """
        GET /api/slots
        GET /api/slots/{slot_id}
        GET /api/slots/{slot_id}/history
        GET /api/slots/{slot_id}/history/{version}
        GET /api/providers
        GET /api/providers/model-change
        GET /api/looks
        GET /api/issues
        GET /api/preflight
        GET /admin/preflight
        GET /admin/preflight/state
        GET /admin/preflight/line
        GET /admin/
        GET /admin/dashboard/cards
        GET /admin/events
        GET /admin/dashboard/{slot_id}/addresses
        GET /admin/slots
        GET /admin/slots/{slot_id}
        POST /admin/slots/{slot_id}/form
        POST /admin/slots/{slot_id}/check
        POST /admin/slots/{slot_id}/machine
        POST /admin/slots/{slot_id}/config
        GET /admin/slots/{slot_id}/history
        GET /admin/slots/{slot_id}/history/{version}
    """,
    "slots:write": """
        POST /api/providers/model-change
        PUT /api/slots/{slot_id}
        POST /api/slots/{slot_id}/duplicate
        POST /api/slots/{slot_id}/history/{version}/restore
        POST /admin/model-change
        POST /admin/slots/{slot_id}
        POST /admin/slots/{slot_id}/history/{version}/restore
        POST /admin/slots/{slot_id}/duplicate
    """,
    "slots:pause": """
        POST /api/issues/{issue_id}/ignore
        POST /api/slots/{slot_id}/pause
        POST /api/slots/{slot_id}/resume
        PUT /api/alerts/silence
        DELETE /api/alerts/silence
        PUT /api/alerts/event
        DELETE /api/alerts/event
        POST /admin/settings/alerts/{span}
        POST /admin/dashboard/{slot_id}/{action}
        POST /admin/dashboard/issues/{issue_id}/ignore
    """,
    "slots:test": """
        POST /api/slots/{slot_id}/test-run
        POST /api/jobs/{job_id}/run-again
        POST /api/preflight
        POST /api/booths/simulations
        POST /admin/booths/simulations
        GET /admin/booths/simulations/{simulation_id}
        POST /admin/preflight
        POST /admin/slots/{slot_id}/test
        GET /admin/slots/{slot_id}/test/{job_id}
        POST /admin/jobs/{job_id}/run-again
    """,
    "results:read": """
        GET /api/gallery
        GET /api/gallery.zip
        GET /api/jobs/{job_id}/preview
        GET /api/jobs/{job_id}/result
        GET /api/jobs/{job_id}/source
        GET /api/shared-galleries
        GET /api/shared-galleries/{gallery_id}
        GET /api/shared-galleries/{gallery_id}/waiting
        GET /api/event
        POST /api/event/export
        GET /admin/dashboard/{slot_id}/gallery
        GET /admin/pictures/{job_id}
        GET /admin/gallery
        POST /admin/gallery/poll
        GET /admin/gallery/{job_id}/card
        GET /admin/gallery/{job_id}/code
        GET /admin/gallery/{job_id}/code.svg
        POST /admin/gallery/zip
        GET /admin/gallery/zip
        GET /admin/gallery/{job_id}/preview
        GET /admin/gallery/{job_id}/result
        GET /admin/gallery/{job_id}/download
        GET /admin/gallery/{job_id}/source
        GET /admin/screens
        GET /admin/screens/list
        GET /admin/screens/{gallery_id}/sheet
        GET /admin/event
        GET /admin/event/state
        POST /admin/event/export
    """,
    "results:write": """
        DELETE /api/jobs/{job_id}/result
        POST /api/jobs/{job_id}/hide
        POST /api/jobs/{job_id}/unhide
        POST /api/jobs/{job_id}/undelete
        POST /api/shared-galleries
        POST /api/shared-galleries/{gallery_id}/open
        DELETE /api/shared-galleries/{gallery_id}
        POST /api/disk/free
        POST /admin/dashboard/disk/free
        POST /admin/dashboard/{slot_id}/gallery
        POST /admin/gallery/{job_id}/{action}
        POST /admin/screens
        POST /admin/screens/pin
        POST /admin/screens/{gallery_id}/open
        POST /admin/screens/{gallery_id}/close
    """,
    "results:moderate": """
        POST /api/shared-galleries/approvals
        GET /admin/screens/queue
        GET /admin/screens/queue/{job_id}/picture
        POST /admin/screens/queue/poll
        POST /admin/screens/queue/{job_id}/{decision}
    """,
    "jobs:read": """
        GET /api/jobs
        GET /api/jobs/{job_id}
        GET /api/stats/slots
        GET /api/booths/requests
        GET /admin/booths
        GET /admin/booths/list
        GET /api/stats/costs
        GET /api/disk
        GET /admin/jobs
        GET /admin/jobs/{job_id}
        GET /admin/dashboard/cost
    """,
    "media:read": """
        GET /api/template-media
        GET /api/template-media/{media_id}
        GET /api/template-media/{media_id}/preview
        GET /admin/templates
        GET /admin/templates/{media_id}/preview
        GET /admin/templates/{media_id}
        GET /admin/slots/{slot_id}/templates/{role}
    """,
    "media:write": """
        POST /api/template-media/register
        PATCH /api/template-media/{media_id}
        DELETE /api/template-media/{media_id}
        POST /admin/templates
        POST /admin/templates/{media_id}/rename
        POST /admin/templates/{media_id}/delete
        POST /admin/slots/{slot_id}/templates/{role}
        POST /admin/settings/logo/templates
    """,
    "settings:read": """
        GET /api/backups
        GET /admin/backups
        GET /admin/backups/state
        GET /api/settings
        GET /api/settings/ttl-preview
        GET /api/settings/provider-keys
        GET /api/alerts
        GET /admin/settings/alerts
        GET /api/webhooks
        GET /admin/settings/webhooks
        GET /api/booth-keys
        GET /admin/settings
        GET /admin/settings/ttl-preview
        GET /admin/settings/logo/templates
    """,
    "settings:write": """
        PUT /api/backups/target
        POST /api/backups/target/test
        POST /api/backups/target/take-over
        DELETE /api/backups/target
        GET /api/backups/target/files
        POST /api/backups/make
        POST /api/backups/send
        POST /api/backups/prove
        GET /admin/backups/files
        GET /admin/backups/kit
        POST /admin/backups/target
        POST /admin/backups/target/{action}
        POST /admin/backups/{work}
        POST /api/event/wipe
        PUT /api/settings
        POST /api/settings/ingest-password/suggest
        POST /api/booth-keys
        POST /admin/booths/keys
        POST /admin/booths/keys/{key_id}
        POST /admin/booths/keys/{key_id}/revoke
        PATCH /api/booth-keys/{key_id}
        DELETE /api/booth-keys/{key_id}
        POST /api/settings/provider-keys
        POST /api/webhooks
        DELETE /api/webhooks/{webhook_id}
        POST /admin/settings/webhooks
        POST /admin/settings/webhooks/{webhook_id}/remove
        POST /api/alerts/channels
        PUT /api/alerts/channels/{channel_id}
        DELETE /api/alerts/channels/{channel_id}
        POST /api/alerts/channels/{channel_id}/test
        POST /admin/settings/alerts/channels
        POST /admin/settings/alerts/channels/{channel_id}/{action}
        POST /api/settings/provider-keys/test
        DELETE /api/settings/provider-keys/{key_id}
        POST /api/settings/provider-keys/{key_id}/test
        POST /api/settings/provider-keys/{key_id}/use-again
        GET /admin/settings/address
        GET /admin/dashboard/address
        POST /admin/dashboard/address
        POST /admin/settings/logo
        POST /admin/settings/password/suggest
        POST /admin/settings/password
        POST /admin/settings/{key}
        POST /admin/settings/keys/{provider}
        POST /admin/settings/keys/{provider}/{key_id}/{action}
        POST /admin/event/wipe
    """,
    "audit:read": """
        GET /api/audit
        GET /admin/audit
    """,
    "tokens:write": """
        GET /api/tokens
        POST /api/tokens
        DELETE /api/tokens/{token_id}
        GET /admin/settings/tokens
        POST /admin/settings/tokens
        POST /admin/settings/tokens/{token_id}/revoke
    """,
}
_UUID = "5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"
# What stands in a path where the table has a name in braces: of the right form, and of nothing that is there.
VALUES = {
    **dict.fromkeys(
        ("job_id", "media_id", "gallery_id", "token_id", "channel_id", "webhook_id", "name"), _UUID
    ),
    "slot_id": "slot-011",
    "key_id": "1",
    "simulation_id": "0f0f0f0f0f0f0f0f",
    "issue_id": "1",
    "span": "silence",
    "version": "1",
    "provider": "gemini",
    "role": "overlay",
    "key": "event",
    "work": "nothing",
    "action": "delete",
    "decision": "approve",
    "kind": "svg",
    "token": "AAAAAAAAAAAAAAAAAAAAAA",
    "code": "svg",
    "path": "nothing",
}

Route = tuple[str, str]  # method and path


def listed(who: str) -> list[Route]:
    """Method and path of all that stands beneath ``who``, as the table has them."""
    lines = (line.split() for line in WHO_MAY[who].splitlines() if line.strip())
    return [(method, path) for method, path in lines]


def asked(routes: Iterable[Route]) -> list[Route]:
    """``routes`` as they can be asked for."""
    return [(method, path.replace(":path}", "}").format(**VALUES)) for method, path in routes]
