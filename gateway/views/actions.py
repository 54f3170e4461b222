"""Running a device's actions, by device and, typed, by profile.

Strategy: POST, and the result when it is done. Only what a profile declares can be run here: what every
device has (`read`, `write`, `lock`, …) has paths of its own or, like raw writes, is not offered over HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Request
from starlette.responses import Response

from ...client.protocol.errors import Code, failure
from .asking import Asking, DeviceName, Timeout, device_of, json_map
from .bodies import ARGUMENTS, json_body
from .tags import MaxAge, read_args, tag_names

BUILT_IN: Final = frozenset(
    {"read", "write", "watch", "unwatch", "read_raw", "write_raw", "describe", "trace", "status"}
    | {"lock", "unlock", "identify", "pdu", "relearn"}
)
ActionName = Annotated[str, Path(description="Name of an action that the device's profile declares")]
ProfileName = Annotated[str, Path(description="Name of the profile")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The same request under the same key is carried out once; a repeated one gets its reply",
    ),
]


def routes(asking: Asking, patience: Callable[[str], float | None]) -> APIRouter:
    """The views of actions; `patience` tells how long an action may take by its profile."""
    router = APIRouter(prefix="/api/v1", tags=["actions"])

    @router.post(
        "/devices/{device}/actions/{action}",
        operation_id="run_action",
        openapi_extra=json_body(ARGUMENTS, required=False),
    )
    async def run_action(
        request: Request, device: DeviceName, action: ActionName, timeout: Timeout = None, _key: Key = None
    ) -> Response:
        """Runs an action, and answers when it is done."""
        return await run(request, device_of(device), action, timeout)

    @router.post(
        "/profiles/{profile}/devices/{device}/actions/{action}",
        operation_id="run_profile_action",
        openapi_extra=json_body(ARGUMENTS, required=False),
    )
    async def run_profile_action(
        request: Request,
        profile: ProfileName,
        device: DeviceName,
        action: ActionName,
        timeout: Timeout = None,
        _key: Key = None,
    ) -> Response:
        """The same for a device of a known profile."""
        await check_profile(request, profile, device_of(device), timeout)
        return await run(request, device_of(device), action, timeout)

    @router.get("/profiles/{profile}/devices/{device}/tags", operation_id="read_profile_tags")
    async def read_profile_tags(
        request: Request,
        profile: ProfileName,
        device: DeviceName,
        max_age: MaxAge = None,
        timeout: Timeout = None,
    ) -> Response:
        """All tags of a device of a known profile."""
        name = device_of(device)
        await check_profile(request, profile, name, timeout)
        tags = await tag_names(asking, request, name, None, timeout)
        return await asking.ask(request, "read", read_args(tags, max_age), device=name, timeout=timeout)

    async def run(request: Request, device: str | int, action: str, timeout: float | None) -> Response:
        refuse_built_in(action)
        rqargs = await json_map(request, may_be_empty=True)
        own = patience(action)
        return await asking.ask(request, action, rqargs, device=device, timeout=timeout, patience=own)

    async def check_profile(request: Request, profile: str, device: str | int, timeout: float | None) -> None:
        described = (await asking.reply(request, "describe", device=device, timeout=timeout)).value()
        if described["profile"] != profile:
            detail = f"{device!r} has the profile {described['profile']!r}, not {profile!r:.100}"
            raise failure(Code.UNKNOWN_DEVICE, detail)

    return router


def refuse_built_in(action: str) -> None:
    """Raises `unknown_action` for what every device has."""
    if action in BUILT_IN:
        detail = f"{action!r} is no action of a profile; over HTTP it has a path of its own, or none"
        raise failure(Code.UNKNOWN_ACTION, detail)
