"""The wire protocol, version 1: bytes to requests, replies to bytes, and the same for clients.

Strategy: pure functions over bytes; nothing here knows a socket or a clock. A body is JSON or MessagePack,
told apart by its first byte: every MessagePack map starts at 0x80 or above, every JSON text below. The only
file that imports msgpack.

What comes from outside is checked once, here, completely: after `parse_request` a `Request` has the right
types, its text is text, and nothing in it is nested deeper than `Limits.depth`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from .bodies import LEAST_INTEGER, MAX_FRAME_BYTES, MOST_INTEGER, Codec, _decode, codec_of, encode
from .errors import Code, Outcome, PlcmqError, failure

VERSION: Final = 1
DEFAULT_TIMEOUT: Final = 5.0  # seconds
MAX_TIMEOUT: Final = 3600.0  # seconds
MAX_KEY_LENGTH: Final = 128  # characters

Envelope = tuple[bytes, ...]
RequestId = str | int | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a broker accepts in one message."""

    body_bytes: int = 1024 * 1024
    depth: int = 32  # nested containers, the body's own map counted
    frames: int = 64  # the body's frame counted


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """An action that every device has.

    Attributes:
        writes: whether it may change something at the device.
        repeatable: whether the same request may be sent again when nobody knows what became of the first.
    """

    writes: bool = False
    repeatable: bool = True


BUILT_IN: Final[Mapping[str, BuiltIn]] = {
    "read": BuiltIn(),
    "write": BuiltIn(writes=True, repeatable=False),
    "watch": BuiltIn(),
    "unwatch": BuiltIn(),
    "read_raw": BuiltIn(),
    "write_raw": BuiltIn(writes=True, repeatable=False),
    "pdu": BuiltIn(writes=True, repeatable=False),
    "describe": BuiltIn(),
    "status": BuiltIn(),
    "lock": BuiltIn(repeatable=False),  # its token may be lost
    "unlock": BuiltIn(repeatable=False),
    "identify": BuiltIn(),
}
"""The actions that every device has; a profile cannot declare them anew."""


@dataclass(slots=True)
class Request:
    """One valid request. `rqargs` are the caller's: valid types, not yet fitted to the action."""

    action: str
    rqargs: dict[str, Any] = field(default_factory=dict)
    device: str | int | None = None
    id: RequestId = None
    timeout: float | None = None  # seconds, counted from receipt; None: the action's own time
    key: str | None = None
    token: str | None = None
    codec: Codec = Codec.MSGPACK


class MalformedRequest(Exception):
    """A message that is no request. Carries what a reply to it needs.

    Attributes:
        error: the `bad_request` or `too_large` for the caller.
        id: the request's id, where one could be read.
        codec: what the message was encoded in, as far as that can be told.
    """

    def __init__(self, error: PlcmqError, request_id: RequestId, codec: Codec) -> None:
        super().__init__(error.message)
        self.error = error
        self.id = request_id
        self.codec = codec


_FIELDS: Final = frozenset({"action", "rqargs", "device", "id", "timeout", "key", "token", "v"})


def parse_request(body: bytes, limits: Limits = DEFAULT_LIMITS) -> Request:
    """The request in a body.

    Raises:
        MalformedRequest: it is none; with the error to reply, and the id to reply it to.
    """
    codec = codec_of(body)
    if len(body) > limits.body_bytes:
        raise MalformedRequest(_too_large(len(body), limits.body_bytes), None, codec)
    try:
        content = _decode(body, codec) if body else _refuse("the message is empty")
    except ValueError as error:
        raise MalformedRequest(_bad(str(error)), None, codec) from error
    return request_from_map(content, codec, limits)


def request_from_map(content: Any, codec: Codec, limits: Limits = DEFAULT_LIMITS) -> Request:
    """The request in a decoded map, such as one of a `batch`.

    Raises:
        MalformedRequest: as `parse_request`.
    """
    if not isinstance(content, dict):
        message = f"a request is a map, not {_type_name(content)}"
        raise MalformedRequest(_bad(message), None, codec)
    try:
        return _checked_request(content, codec, limits)
    except ValueError as error:
        request_id = content.get("id")
        usable = isinstance(request_id, str | int) and not isinstance(request_id, bool)
        raise MalformedRequest(_bad(str(error)), request_id if usable else None, codec) from error


def _checked_request(content: dict[Any, Any], codec: Codec, limits: Limits) -> Request:
    if not content.keys() <= _FIELDS:
        unknown = next(name for name in content if name not in _FIELDS)
        _refuse(f"unknown field {unknown!r}; a request has {', '.join(sorted(_FIELDS))}")
    get = content.get
    action, rqargs, version = get("action"), get("rqargs", {}), get("v", VERSION)
    if type(action) is not str or not action:
        _refuse("`action` is missing" if action is None else "`action` must be text that is not empty")
    if type(rqargs) is not dict:
        _refuse(f"`rqargs` must be a map, not {_type_name(rqargs)}")
    if rqargs:
        _check_content(rqargs, "rqargs", limits.depth - 1)
    if version != VERSION or type(version) is not int:
        _refuse(f"`v` must be {VERSION}, the one protocol version that this broker speaks")
    device, request_id, key, token = get("device"), get("id"), get("key"), get("token")
    if type(device) not in _NAMES or type(request_id) not in _NAMES:
        _refuse_field(content, "device" if type(device) not in _NAMES else "id", "text or an integer")
    if type(key) not in _TEXTS or type(token) not in _TEXTS:
        _refuse_field(content, "key" if type(key) not in _TEXTS else "token", "text")
    if key is not None and not 1 <= len(key) <= MAX_KEY_LENGTH:
        _refuse(f"`key` must have 1 to {MAX_KEY_LENGTH} characters, not {len(key)}")
    if None in content.values():
        _refuse_field(content, next(name for name in content if content[name] is None), "given or left out")
    timeout = _timeout(content["timeout"]) if "timeout" in content else None
    return Request(action, rqargs, device, request_id, timeout, key, token, codec)


_NAMES: Final = frozenset({str, int, type(None)})
_TEXTS: Final = frozenset({str, type(None)})


def _refuse_field(content: Mapping[Any, Any], name: str, wanted: str) -> NoReturn:
    _refuse(f"`{name}` must be {wanted}, not {_type_name(content[name])}")


def _timeout(value: Any) -> float:
    if (type(value) is float or type(value) is int) and 0 < value <= MAX_TIMEOUT:
        return float(value)
    _refuse(f"`timeout` must be seconds above 0 and at most {MAX_TIMEOUT:g}, not {value!r:.40}")


def _check_content(value: Any, path: str, depth: int) -> None:
    """Refuses what has no place in a request: deep nesting, binary, names that are not text."""
    items: Iterable[tuple[Any, Any]]
    if type(value) is dict:
        items = value.items()
    elif type(value) is list:
        items = enumerate(value)
    else:
        _refuse(f"{path:.80}: {_type_name(value)} has no place in a request; text must be MessagePack str")
    if depth <= 0:
        _refuse(f"{path:.80} is nested too deep")
    name_type = str if type(value) is dict else int
    for name, item in items:
        kind = type(item)
        if type(name) is not name_type:
            _refuse(f"{path:.80}: every name must be text")
        if kind is int and not LEAST_INTEGER <= item <= MOST_INTEGER:
            _refuse(f"{path:.80}.{name}: a whole number has at most 64 bits")
        if kind not in _SCALARS:
            _check_content(item, f"{path}.{name}", depth - 1)


_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


_TYPE_NAMES: Final = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    bytes: "binary",
    list: "a list",
    dict: "a map",
}


def _type_name(value: Any) -> str:
    return _TYPE_NAMES.get(type(value), type(value).__name__)


def _refuse(message: str) -> NoReturn:
    raise ValueError(message)


def _bad(message: str) -> PlcmqError:
    return failure(Code.BAD_REQUEST, message)


def _too_large(size: int, limit: int) -> PlcmqError:
    message = f"the request has {size} bytes; the broker takes at most {limit}"
    return failure(Code.TOO_LARGE, message, details={"size": size, "limit": limit})


@dataclass(slots=True)
class Elapsed:
    """Where the time of a request went, in seconds."""

    total: float
    queue: float = 0.0
    device: float = 0.0

    def to_map(self) -> dict[str, float]:
        """As it stands in a reply, to the microsecond."""
        return {
            "total": round(self.total, 6),
            "queue": round(self.queue, 6),
            "device": round(self.device, 6),
        }


def reply_map(
    request_id: RequestId, content: Mapping[str, Any], elapsed: Elapsed | None = None
) -> dict[str, Any]:
    """A reply: what it says (`ok`, and `result` or `error`), to which request, and where the time went."""
    reply = dict(content) if request_id is None else {"id": request_id, **content}
    if elapsed is not None:
        reply["elapsed"] = elapsed.to_map()
    return reply


def encode_reply(codec: Codec, reply: Mapping[str, Any]) -> bytes:
    """The reply as bytes, no longer than a frame may be.

    In its place is an `internal` error where it holds what the codec cannot carry. One that is too long
    becomes `too_large`, with what happened at the device; of a batch only the parts that find no room do.
    """
    try:
        body = encode(codec, reply)
        if len(body) > MAX_FRAME_BYTES:
            body = encode(codec, _shortened(codec, reply, len(body)))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        why = failure(Code.INTERNAL, f"the reply cannot be put into {codec.value}: {error}")
        return encode(codec, failure_map(reply.get("id"), why))
    return body


def _shortened(codec: Codec, reply: Mapping[str, Any], size: int) -> Mapping[str, Any]:
    result = reply.get("result")
    parts = result.get("replies") if isinstance(result, Mapping) else None
    if not isinstance(result, Mapping) or not isinstance(parts, list):
        return _without_content(reply, size)
    room = MAX_FRAME_BYTES - _SHORTENED_BYTES * (len(parts) + 1)
    kept = []
    for part in parts:
        size = len(encode(codec, part))
        fits = size <= room
        room -= size if fits else 0
        kept.append(part if fits else _without_content(part, size))
    return {**reply, "result": {**result, "replies": kept}}


def _without_content(reply: Mapping[str, Any], size: int) -> Mapping[str, Any]:
    """The reply with its outcome, but without what makes it long."""
    if reply["ok"]:
        message = f"the reply has {size} bytes, and a message at most {MAX_FRAME_BYTES}; ask for less at once"
        details = {"size": size, "limit": MAX_FRAME_BYTES}
        error = failure(Code.TOO_LARGE, message, outcome=Outcome.EXECUTED, details=details).to_map()
    else:
        error = {
            **reply["error"],
            "message": str(reply["error"]["message"])[:_MESSAGE_CHARACTERS],
            "details": {},
        }
    rest = {name: value for name, value in reply.items() if name not in ("ok", "result", "error")}
    return {**rest, "ok": False, "error": error}


_MESSAGE_CHARACTERS: Final = 200  # of an error whose details are too long
_SHORTENED_BYTES: Final = 2048  # that a reply without its content takes at most, but for its id


def success_map(request_id: RequestId, result: Any, elapsed: Elapsed) -> dict[str, Any]:
    """The reply of a request that succeeded."""
    return reply_map(request_id, {"ok": True, "result": result}, elapsed)


def failure_map(request_id: RequestId, error: PlcmqError, elapsed: Elapsed | None = None) -> dict[str, Any]:
    """The reply of a request that failed."""
    return reply_map(request_id, {"ok": False, "error": error.to_map()}, elapsed)


def split_envelope(frames: list[bytes]) -> tuple[Envelope, bytes]:
    """A message's envelope, which comes back unchanged in front of the reply, and its body."""
    return tuple(frames[:-1]), frames[-1]
