"""Server-sent events, for scripts and services; the page has its WebSocket.

Strategy: the same topics as there, so that a hundred scripts at one press are one watch. There is no history:
whatever `Last-Event-ID` says, the first event has everything (`"full": true`).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from ...client.protocol.errors import Code, failure
from ..front.problems import as_json
from ..live.hub import Hub, Viewer
from ..live.messages import Frame, Word
from ..live.topics import BadTopic, Topic, topic
from .asking import DeviceName, device_of

QUIET: Final = 10.0  # seconds after which a comment shows that the line lives
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Events"}
}


def routes(hub: Hub, is_full: Callable[[], bool]) -> APIRouter:
    """The streams; `is_full` tells whether there are as many viewers as may be."""
    router = APIRouter(prefix="/api/v1", tags=["live"])

    @router.get(
        "/devices/{device}/events", operation_id="watch_tags", responses=_STREAM, response_class=Response
    )
    async def watch_tags(
        device: DeviceName,
        tags: Annotated[str | None, Query(description="Names with commas between; all without")] = None,
        interval: Annotated[float, Query(ge=0.05, le=3600, allow_inf_nan=False)] = 1.0,
        deadband: Annotated[str | None, Query(description="Such as temperature:0.2,pressure:1")] = None,
    ) -> Response:
        """Values of tags: all at first, then what changes."""
        names = [name.strip() for name in tags.split(",") if name.strip()] if tags else None
        return stream(
            {
                "topic": "device",
                "device": device_of(device),
                "tags": names,
                "interval": interval,
                "deadband": _deadband(deadband),
            },
            "values",
        )

    @router.get("/events", operation_id="watch_devices", responses=_STREAM, response_class=Response)
    async def watch_devices(
        match: Annotated[str, Query(max_length=200)] = "",
        profile: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Response:
        """States of devices: all at first, then what changes."""
        return stream({"topic": "devices", "match": match, "profile": profile}, "state")

    def stream(asked: dict[str, Any], event: str) -> Response:
        try:
            wanted = topic(asked)
        except BadTopic as error:
            raise failure(Code.BAD_ARGS, str(error)) from error
        if is_full():
            raise failure(Code.BUSY, "as many look on as this gateway lets", details={"retry_after": 5})
        return StreamingResponse(events(hub, wanted, event), 200, _HEADERS, "text/event-stream")

    return router


async def events(hub: Hub, wanted: Topic, event: str) -> AsyncGenerator[str, None]:
    """The text of a stream, until its reader goes or the hub ends it."""
    viewer = hub.enter()
    numbers = itertools.count(1)

    def written(kind: str, data: str) -> str:
        return f"event: {kind}\nid: {next(numbers)}\ndata: {data}\n\n"

    try:
        hub.open(viewer, wanted)
        yield "retry: 2000\n\n"
        while not viewer.is_over:
            words, frames, _ = await _news(viewer)
            text = "".join(written("problem", word.text) for word in words if word.kind == "problem")
            for frame in frames:
                data = as_json({"full": frame.is_full} | dict(frame.content)).decode()
                text += written(event, data)
            yield text or ": still here\n\n"
        yield written("ended", '{"reason": "shutting_down"}')
    finally:
        hub.leave(viewer)


async def _news(viewer: Viewer) -> tuple[list[Word], list[Frame], str | None]:
    """What there is to tell; nothing where nothing came for a while."""
    try:
        async with asyncio.timeout(QUIET):
            while True:
                await viewer.news.wait()
                news = viewer.take()
                if news[0] or news[1] or viewer.is_over:
                    return news
    except TimeoutError:
        return [], [], None


def _deadband(text: str | None) -> dict[str, float] | None:
    if not text:
        return None
    try:
        pairs = (part.rpartition(":") for part in text.split(","))
        return {tag.strip(): float(by) for tag, _, by in pairs}
    except ValueError as error:
        raise failure(Code.BAD_ARGS, "deadband is such as temperature:0.2,pressure:1") from error
