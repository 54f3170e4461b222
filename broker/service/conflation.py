"""Events of watches as messages, and what two of them say together.

Strategy: pure. A client that reads slowly shall hear the newest of everything and not all that was before: an
event that still waits takes in the next one of its watch.
"""

from __future__ import annotations

from typing import Any

from ...client.protocol.bodies import MAX_FRAME_BYTES, codec_of, decode, encode
from ...client.protocol.messages import reply_map
from ...devices.protocol.messages import Event
from ..routing.subscriptions import Watch
from .backlog import Conflation

_BY_TAG = ("values", "age", "errors")


def event_body(watch: Watch, event: Event) -> bytes:
    """The message that tells a watch's client of an event; one too long for a message ends the watch."""
    body = encode(watch.codec, reply_map(watch.request, {"event": event.content}))
    if len(body) <= MAX_FRAME_BYTES:
        return body
    reason = f"an event has {len(body)} bytes, and a message at most {MAX_FRAME_BYTES}; watch fewer tags"
    return encode(watch.codec, reply_map(watch.request, {"event": {"ended": reason}}))


def conflation_of(watch: Watch, event: Event) -> Conflation | None:
    """How the event merges into one that waits; the last one of a watch stays by itself."""
    return None if "ended" in event.content else Conflation(watch.id, merge_events)


def merge_events(older: bytes, newer: bytes) -> bytes:
    """The message that says what two messages of one watch say one after the other.

    What the newer one says of a tag, value or error, is all that is said of that tag; overruns add up.
    """
    before, after = decode(older), decode(newer)
    return encode(codec_of(newer), after | {"event": _merged(before["event"], after["event"])})


def _merged(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    told_anew = {tag for name in _BY_TAG for tag in after.get(name, ())}
    merged = before | after
    for name in _BY_TAG:
        if name in merged:
            kept = {tag: said for tag, said in before.get(name, {}).items() if tag not in told_anew}
            merged[name] = kept | after.get(name, {})
    if not merged.get("errors", True):
        del merged["errors"]
    if "overruns" in merged:
        merged["overruns"] = before.get("overruns", 0) + after.get("overruns", 0)
    return merged
