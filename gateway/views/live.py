"""The page's line: one WebSocket, any number of topics.

Strategy: the socket's life is two tasks in one group, a reader that waits for a message or the disconnect,
and a writer. Whichever ends ends both, and the viewer leaves the hub; nothing else has to be cleaned up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ..live import messages
from ..live.hub import Hub, Viewer
from ..live.topics import BadTopic, topic

MOST_TOPICS: Final = 20  # of one socket
SEND_WITHIN: Final = 30.0  # seconds in which a viewer must take a frame
_POLICY_VIOLATION: Final = 1008
_TRY_AGAIN: Final = 1013


class _Ended(Exception):
    """The line is to be closed with this code; None: it is closed."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


def routes(hub: Hub, is_full: Callable[[], bool]) -> APIRouter:
    """The WebSocket; `is_full` tells whether there are as many viewers as may be."""
    router = APIRouter()

    @router.websocket("/api/v1/live")
    async def live(websocket: WebSocket) -> None:
        """Frames of what was opened."""
        if is_full():
            await _turn_away(websocket)
            return
        await websocket.accept()
        viewer = hub.enter()
        code: int | None = 1012
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_read(websocket, hub, viewer))
                tasks.create_task(_write(websocket, viewer))
        except* _Ended as ended:
            code = next(code_of(error) for error in ended.exceptions)
        finally:
            hub.leave(viewer)
        if code is not None and websocket.application_state is WebSocketState.CONNECTED:
            await _close(websocket, code)

    return router


def code_of(error: BaseException) -> int | None:
    """The code that an end of the line asks for."""
    return error.code if isinstance(error, _Ended) else None


async def _turn_away(websocket: WebSocket) -> None:
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(Response(status_code=503, headers={"Retry-After": "5"}))
    else:
        await websocket.close(_TRY_AGAIN)


async def _close(websocket: WebSocket, code: int) -> None:
    try:
        await websocket.close(code)
    except (RuntimeError, WebSocketDisconnect):
        return  # it was closed at the same moment


async def _read(websocket: WebSocket, hub: Hub, viewer: Viewer) -> None:
    keys: set[str] = set()
    while True:
        try:
            text = await websocket.receive_text()
        except (WebSocketDisconnect, RuntimeError) as gone:
            raise _Ended(None) from gone
        except KeyError as binary:
            raise _Ended(_POLICY_VIOLATION) from binary
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise _Ended(_POLICY_VIOLATION) from error
        _take(message, hub, viewer, keys)


def _take(message: Any, hub: Hub, viewer: Viewer, keys: set[str]) -> None:
    if isinstance(message, dict) and message.keys() == {"close"} and isinstance(message["close"], str):
        keys.discard(message["close"])
        hub.close(viewer, message["close"])
        return
    try:
        if not isinstance(message, dict) or message.keys() != {"open"}:
            raise BadTopic('a message is {"open": {…}} or {"close": KEY}')
        asked = topic(message["open"])
        if asked.key not in keys and len(keys) >= MOST_TOPICS:
            raise BadTopic(f"one line has at most {MOST_TOPICS} topics")
    except BadTopic as error:
        viewer.say(messages.problem(None, {"code": "bad_args", "message": str(error)}))
        return
    keys.add(asked.key)
    hub.open(viewer, asked)


async def _write(websocket: WebSocket, viewer: Viewer) -> None:
    while True:
        await viewer.news.wait()
        words, frames, beat = viewer.take()
        texts = [*(word.text for word in words), *(frame.text for frame in frames), *([beat] if beat else [])]
        try:
            async with asyncio.timeout(SEND_WITHIN):
                for text in texts:
                    await websocket.send_text(text)
        except TimeoutError as error:
            raise _Ended(_TRY_AGAIN) from error
        except (WebSocketDisconnect, RuntimeError) as gone:
            raise _Ended(None) from gone
        if viewer.is_over:
            raise _Ended(1012)
