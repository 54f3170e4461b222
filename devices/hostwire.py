"""The messages between broker and device host as bytes.

Strategy: pure. One ZeroMQ message carries any number of them, so that under load many requests cost one send.
A message is a list: the number of its kind, then its fields in order. Both ends are the same version of
plcmq, or say so in `Hello` before anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, Final

from ..client.errors import PlcmqError
from ..client.protocol import Codec, decode, encode
from .jobs import (
    Again,
    Bye,
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
from .model import State

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
)
_NUMBERS: Final = {kind: number for number, kind in enumerate(_KINDS)}
_FIELDS: Final = {kind: tuple(field.name for field in fields(kind)) for kind in _KINDS}


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
        return [_from_list(items) for items in decode(body)["m"]]
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise NoHostMessage(f"not a message between broker and host: {error}") from error


def _to_list(message: Message) -> list[Any]:
    kind = type(message)
    items = [_NUMBERS[kind], *(getattr(message, name) for name in _FIELDS[kind])]
    if isinstance(message, Done) and message.error is not None:
        items[3] = message.error.to_map()
    return items


def _from_list(items: Sequence[Any]) -> Message:
    kind = _KINDS[items[0]]
    message: Message = kind(*items[1:])
    if isinstance(message, Done) and message.error is not None:
        message.error = PlcmqError.from_map(items[3])
    elif isinstance(message, DeviceState):
        return DeviceState(message.device, State(message.state), message.since, message.reason)
    return message
