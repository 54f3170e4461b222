"""The devices: a page of them, one of them, and how it is."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ..documents.thing import MEDIA_TYPE, thing
from ..front.problems import as_json
from ..live.plant import device_maps
from .asking import Asking, DeviceName, Timeout, device_of, respond

MAX_PAGE = 1_000  # devices


class StateFilter(StrEnum):
    """The states that a list can be narrowed to."""

    UP = "up"
    IDLE = "idle"
    CONNECTING = "connecting"
    DOWN = "down"
    UNSERVED = "unserved"
    DISABLED = "disabled"
    DEGRADED = "degraded"


def routes(asking: Asking) -> APIRouter:
    """The views of devices."""
    router = APIRouter(prefix="/api/v1/devices", tags=["devices"])

    @router.get("", operation_id="list_devices")
    async def list_devices(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
        match: Annotated[str, Query(max_length=200, description="Text in the name")] = "",
        state: StateFilter | None = None,
        profile: Annotated[str | None, Query(max_length=200)] = None,
        timeout: Timeout = None,
    ) -> Response:
        """A page of the devices with state, reason and figures, the abnormal first."""
        rqargs: dict[str, Any] = {"limit": limit, "offset": offset, "match": match, "order": "severity"}
        rqargs |= {} if state is None else {"state": str(state)}
        rqargs |= {} if profile is None else {"profile": profile}
        reply = await asking.reply(request, "figures", rqargs, timeout=timeout)
        figures = reply.value()
        content = {"devices": device_maps(figures), "total": figures["total"], "states": figures["states"]}
        headers = {}
        if offset + limit < figures["total"]:
            following = urlencode(dict(request.query_params) | {"limit": limit, "offset": offset + limit})
            headers["Link"] = f'<{request.url.path}?{following}>; rel="next"'
        return respond(request, content, headers)

    @router.get("/{device}", operation_id="get_device")
    async def get_device(request: Request, device: DeviceName, timeout: Timeout = None) -> Response:
        """What the device can do, with schemas, and how it is."""
        name = device_of(device)
        described = (await asking.reply(request, "describe", device=name, timeout=timeout)).value()
        status = (await asking.reply(request, "status", device=name, timeout=timeout)).value()
        known = {part: status[part] for part in ("state", "since", "reason") if part in status}
        body = as_json(described | known)
        tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(body, 200, headers, "application/json")

    @router.get("/{device}/thing", operation_id="get_thing")
    async def get_thing(request: Request, device: DeviceName, timeout: Timeout = None) -> Response:
        """The device as a W3C Thing Description 1.1."""
        reply = await asking.reply(request, "describe", device=device_of(device), timeout=timeout)
        content = as_json(thing(reply.value(), str(request.base_url)))
        return Response(content, 200, {"Cache-Control": "no-store"}, MEDIA_TYPE)

    @router.get("/{device}/status", operation_id="get_status")
    async def get_status(request: Request, device: DeviceName, timeout: Timeout = None) -> Response:
        """Link, counters, queues, times and lock."""
        return await asking.ask(request, "status", device=device_of(device), timeout=timeout)

    return router
