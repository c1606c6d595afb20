"""``/api/tokens``."""

from __future__ import annotations

import uuid

from fastapi import APIRouter

from appliance.accounts.api_tokens import ApiTokens
from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, MayWriteTokens
from appliance.staff.tokens.schemas import MadeToken, NewToken, TokenList, TokenView

router = APIRouter(prefix="/api/tokens", tags=["accounts"])

_WRONG = (*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED)

Tokens = Injected[ApiTokens]


@router.get("", summary="The API tokens", responses=error_responses(*AUTH_ERRORS))
async def all_tokens(_: MayWriteTokens, tokens: Tokens) -> TokenList:
    """Every account's, those that expired in the last 30 days included: never a token itself."""
    return TokenList(tokens=[TokenView.model_validate(one) for one in await tokens.all()])


@router.post("", status_code=201, summary="Make an API token", responses=error_responses(*_WRONG))
async def make(who: MayWriteTokens, tokens: Tokens, body: NewToken) -> MadeToken:
    """A key for a script, sent as `Authorization: Bearer`. It may do what its scopes say, as far as its
    maker may still do it.
    """
    row, text = await tokens.make(body.name, body.scopes, body.expires_at, who)
    return MadeToken.from_object(row, token=text)


@router.delete(
    "/{token_id}",
    status_code=204,
    summary="Revoke an API token",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.NOT_FOUND),
)
async def revoke(token_id: uuid.UUID, who: MayWriteTokens, tokens: Tokens) -> None:
    """Ends it at once, and those that it made."""
    await tokens.revoke(token_id, who)
