"""Several requests at once, side by side; no order is promised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from ...client.protocol.errors import Code, failure
from ...client.protocol.messages import MAX_KEY_LENGTH, MAX_TIMEOUT
from ...client.protocol.replies import Reply, reply_from_map
from ..front.flight import flight_of
from ..front.problems import problem_map
from .actions import BUILT_IN
from .asking import Asking, Timeout, json_map, respond
from .bodies import json_body

MOST: Final = 100  # requests in one batch
_ALLOWED_BUILT_IN: Final = frozenset({"read", "write", "status", "describe"})
_REQUEST: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["device", "action"],
    "additionalProperties": False,
    "properties": {
        "device": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "action": {"type": "string"},
        "rqargs": {"type": "object"},
        "key": {"type": "string", "minLength": 1, "maxLength": 128},
        "timeout": {"type": "number", "exclusiveMinimum": 0, "maximum": 3600},
    },
}
_BODY: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["requests"],
    "additionalProperties": False,
    "properties": {"requests": {"type": "array", "maxItems": MOST, "items": _REQUEST}},
}


def routes(asking: Asking) -> APIRouter:
    """The view of batches."""
    router = APIRouter(prefix="/api/v1", tags=["batch"])

    @router.post("/batch", operation_id="run_batch", openapi_extra=json_body(_BODY))
    async def run_batch(request: Request, timeout: Timeout = None) -> Response:
        """Runs up to 100 requests side by side; each reply has a `status` and a `body` of its own."""
        body = await json_map(request)
        requests = checked(body)
        result = (await asking.reply(request, "batch", {"requests": requests}, timeout=timeout)).value()
        request_id = flight_of(request.scope).id
        replies = [_told(reply_from_map(one), request_id) for one in result["replies"]]
        return respond(request, {"replies": replies})

    return router


def checked(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The requests of a batch, as far as HTTP has a say; the broker checks the rest.

    Raises:
        PlcmqError: `bad_args`, or `unknown_action` for what is not offered over HTTP.
    """
    requests = body.get("requests")
    if body.keys() != {"requests"} or not isinstance(requests, list) or len(requests) > MOST:
        raise failure(Code.BAD_ARGS, f'the body must be {{"requests": […]}} with at most {MOST}')
    for number, one in enumerate(requests):
        if not _is_request(one):
            detail = f"requests[{number}] must be an object with device and action, and rqargs, key, timeout"
            raise failure(Code.BAD_ARGS, detail, details={"path": f"requests.{number}"})
        if one.get("action") in BUILT_IN - _ALLOWED_BUILT_IN:
            raise failure(
                Code.UNKNOWN_ACTION, f"requests[{number}]: {one['action']!r} is not offered over HTTP"
            )
    return requests


def _is_request(one: object) -> bool:
    if not isinstance(one, dict) or not _CHECKS.keys() >= one.keys() >= {"device", "action"}:
        return False
    return all(_CHECKS[name](value) for name, value in one.items())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "device": lambda value: isinstance(value, str | int) and not isinstance(value, bool),
    "action": lambda value: isinstance(value, str),
    "rqargs": lambda value: isinstance(value, dict),
    "key": lambda value: isinstance(value, str) and 0 < len(value) <= MAX_KEY_LENGTH,
    "timeout": lambda value: _is_number(value) and 0 < value <= MAX_TIMEOUT,
}


def _told(reply: object, request_id: str) -> dict[str, Any]:
    assert isinstance(reply, Reply)
    if reply.error is not None:
        return {"status": reply.error.http_status, "body": problem_map(reply.error, request_id)}
    return {"status": 200, "body": reply.result} | ({"replayed": True} if reply.replayed else {})
