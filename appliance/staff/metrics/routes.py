"""``GET /metrics``, for Prometheus: with the token of this installation, or from the networks of ops."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from appliance.core.clients import client_address
from appliance.core.errors import ErrorCode, NotFound
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.metrics.service import Metrics

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        200: {
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "description": "In Prometheus's text format",
        },
        **error_responses(ErrorCode.NOT_FOUND),
    },
)
async def metrics(request: Request, service: Injected[Metrics]) -> Response:
    """For whoever sends the token that `appliance show-metrics-token` prints; others find nothing here.

    Names and meanings are in `docs/ops/monitoring.md`. No job, guest or key is in a label.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not service.may_read(client_address(request), token if scheme.lower() == "bearer" else ""):
        raise NotFound  # guests share the network: for them it is not there
    return Response(await service.exposition(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
