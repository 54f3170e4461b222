"""A message's body as bytes: JSON or MessagePack, told apart by the first byte.

Every MessagePack map starts at 0x80 or above, every JSON text below. The only file that imports msgpack.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, NoReturn, cast

import msgpack

from . import jsontext

LEAST_INTEGER: Final = -(2**63)  # what MessagePack can carry
MOST_INTEGER: Final = 2**64 - 1
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024  # a longer frame ends the connection


class Codec(Enum):
    """How a body is encoded. A reply uses the codec of its request."""

    JSON = "json"
    MSGPACK = "msgpack"


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def codec_of(body: bytes) -> Codec:
    """The codec that the first byte of a body tells. An empty body counts as JSON."""
    if body[:1] >= b"\x80" and not body.startswith(_BYTE_ORDER_MARK):
        return Codec.MSGPACK
    return Codec.JSON


def encode(codec: Codec, message: Mapping[str, Any]) -> bytes:
    """The message as bytes. NaN and the infinities become `null` in JSON, which has no words for them."""
    if codec is Codec.MSGPACK:
        return cast("bytes", _packer.pack(message))
    return jsontext.dumps(message)


def encode_item(item: Any) -> bytes:
    """Any plain data as MessagePack, to become an item of `encode_list`."""
    return cast("bytes", _packer.pack(item))


def encode_list(name: str, items: Sequence[bytes]) -> bytes:
    """A MessagePack map with one name, under which is a list of these items, which are encoded already."""
    return b"".join((b"\x81", _packer.pack(name), _packer.list_header(len(items)), *items))


def decode(body: bytes) -> Any:
    """What a body holds.

    Raises:
        ValueError: it is not decodable; the message says why.
    """
    return _decode(body, codec_of(body))


def _decode(body: bytes, codec: Codec) -> Any:
    if codec is Codec.JSON:
        return jsontext.loads(body)
    try:
        return msgpack.unpackb(body, ext_hook=_refuse_extension)
    except UnicodeDecodeError as error:
        raise ValueError("text in MessagePack is not UTF-8") from error
    except ValueError as error:
        raise ValueError(f"not valid MessagePack: {str(error) or type(error).__name__}") from error


def _refuse_extension(number: int, _data: bytes) -> NoReturn:
    raise ValueError(f"MessagePack extension type {number} means nothing here")


class _Packer(threading.local):
    """A packer for each thread: one is dear to make, and not safe to share."""

    def __init__(self) -> None:
        packer = msgpack.Packer(autoreset=True)
        self.pack, self.list_header = packer.pack, packer.pack_array_header


_packer = _Packer()
