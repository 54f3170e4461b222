"""What every request passes on its way in and out: one pure ASGI class.

Strategy: no task and no queue of its own for a request, which is what `BaseHTTPMiddleware` costs. It refuses
what `origin.py` refuses and bodies over the limit, and puts on every answer, also on errors and streams, the
request's id, the time it took and the headers that keep browsers safe.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...client.protocol.errors import Code, failure
from .flight import Flight, new_flight
from .origin import Asked, Rules, allowed_origin, refusal
from .problems import problem

logger = logging.getLogger(__name__)

MAX_BODY: Final = 1024 * 1024  # bytes
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# Swagger UI starts itself by a script in its page.
DOCS_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_PREFLIGHT: Final = (
    ("access-control-allow-methods", "GET, POST, PATCH, DELETE"),
    (
        "access-control-allow-headers",
        "content-type, idempotency-key, lock-token, prefer, x-plcmq-seen, x-request-id",
    ),
    ("access-control-max-age", "600"),
)
Observe = Callable[[Scope, int, float], None]  # of what, with which status, in how many seconds


class Front:
    """The outermost layer of the gateway."""

    def __init__(
        self, app: ASGIApp, rules: Rules, observe: Observe, clock: Callable[[], float] = time.time
    ) -> None:
        """`observe` hears of each finished request; `clock` gives seconds since 1970."""
        self._app = app
        self._rules = rules
        self._observe = observe
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, WebSocket or lifespan."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        flight = new_flight(headers.get("x-request-id"))
        scope["plcmq.flight"] = flight
        is_websocket = scope["type"] == "websocket"
        asked = Asked(scope.get("method", "GET"), scope["path"], headers, scope["scheme"], is_websocket)
        refused = refusal(asked, self._rules, self._clock())
        if is_websocket:
            if refused is None:
                await self._app(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": refused.detail[:100]})
            return
        sender = _Sender(send, scope, flight, allowed_origin(headers, self._rules))
        error = None if refused is None else failure(refused.code, refused.detail)
        if error is None and _length(headers) > MAX_BODY:
            error = failure(Code.TOO_LARGE, f"a body may have {MAX_BODY} bytes")
        try:
            if error is not None:
                await problem(error, flight.id, refused.status if refused else None)(scope, receive, sender)
            elif asked.method == "OPTIONS" and sender.origin is not None:
                await sender.preflight()
            else:
                await self._app(scope, _limited(receive), sender)
        except ClientDisconnect:
            logger.debug("request %s: its sender has gone", flight.id)
        except Exception:  # a task boundary: one request's fault, which is answered 500, is nobody else's
            logger.exception("%s %s failed (request %s)", asked.method, asked.path, flight.id)
        finally:
            self._observe(scope, sender.status, time.perf_counter() - flight.started)


def _length(headers: dict[str, str]) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isdecimal() else 0


def _limited(receive: Receive) -> Receive:
    """The same messages, until there are too many bytes."""
    total = 0

    async def limited() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > MAX_BODY:
            raise failure(Code.TOO_LARGE, f"a body may have {MAX_BODY} bytes")
        return message

    return limited


class _Sender:
    """Sends what the app sends, with our headers."""

    def __init__(self, send: Send, scope: Scope, flight: Flight, origin: str | None) -> None:
        self.status = 0  # none sent yet
        self.origin = origin
        self._send = send
        self._path: str = scope["path"]
        self._flight = flight

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._headers()]
        await self._send(message)

    async def preflight(self) -> None:
        """Answers a browser that asks whether a page of another origin may ask."""
        headers = [(name.encode(), value.encode()) for name, value in _PREFLIGHT]
        await self({"type": "http.response.start", "status": 204, "headers": headers})
        await self({"type": "http.response.body", "body": b""})

    def _headers(self) -> list[tuple[bytes, bytes]]:
        now = time.perf_counter()
        is_docs = self._path.endswith(("/docs", "/redoc"))
        headers = [
            (b"x-request-id", self._flight.id.encode()),
            (b"x-process-time", b"%.6f" % (now - self._flight.started)),
            (b"server-timing", self._flight.timing(now).encode()),
            *(_OF_DOCS if is_docs else _OF_ALL),
        ]
        if self.origin is not None:
            headers += [(b"access-control-allow-origin", self.origin.encode()), (b"vary", b"Origin")]
        return headers


_FIXED: Final = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
_OF_ALL: Final = (*_FIXED, (b"content-security-policy", POLICY.encode()))
_OF_DOCS: Final = (*_FIXED, (b"content-security-policy", DOCS_POLICY.encode()))
