"""Replies that lie or are broken (faults.md F8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import ClassVar

from .base import Exchange, RequestFault


class Broken(StrEnum):
    """What is wrong with a reply."""

    EXCEPTION_LENGTH = "exception_length"  # an exception reply whose length says one too many
    LENGTH_71 = "length_71"
    LENGTH_FFFF = "length_ffff"
    FRAGMENTS = "fragments"  # one byte at a time; nothing else is wrong
    DOUBLED = "doubled"  # twice, in one segment
    STALE = "stale"  # behind the reply to an older transaction, in one segment
    TRAILING = "trailing"  # bytes after its end
    PROTOCOL_ID = "protocol_id"
    UNIT = "unit"  # another unit id
    FUNCTION = "function"  # another function code
    TRUNCATED = "truncated"  # its end is missing
    MUTATED = "mutated"  # a few bytes at random


@dataclass(kw_only=True, eq=False)
class BrokenFrames(RequestFault):
    """Breaks replies.

    Attributes:
        kinds: what is chosen from, at random.
    """

    name: ClassVar[str] = "broken_frames"
    p: float = 0.02
    kinds: tuple[Broken, ...] = tuple(Broken)

    def after(self, exchange: Exchange) -> None:
        """Breaks the reply that is about to leave."""
        if exchange.frames and self.hits(exchange):
            kind = self.random.choice(self.kinds)
            exchange.frames = [
                piece for reply in exchange.frames for piece in break_frame(reply, kind, self.random)
            ]


def break_frame(reply: bytes, kind: Broken, dice: Random) -> list[bytes]:
    """The pieces to send instead of a reply."""
    if kind is Broken.FRAGMENTS:
        return [reply[i : i + 1] for i in range(len(reply))]
    if kind is Broken.MUTATED:
        return [_mutate(reply, dice)]
    return [_EDITS[kind](reply)]


def _mutate(reply: bytes, dice: Random) -> bytes:
    mutated = bytearray(reply)
    for _ in range(dice.randint(1, 4)):
        mutated[dice.randrange(len(mutated))] = dice.randrange(256)
    return bytes(mutated)


def _length(reply: bytes, length: int) -> bytes:
    return reply[:4] + length.to_bytes(2, "big") + reply[6:]


def _stale(reply: bytes) -> bytes:
    older = (int.from_bytes(reply[:2], "big") - 1) & 0xFFFF
    return older.to_bytes(2, "big") + reply[2:] + reply


_EDITS: dict[Broken, Callable[[bytes], bytes]] = {
    Broken.EXCEPTION_LENGTH: lambda reply: _length(reply[:7] + bytes((reply[7] | 0x80, 4)), 4),
    Broken.LENGTH_71: lambda reply: _length(reply, 71),
    Broken.LENGTH_FFFF: lambda reply: _length(reply, 0xFFFF),
    Broken.DOUBLED: lambda reply: reply + reply,
    Broken.STALE: _stale,
    Broken.TRAILING: lambda reply: reply + b"\x00\xff\x2a",
    Broken.PROTOCOL_ID: lambda reply: reply[:2] + b"\x12\x34" + reply[4:],
    Broken.UNIT: lambda reply: reply[:6] + bytes((reply[6] ^ 0xFF,)) + reply[7:],
    Broken.FUNCTION: lambda reply: reply[:7] + bytes((reply[7] ^ 0x01,)) + reply[8:],
    Broken.TRUNCATED: lambda reply: reply[:-1],
}
