"""What concerns no single device: the gateway itself, its broker, and what became of commands."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from ..front.middleware import MAX_BODY
from .asking import Asking, Timeout, respond


def routes(asking: Asking, *, read_only: bool) -> APIRouter:
    """The views of the plant as a whole."""
    router = APIRouter(tags=["plant"])

    @router.get("/api/v1", operation_id="get_gateway")
    async def get_gateway(request: Request, timeout: Timeout = None) -> Response:
        """Versions, limits and links, and what the broker says of itself."""
        info = (await asking.reply(request, "info", timeout=timeout)).value()
        links = {
            name: f"{request.scope.get('root_path', '')}{path}"
            for name, path in {
                "devices": "/api/v1/devices",
                "profiles": "/api/v1/profiles",
                "live": "/api/v1/live",
                "documentation": "/docs",
                "openapi": "/openapi.json",
                "metrics": "/metrics",
            }.items()
        }
        content = {
            "version": version("plcmq"),
            "read_only": read_only,
            "limits": {"body_bytes": MAX_BODY},
            "links": links,
            "broker": info,
        }
        return respond(request, content)

    @router.get("/api/v1/requests/{key}", operation_id="recall_request")
    async def recall_request(
        request: Request,
        key: Annotated[str, Path(min_length=1, max_length=128, description="An Idempotency-Key")],
        timeout: Timeout = None,
    ) -> Response:
        """What became of a keyed command; nothing is carried out."""
        return await asking.ask(request, "recall", {"key": key}, timeout=timeout)

    @router.get("/api/v1/failures", operation_id="list_failures")
    async def list_failures(request: Request) -> Response:
        """The last commands through this gateway that failed, newest first. It is no alarm system."""
        return respond(request, {"failures": asking.failed[::-1]})

    return router
