"""From an HTTP request to the broker and back: what all views share.

Strategy: a view says which action it wants; here the headers become fields of the request, and the reply
becomes the body. Each command leaves one line in the log; reads leave one at the level `debug`.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from typing import Annotated, Any, Final, cast

import orjson
from fastapi import Path, Query, Request
from starlette.responses import Response

from ...client.aio.connection import AsyncConnection
from ...client.protocol.errors import Code, PlcmqError, failure
from ...client.protocol.messages import MAX_TIMEOUT
from ...client.protocol.replies import Reply
from ..front.flight import flight_of
from ..front.problems import as_json

logger = logging.getLogger(__name__)

DeviceName = Annotated[str, Path(description="Name of the device, or its id where it is a number")]
Timeout = Annotated[
    float | None,
    Query(gt=0, le=MAX_TIMEOUT, allow_inf_nan=False, description="Seconds to wait for the answer"),
]
MOST_FAILED: Final = 50  # commands that are remembered
READS: Final = frozenset({"read", "status", "describe", "trace", "identify"})
_PLAIN = re.compile(r"[\w.:@/+~-]{1,128}", re.ASCII)
_PREFERRED = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,4})\"?")
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')


def device_of(text: str) -> str | int:
    """The device that a part of a path means."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 19 else text


class Asking:
    """The broker, for views.

    Attributes:
        failed: the last commands that failed, newest last: what the page shows under *Problems*.
    """

    def __init__(self, plc: AsyncConnection, timeout: float | None = None) -> None:
        """`timeout`: seconds for a request that says nothing; None: the connection's own."""
        self.plc = plc
        self.failed: list[dict[str, Any]] = []
        self._timeout = timeout

    async def ask(
        self,
        request: Request,
        action: str,
        rqargs: Mapping[str, Any] | None = None,
        *,
        device: str | int | None = None,
        timeout: float | None = None,
        patience: float | None = None,
    ) -> Response:
        """Asks, and answers with the result.

        Raises:
            PlcmqError: it failed.
        """
        reply = await self.reply(request, action, rqargs, device=device, timeout=timeout, patience=patience)
        return respond(request, reply.value(), {"Idempotent-Replayed": "true"} if reply.replayed else {})

    async def reply(
        self,
        request: Request,
        action: str,
        rqargs: Mapping[str, Any] | None = None,
        *,
        device: str | int | None = None,
        timeout: float | None = None,
        patience: float | None = None,
    ) -> Reply:
        """The whole reply, whether it has a result or an error.

        `timeout`: seconds that the caller gives; `patience`: those that the action needs, else.
        """
        flight = flight_of(request.scope)
        is_command = device is not None and action not in READS
        headers = request.headers
        reply = await self.plc.reply(
            action,
            rqargs,
            device=device,
            timeout=timeout or _preferred(headers.get("prefer")) or self._own_time(patience),
            key=idempotency_key(headers.get("idempotency-key")) if is_command else None,
            request_id=flight.wire_id,
            token=headers.get("lock-token") if is_command else None,
        )
        if reply.elapsed:
            flight.elapsed = reply.elapsed
        if is_command:
            self._note(request, action, device, reply)
        return reply

    def _own_time(self, patience: float | None) -> float | None:
        return self._timeout if patience is None else max(patience, self._timeout or 0.0)

    def _note(self, request: Request, action: str, device: str | int | None, reply: Reply) -> None:
        flight, error = flight_of(request.scope), reply.error
        who = request.client.host if request.client else "-"
        logger.info(
            "command request_id=%s device=%s action=%s outcome=%s code=%s key=%s "
            "queue_ms=%.1f device_ms=%.1f client=%s",
            flight.id,
            shown(device),
            shown(action),
            "executed" if error is None else error.outcome,
            "ok" if error is None else error.code,
            shown(request.headers.get("idempotency-key", "-")),
            flight.elapsed.get("queue", 0.0) * 1000,
            flight.elapsed.get("device", 0.0) * 1000,
            who,
        )
        if error is not None:
            self.failed.append(failed_row(flight.id, device, action, error, who))
            del self.failed[:-MOST_FAILED]


def shown(text: object) -> str:
    """What a caller has chosen, as one word of a line of the log, whatever is in it."""
    plain = str(text)
    return plain if _PLAIN.fullmatch(plain) else ascii(plain[:100])


def failed_row(
    request_id: str, device: str | int | None, action: str, error: PlcmqError, who: str
) -> dict[str, Any]:
    """What is remembered of a command that failed."""
    return {
        "at": time.time(),
        "request_id": request_id,
        "device": device,
        "action": action,
        "code": str(error.code),
        "outcome": str(error.outcome),
        "detail": error.message,
        "who": who,
    }


def respond(request: Request, content: object, headers: Mapping[str, str] | None = None) -> Response:
    """A result as the body of an answer."""
    all_headers = {"Cache-Control": "no-store", **(headers or {})}
    preferred = request.headers.get("prefer")
    waited = _preferred(preferred) if preferred else None
    if waited is not None and "timeout" not in request.query_params:
        all_headers["Preference-Applied"] = f"wait={waited:.0f}"
    return Response(as_json(content), 200, all_headers, "application/json")


async def json_map(request: Request, *, may_be_empty: bool = False) -> dict[str, Any]:
    """The body, which must be a JSON object.

    Raises:
        PlcmqError: it is not; `details.status` is 415 where the content type does not say JSON.
    """
    body = await request.body()
    if not body and may_be_empty:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedType(Code.BAD_REQUEST, "a body needs `Content-Type: application/json`")
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise failure(Code.BAD_REQUEST, f"the body is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise failure(Code.BAD_ARGS, "the body must be a JSON object")
    return cast("dict[str, Any]", content)


class UnsupportedType(PlcmqError):
    """A body that does not say that it is JSON."""

    @property
    def http_status(self) -> int:
        """415, whatever the code's own."""
        return 415


def idempotency_key(header: str | None) -> str | None:
    """The key in an `Idempotency-Key`: a quoted string, as the IETF's draft wants it, or the bare text."""
    if header is None:
        return None
    quoted = _QUOTED.fullmatch(header.strip())
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else header.strip()


def _preferred(header: str | None) -> float | None:
    """Seconds in a `Prefer: wait=5` (RFC 7240)."""
    found = _PREFERRED.search(header) if header else None
    return min(float(found[1]), MAX_TIMEOUT) or None if found else None
