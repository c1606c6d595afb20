"""API tokens and booth keys that were revoked here stay revoked, though a backup still has them in force.

Of a booth's key its row says so. A token's row is gone; the audit log says which it was, and so its line
is carried over, too: a second restore knows of it again.
"""

from __future__ import annotations

from typing import Any

_SET_ASIDE = {
    "booth_key": "create temp table booth_key_aside on commit drop as "
    "select * from booth_key where revoked_at is not null",
    "audit_log": "create temp table audit_log_aside on commit drop as "
    "select at, actor, action, subject, address, detail from audit_log where action = 'token.revoked'",
}
_REVOKE_AGAIN = {
    "booth_key": """
        insert into booth_key
            (id, name, digest, ends_in, slots, created_at, created_by, revoked_at, revoked_by)
        select id, name, digest, ends_in, slots, created_at, created_by, revoked_at, revoked_by
        from booth_key_aside
        on conflict (id) do update set revoked_at = excluded.revoked_at, revoked_by = excluded.revoked_by
    """,
    "audit_log": """
        with revoked as (
            select token.id from api_token token join audit_log_aside said
            on said.subject = token.name and said.detail->>'of' = token.username
            where said.at > token.created_at  -- a later one may have the name again
        ), gone as (
            delete from api_token using revoked where revoked.id in (api_token.id, api_token.made_with)
        )
        insert into audit_log (at, actor, action, subject, address, detail)
        select at, actor, action, subject, address, detail from audit_log_aside said where not exists (
            select 1 from audit_log there where (there.at, there.action, there.subject)
            = (said.at, said.action, said.subject)
        )
    """,
}


async def set_aside(connection: Any) -> list[str]:
    """Keep what was revoked here; what ``revoke_again`` is told, in the same transaction."""
    there = [table for table in _SET_ASIDE if await connection.fetchval("select to_regclass($1)", table)]
    for table in there:
        await connection.execute(_SET_ASIDE[table])
    return there


async def revoke_again(connection: Any, kept: list[str]) -> None:
    """Revoke in this version's tables what was ``kept``."""
    for table in kept:
        await connection.execute(_REVOKE_AGAIN[table])
