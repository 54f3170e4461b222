"""The metrics, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ..exposition.metrics import Metrics
from ..exposition.text import CONTENT_TYPE


def routes(metrics: Metrics) -> APIRouter:
    """The view of the metrics."""
    router = APIRouter(tags=["plant"])

    @router.get(
        "/metrics",
        operation_id="get_metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def get_metrics() -> Response:
        """Numbers of broker, hosts, devices and gateway, in Prometheus' text format."""
        return Response(await metrics.text(), 200, {"Cache-Control": "no-store"}, CONTENT_TYPE)

    return router
