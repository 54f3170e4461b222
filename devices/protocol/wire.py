"""The messages between broker and device host as bytes.

Strategy: pure. A message is a list: the number of its kind, then its fields in order. How a field is carried
and checked follows from its annotation, so a new field is one line in `messages`. One ZeroMQ message carries
any number of them (`frames` cuts them), so that under load many requests cost one send. Both ends are the
same version of plcmq, or say so in `Hello` before anything else. Anybody who reaches the endpoint can send
anything: every field is checked, so that nothing behind this file meets a wrong type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, get_args, get_type_hints

from ...client.protocol.bodies import Codec, codec_of, decode, encode, encode_item, encode_list
from ...client.protocol.errors import PlcmqError
from ..model.devices import State
from ..planning.learned import Learned, forms_of, holes_of
from ..planning.reads import Hole
from ..site.definitions.content import Definition
from .messages import FromHost, ToHost

Message = ToHost | FromHost

MAX_DEPTH: Final = 64  # nested containers in a result


class NoHostMessage(ValueError):
    """The bytes are nothing that a host or broker of this version sends."""


def pack(messages: Iterable[Message]) -> bytes:
    """Messages as one body, however long."""
    return encode(Codec.MSGPACK, {"m": [_numbered(message) for message in messages]})


def pack_one(message: Message) -> bytes:
    """A message as a part of a body."""
    return encode_item(_numbered(message))


def joined(parts: Sequence[bytes]) -> bytes:
    """The body that holds these parts."""
    return encode_list("m", parts)


def unpack(body: bytes) -> list[Message]:
    """The messages of a body.

    Raises:
        NoHostMessage: it holds something else.
    """
    try:
        if codec_of(body) is not Codec.MSGPACK:
            raise ValueError("not MessagePack")
        return [_from_list(_BY_NUMBER[items[0]], items[1:]) for items in decode(body)["m"]]
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise NoHostMessage(f"not a message between broker and host: {error}") from error


@dataclass(frozen=True, slots=True)
class _Kind:
    """How messages of one class are carried."""

    number: int
    message: type[Any]
    names: tuple[str, ...]  # of its fields
    readers: tuple[Callable[[Any], Any], ...]  # check a field's plain data, and give its value
    writers: dict[int, Callable[[Any], Any]]  # by place: fields whose values are no plain data themselves


def _numbered(message: Message) -> list[Any]:
    kind = _BY_CLASS[type(message)]
    return [kind.number, *_to_list(kind, message)]


def _to_list(kind: _Kind, message: object) -> list[Any]:
    items = [getattr(message, name) for name in kind.names]
    for place, write in kind.writers.items():
        items[place] = write(items[place])
    return items


def _from_list(kind: _Kind, items: list[Any]) -> Any:
    if len(items) != len(kind.readers):
        raise ValueError(f"{kind.message.__name__} has {len(kind.readers)} fields, not {len(items)}")
    place = 0
    try:
        for place, read in enumerate(kind.readers):
            items[place] = read(items[place])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{kind.message.__name__}.{kind.names[place]} is wrong: {error}") from error
    return kind.message(*items)


_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def _is_plain(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether a reply can carry it: no binary, names that are text, not nested without end."""
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


def _plain(value: Any) -> Any:
    if not _is_plain(value):
        raise ValueError("no plain data")
    return value


def _exactly(*kinds: type) -> Callable[[Any], Any]:
    """A reader of values of these classes; True is no int, and NaN no float."""

    def read(value: Any) -> Any:
        if type(value) not in kinds or (type(value) is float and not math.isfinite(value)):
            raise ValueError(f"a {type(value).__name__}")
        return value

    return read


def _map(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise ValueError("no map")
    _plain(value)
    return value


def _list_of(read: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def read_all(value: Any) -> list[Any]:
        if type(value) is not list:
            raise ValueError("no list")
        return [read(item) for item in value]

    return read_all


def _maps(value: Any) -> dict[str, Any]:
    return {name: _map(item) for name, item in _map(value).items()}


def _error(value: Any) -> PlcmqError | None:
    return None if value is None else PlcmqError.from_map(_map(value))


_READERS: Final[dict[object, Callable[[Any], Any]]] = {
    int: _exactly(int),
    str: _exactly(str),
    bool: _exactly(bool),
    float: _exactly(float, int),
    str | None: _exactly(str, type(None)),
    State: State,
    Any: _plain,
    dict[str, Any]: _map,
    list[int]: _list_of(_exactly(int)),
    list[list[Any]]: _list_of(_list_of(_plain)),
    list[Definition]: _list_of(_map),
    dict[str, Definition]: _maps,
    PlcmqError | None: _error,
    frozenset[Hole]: holes_of,
    list[Learned]: _list_of(lambda items: _from_list(_BY_CLASS[Learned], [*items])),
}
_WRITERS: Final[dict[object, Callable[[Any], Any]]] = {
    PlcmqError | None: lambda error: None if error is None else error.to_map(),
    frozenset[Hole]: forms_of,
    list[Learned]: lambda learned: [_to_list(_BY_CLASS[Learned], one) for one in learned],
}


def _kind(number: int, message: type[Any]) -> _Kind:
    hints = get_type_hints(message)
    names = tuple(field.name for field in fields(message))
    carried = [hints[name] for name in names]
    writers = {place: _WRITERS[hint] for place, hint in enumerate(carried) if hint in _WRITERS}
    return _Kind(number, message, names, tuple(_READERS[hint] for hint in carried), writers)


_BY_NUMBER: Final[dict[int, _Kind]] = {
    number: _kind(number, message) for number, message in enumerate(get_args(ToHost) + get_args(FromHost))
}
_BY_CLASS: Final[dict[type[Any], _Kind]] = {kind.message: kind for kind in _BY_NUMBER.values()}
