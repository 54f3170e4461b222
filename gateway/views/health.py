"""Whether the gateway is alive, and whether it can serve."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from ...client.protocol.errors import BrokerUnreachable, PlcmqError
from ..front.flight import flight_of
from ..front.problems import problem
from .asking import Asking, respond

READY_WITHIN: Final = 2.0  # seconds in which the broker must answer


def routes(asking: Asking) -> APIRouter:
    """The views that supervisors and balancers ask."""
    router = APIRouter(tags=["plant"])

    @router.get("/healthz", operation_id="get_health")
    async def get_health(request: Request) -> Response:
        """Whether this process is alive."""
        return respond(request, {"alive": True})

    @router.get("/readyz", operation_id="get_readiness")
    async def get_readiness(request: Request) -> Response:
        """Whether the broker answers, and if not, why."""
        try:
            async with asyncio.timeout(READY_WITHIN):
                await asking.plc.ping()
        except (PlcmqError, TimeoutError):
            error = BrokerUnreachable(asking.plc.endpoint, READY_WITHIN)
            return problem(error, flight_of(request.scope).id)
        return respond(request, {"ready": True})

    return router
