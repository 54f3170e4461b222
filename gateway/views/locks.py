"""Locking a device for oneself. The token travels in the header `Lock-Token`, in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from ...client.protocol.errors import Code, failure
from .asking import Asking, DeviceName, Timeout, device_of, respond

Token = Annotated[str | None, Header(alias="Lock-Token", description="The token of the lock that you hold")]


def routes(asking: Asking) -> APIRouter:
    """The views of locks."""
    router = APIRouter(prefix="/api/v1/devices/{device}/lock", tags=["locks"])

    @router.post("", operation_id="lock_device")
    async def lock_device(
        request: Request,
        device: DeviceName,
        ttl: Annotated[float, Query(gt=0, le=3600, allow_inf_nan=False, description="Seconds")] = 30.0,
        timeout: Timeout = None,
        _token: Token = None,
    ) -> Response:
        """Locks the device; with the token of a lock that is held, renews it."""
        reply = await asking.reply(request, "lock", {"ttl": ttl}, device=device_of(device), timeout=timeout)
        result = reply.value()
        return respond(request, result, {"Lock-Token": str(result["token"])})

    @router.delete("", operation_id="unlock_device")
    async def unlock_device(
        request: Request, device: DeviceName, timeout: Timeout = None, token: Token = None
    ) -> Response:
        """Ends the lock that one holds."""
        if token is None:
            raise failure(Code.BAD_ARGS, "only the holder unlocks: the header Lock-Token is missing")
        return await asking.ask(request, "unlock", device=device_of(device), timeout=timeout)

    return router
