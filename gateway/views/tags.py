"""Reading and writing tags."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from ...client.protocol.errors import Code, PlcmqError, failure
from .asking import Asking, DeviceName, Timeout, device_of, json_map, respond
from .bodies import VALUES, json_body

TagName = Annotated[str, Path(description="Name of the tag")]
MaxAge = Annotated[
    float | None,
    Query(
        ge=0,
        le=86400,
        allow_inf_nan=False,
        description="Seconds that a value may be old; else it is read now",
    ),
]
Verify = Annotated[bool | None, Query(description="Read back what was written, and compare")]


def routes(asking: Asking) -> APIRouter:
    """The views of tags."""
    router = APIRouter(prefix="/api/v1/devices/{device}/tags", tags=["tags"])

    @router.get("", operation_id="read_tags")
    async def read_tags(
        request: Request,
        device: DeviceName,
        names: Annotated[str | None, Query(description="Names with commas between; all without")] = None,
        max_age: MaxAge = None,
        timeout: Timeout = None,
    ) -> Response:
        """Values of tags with their age, and the errors of those that could not be read."""
        name = device_of(device)
        tags = await tag_names(asking, request, name, names, timeout)
        rqargs = read_args(tags, max_age)
        return await asking.ask(request, "read", rqargs, device=name, timeout=timeout)

    @router.patch("", operation_id="write_tags", openapi_extra=json_body(VALUES))
    async def write_tags(
        request: Request, device: DeviceName, verify: Verify = None, timeout: Timeout = None
    ) -> Response:
        """Writes tags in the order given: `{"batch_size": 20}`."""
        values = await json_map(request)
        rqargs = write_args(values, verify)
        return await asking.ask(request, "write", rqargs, device=device_of(device), timeout=timeout)

    @router.get("/{tag}", operation_id="read_tag")
    async def read_tag(
        request: Request, device: DeviceName, tag: TagName, max_age: MaxAge = None, timeout: Timeout = None
    ) -> Response:
        """One value with its age."""
        reply = await asking.reply(
            request, "read", read_args([tag], max_age), device=device_of(device), timeout=timeout
        )
        result = reply.value()
        if tag not in result["values"]:
            raise PlcmqError.from_map(result["errors"][tag])
        content = {"tag": tag, "value": result["values"][tag], "age": result.get("age", {}).get(tag)}
        return respond(request, content)

    @router.patch(
        "/{tag}",
        operation_id="write_tag",
        openapi_extra=json_body({"type": "object", "required": ["value"], "properties": {"value": {}}}),
    )
    async def write_tag(
        request: Request, device: DeviceName, tag: TagName, verify: Verify = None, timeout: Timeout = None
    ) -> Response:
        """Writes one tag: `{"value": 20}`."""
        body = await json_map(request)
        if body.keys() != {"value"}:
            raise failure(Code.BAD_ARGS, 'the body must be {"value": …}', details={"path": "value"})
        rqargs = write_args({tag: body["value"]}, verify)
        return await asking.ask(request, "write", rqargs, device=device_of(device), timeout=timeout)

    return router


async def tag_names(
    asking: Asking, request: Request, device: str | int, names: str | None, timeout: float | None = None
) -> list[str]:
    """The tags that a list in a query means: all readable ones where there is none."""
    if names:
        return [name for name in (part.strip() for part in names.split(",")) if name]
    described = (await asking.reply(request, "describe", device=device, timeout=timeout)).value()
    return list(described["tags"])


def read_args(tags: list[str], max_age: float | None) -> dict[str, Any]:
    """Arguments of `read`."""
    return {"tags": tags} | ({} if max_age is None else {"max_age": max_age})


def write_args(values: dict[str, Any], verify: bool | None) -> dict[str, Any]:
    """Arguments of `write`."""
    return {"values": values} | ({} if verify is None else {"verify": verify})
