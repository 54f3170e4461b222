"""What went over the wire of a device, and all about it in one file for its vendor."""

from __future__ import annotations

import asyncio
import time
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ...client.protocol.errors import Rejected
from ...client.protocol.replies import Reply
from .asking import Asking, DeviceName, Timeout, device_of, respond


def routes(asking: Asking) -> APIRouter:
    """The views of traces."""
    router = APIRouter(prefix="/api/v1/devices/{device}", tags=["devices"])

    @router.get("/trace", operation_id="get_trace")
    async def get_trace(
        request: Request,
        device: DeviceName,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        after: Annotated[int | None, Query(ge=0, le=2**53, description="A number that you have")] = None,
        failed: Annotated[bool, Query(description="Only what failed, and its neighbours")] = False,
        since: Annotated[
            float | None, Query(gt=0, le=1e6, allow_inf_nan=False, description="Seconds")
        ] = None,
        timeout: Timeout = None,
    ) -> Response:
        """The last transactions, where the broker records them (`trace` among its `features`)."""
        rqargs: dict[str, Any] = {"limit": limit} | ({"failed": True} if failed else {})
        rqargs |= {} if after is None else {"after": after}
        rqargs |= {} if since is None else {"since": since}
        return await asking.ask(request, "trace", rqargs, device=device_of(device), timeout=timeout)

    @router.get("/diagnostics", operation_id="get_diagnostics")
    async def get_diagnostics(request: Request, device: DeviceName, timeout: Timeout = None) -> Response:
        """What the device is, how it is, and what was on its wire, as one file to send to a vendor."""
        name = device_of(device)

        async def asked(action: str) -> Reply:
            return await asking.reply(request, action, device=name, timeout=timeout)

        described, status, trace = await asyncio.gather(asked("describe"), asked("status"), asked("trace"))
        content = {"version": version("plcmq"), "at": time.time()}
        content |= {"describe": described.value(), "status": status.value()}
        if not isinstance(trace.error, Rejected):  # else the broker records nothing
            content["trace"] = trace.value()
        return respond(request, content, {"Content-Disposition": 'attachment; filename="diagnostics.json"'})

    return router
