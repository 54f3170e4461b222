"""Errors as HTTP: problem details (RFC 9457) with the members of the protocol's errors beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from ...client.protocol.errors import Code, Outcome, PlcmqError, failure
from .flight import flight_of

MEDIA_TYPE: Final = "application/problem+json"
TITLES: Final[Mapping[str, str]] = {
    "bad_request": "The request cannot be understood.",
    "too_large": "The request or its answer is too large.",
    "forbidden": "This is not allowed.",
    "unknown_device": "There is no such device.",
    "unknown_action": "The device has no such action.",
    "unknown_tag": "The device has no such tag.",
    "bad_args": "The arguments do not fit.",
    "key_conflict": "This key was used for another request.",
    "in_progress": "The first request with this key is still running.",
    "busy": "Too much is waiting for the device.",
    "expired": "It came too late, and was not carried out.",
    "device_down": "There is no connection to the device.",
    "no_host": "Nobody serves this now.",
    "shutting_down": "The broker is about to end.",
    "device_error": "The device refused.",
    "locked": "Somebody else holds the device's lock.",
    "action_failed": "It was carried out, but not as wanted.",
    "verify_failed": "The device holds another value than was written.",
    "timeout": "The device did not answer in time.",
    "bad_reply": "The device's answer does not fit the request.",
    "outcome_unknown": "Nobody can say whether the device did it.",
    "cancelled": "The request was cancelled.",
    "internal": "A fault of plcmq itself.",
}
_RETRY_AFTER: Final = 1.0  # seconds, where the error itself does not say
_OF_STATUS: Final = {403: Code.FORBIDDEN, 413: Code.TOO_LARGE, 421: Code.FORBIDDEN, 422: Code.BAD_ARGS}


def problem_map(error: PlcmqError, request_id: str, status: int | None = None) -> dict[str, Any]:
    """An error as the members of a problem."""
    code = str(error.code)
    return {
        "type": f"urn:plcmq:error:{code}",
        "title": TITLES.get(code, "It failed."),
        "status": error.http_status if status is None else status,
        "detail": error.message,
        "code": code,
        "outcome": str(error.outcome),
        "retryable": error.retryable,
        "details": error.details,
        "request_id": request_id,
    }


def problem(error: PlcmqError, request_id: str, status: int | None = None) -> Response:
    """An error as a response."""
    content = problem_map(error, request_id, status)
    headers = {"Cache-Control": "no-store"}
    after = error.retry_after
    if after is None and error.retryable:
        after = _RETRY_AFTER
    if after is not None and math.isfinite(after):
        headers["Retry-After"] = str(max(1, math.ceil(after)))
    return Response(as_json(content), content["status"], headers, MEDIA_TYPE)


def as_json(content: object) -> bytes:
    """JSON; what only MessagePack can carry (bytes) becomes hexadecimal text."""
    return orjson.dumps(content, default=_other, option=orjson.OPT_NON_STR_KEYS)


def _other(value: object) -> object:
    if isinstance(value, bytes | bytearray):
        return value.hex()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def add_handlers(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Every error of an app with these routes becomes a problem."""
    app.state.plcmq_routes = routes
    app.add_exception_handler(PlcmqError, _plcmq_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _bad_parameter)
    app.add_exception_handler(Exception, _fault)


async def _plcmq_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PlcmqError)
    return problem(error, flight_of(request.scope).id)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _OF_STATUS.get(error.status_code, Code.BAD_REQUEST)
    detail = f"{request.method} {request.url.path}: {error.detail}"
    response = problem(failure(code, detail), flight_of(request.scope).id, error.status_code)
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        response.headers["Allow"] = ", ".join(sorted(_methods(request)))
    return response


def _methods(request: Request) -> set[str]:
    """All methods of a path; a route knows its own only."""
    allowed: set[str] = set()
    for route in request.app.state.plcmq_routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            allowed |= route.methods or set()
    return allowed


async def _bad_parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    refused = failure(Code.BAD_ARGS, f"{path}: {first['msg']}", details={"path": path})
    return problem(refused, flight_of(request.scope).id)


async def _fault(request: Request, _error: Exception) -> Response:
    flight = flight_of(request.scope)
    fault = failure(
        Code.INTERNAL,
        "a fault of the gateway; its log has more",
        outcome=Outcome.UNKNOWN,
        details={"reference": flight.id},
    )
    return problem(fault, flight.id)
