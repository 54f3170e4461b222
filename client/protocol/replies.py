"""What a broker sends, as a client sees it: replies to requests, and the events of a `watch`.

Strategy: the counterpart of `protocol.parse_request`, pure as well. A broker is trusted more than a client:
this checks the form of a message, and not what is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .bodies import decode
from .errors import PlcmqError
from .messages import RequestId


@dataclass(slots=True)
class Reply:
    """What a request came to: `error`, or else `result`."""

    id: RequestId = None
    result: Any = None
    error: PlcmqError | None = None
    elapsed: Mapping[str, float] | None = None  # seconds; see `protocol.Elapsed`
    replayed: bool = False  # the stored reply of an earlier request with the same key
    answered: bool = True  # by a broker; else the client says this itself

    def value(self) -> Any:
        """The result.

        Raises:
            PlcmqError: what the request failed with, as its own class.
        """
        if self.error is not None:
            raise self.error
        return self.result


@dataclass(slots=True)
class Event:
    """What a broker sends after the reply to a `watch`, under the request's id."""

    id: RequestId
    content: Mapping[str, Any]


def parse_reply(body: bytes) -> Reply | Event:
    """What a message from a broker holds.

    Raises:
        ValueError: it is neither a reply nor an event; the message says why.
    """
    return reply_from_map(decode(body))


def reply_from_map(content: Any) -> Reply | Event:
    """The reply in a decoded map, such as one of a `batch`.

    Raises:
        ValueError: as `parse_reply`.
    """
    if not isinstance(content, dict):
        raise ValueError(f"a reply is a map, not {type(content).__name__}")
    request_id = content.get("id")
    if not isinstance(request_id, str | int | None):
        raise ValueError(f"the id of a reply is text or an integer, not {type(request_id).__name__}")
    if isinstance(event := content.get("event"), dict):
        return Event(request_id, event)
    error: PlcmqError | None = None
    if content.get("ok") is not True:
        details = content.get("error")
        if content.get("ok") is not False or not isinstance(details, dict):
            raise ValueError("a reply has `ok` and a `result` or an `error`, or it has an `event`")
        error = PlcmqError.from_map(details)
    return Reply(
        request_id, content.get("result"), error, content.get("elapsed"), content.get("replayed") is True
    )
