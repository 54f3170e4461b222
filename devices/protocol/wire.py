"""The messages between broker and device host as bytes.

Strategy: pure. One ZeroMQ message carries any number of them, so that under load many requests cost one send.
A message is a list: the number of its kind, then its fields in order. Both ends are the same version of
plcmq, or say so in `Hello` before anything else. Whoever reaches the endpoint can send anything: every field
is checked, so that nothing behind this file meets a wrong type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, Final

from ...client.protocol.bodies import Codec, codec_of, decode, encode
from ...client.protocol.errors import PlcmqError
from ..model.devices import State
from ..planning.learned import Learned, forms_of, holes_of
from .messages import (
    COUNTED,
    Again,
    Bye,
    Count,
    Counts,
    DeviceState,
    Done,
    Event,
    FromHost,
    Hello,
    Job,
    Ping,
    Pong,
    Refused,
    Release,
    Released,
    Serve,
    ToHost,
    Welcome,
)

Message = ToHost | FromHost

_KINDS: Final[tuple[type[Message], ...]] = (
    Job,
    Done,
    Ping,
    Pong,
    Hello,
    Welcome,
    Refused,
    Again,
    Serve,
    Release,
    Released,
    DeviceState,
    Bye,
    Event,
    Learned,
    Count,
    Counts,
)
_KINDS_BY_NUMBER: Final = dict(enumerate(_KINDS))
_NUMBERS: Final = {kind: number for number, kind in enumerate(_KINDS)}
_FIELDS: Final = {kind: tuple(field.name for field in fields(kind)) for kind in _KINDS}
MAX_DEPTH: Final = 64  # nested containers in a result


class NoHostMessage(ValueError):
    """The bytes are nothing that a host or broker of this version sends."""


def pack(messages: Iterable[Message]) -> bytes:
    """Messages as one body."""
    return encode(Codec.MSGPACK, {"m": [_to_list(message) for message in messages]})


def unpack(body: bytes) -> list[Message]:
    """The messages of a body.

    Raises:
        NoHostMessage: it holds something else.
    """
    try:
        if codec_of(body) is not Codec.MSGPACK:
            raise ValueError("not MessagePack")
        return [_from_list(items) for items in decode(body)["m"]]
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise NoHostMessage(f"not a message between broker and host: {error}") from error


def _to_list(message: Message) -> list[Any]:
    kind = type(message)
    items = [_NUMBERS[kind], *(getattr(message, name) for name in _FIELDS[kind])]
    if isinstance(message, Done) and message.error is not None:
        items[3] = message.error.to_map()
    elif isinstance(message, Learned):
        items[4], items[5] = forms_of(message.holes), forms_of(message.gone)
    elif isinstance(message, Serve):
        items[3] = [_to_list(learned)[1:] for learned in message.learned]
    return items


def _from_list(items: list[Any]) -> Message:
    kind = _KINDS_BY_NUMBER[items[0]]
    checks = _CHECKS[kind]
    if len(items) != len(checks) + 1:
        raise ValueError(f"{kind.__name__} has {len(checks)} fields, not {len(items) - 1}")
    for place, check in enumerate(checks, start=1):
        if not check(items[place]):
            raise ValueError(f"{kind.__name__}.{_FIELDS[kind][place - 1]} is wrong")
    message: Message = kind(*items[1:])
    if isinstance(message, Done) and message.error is not None:
        message.error = PlcmqError.from_map(items[3])
    elif isinstance(message, DeviceState):
        return DeviceState(message.device, State(message.state), message.since, message.reason)
    elif isinstance(message, Learned):
        holes, gone = holes_of(message.holes), holes_of(message.gone)
        return Learned(message.device, message.place, message.epoch, holes, gone)
    elif isinstance(message, Serve):
        _check_forms(message)
        number = _NUMBERS[Learned]
        learned = [_from_list([number, *fields_of]) for fields_of in items[3]]
        return Serve(message.profiles, message.devices, [one for one in learned if isinstance(one, Learned)])
    return message


def _is_plain(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether it is what a reply can say: no binary, names that are text, not nested without end."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if depth == 0:
        return False
    if kind is list:
        return all(_is_plain(item, depth - 1) for item in value)
    return kind is dict and all(
        type(name) is str and _is_plain(item, depth - 1) for name, item in value.items()
    )


_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def _is_int(value: Any) -> bool:
    return type(value) is int


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_flag(value: Any) -> bool:
    return type(value) is bool


def _is_time(value: Any) -> bool:
    return type(value) in (float, int) and math.isfinite(value)


def _is_map(value: Any) -> bool:
    return type(value) is dict and _is_plain(value)


def _is_map_or_none(value: Any) -> bool:
    return value is None or _is_map(value)


def _is_text_or_none(value: Any) -> bool:
    return value is None or type(value) is str


def _are_ids(value: Any) -> bool:
    return type(value) is list and all(type(item) is int for item in value)


def _are_maps(value: Any) -> bool:
    return type(value) is list and all(map(_is_map, value))


def _are_lists(value: Any) -> bool:
    return type(value) is list and all(type(item) is list for item in value)


def _are_counted(value: Any) -> bool:
    return type(value) is list and all(map(_is_counted, value))


def _is_counted(row: Any) -> bool:
    return type(row) is list and len(row) == len(COUNTED) and _is_int(row[0]) and _is_plain(row)


def _check_forms(serve: Serve) -> None:
    for form in serve.devices:
        if not (_is_int(form.get("id")) and _is_text(form.get("profile"))):
            raise ValueError("a device without id or profile")
        if not isinstance(serve.profiles.get(form["profile"]), dict):
            raise ValueError(f"no profile {form['profile']!r}")


_CHECKS: Final[dict[type[Message], tuple[Callable[[Any], bool], ...]]] = {
    Job: (_is_int, _is_int, _is_text, _is_map, _is_time, _is_text, _is_text_or_none),
    Done: (_is_int, _is_plain, _is_map_or_none, _is_time, _is_time),
    Ping: (_is_time,),
    Pong: (_is_time, _is_int),
    Hello: (_is_text, _is_text, _is_text, _are_ids),
    Welcome: (_is_time, _is_time),
    Refused: (_is_text, _is_flag),
    Again: (),
    Serve: (_is_map, _are_maps, _are_lists),
    Release: (_are_ids,),
    Released: (_are_ids,),
    DeviceState: (_is_int, _is_text, _is_time, _is_text),
    Bye: (),
    Event: (_is_text, _is_map),
    Learned: (_is_int, _is_text, _is_int, _are_lists, _are_lists),
    Count: (),
    Counts: (_are_counted,),
}
