"""The everyday calls as data: what each sends, and what it makes of the result. Both clients share them.

Strategy: pure functions. A client adds only the waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ..protocol.errors import PlcmqError
from ..protocol.replies import Event, Reply, reply_from_map

LOCK_TTL: Final = 30.0  # seconds that a lock lives unless it is renewed


def read_args(tags: Sequence[str], max_age: float | None) -> dict[str, Any]:
    """Arguments of `read`. `max_age`: seconds that a value may be old instead of being read again."""
    rqargs: dict[str, Any] = {"tags": tags[0] if len(tags) == 1 else list(tags)}
    if max_age is not None:
        rqargs["max_age"] = max_age
    return rqargs


def read_result(tags: Sequence[str], result: Mapping[str, Any]) -> Any:
    """The value of the one tag that was asked for, or a map of tag to value where it was several.

    Raises:
        PlcmqError: a tag could not be read. It is the first such tag's error; its `details` have that
            `tag`, the
            `values` of the tags that could be read, and all `errors` by tag.
    """
    values: Mapping[str, Any] = result["values"]
    errors: Mapping[str, Mapping[str, Any]] = result.get("errors") or {}
    for tag, error in errors.items():
        details = {**(error.get("details") or {}), "tag": tag, "values": values, "errors": errors}
        raise PlcmqError.from_map({**error, "details": details})
    return values[tags[0]] if len(tags) == 1 else dict(values)


def write_args(values: Mapping[str, Any], verify: bool | None) -> dict[str, Any]:
    """Arguments of `write`. `verify`: read back and compare; None leaves it to the tags' own settings."""
    rqargs: dict[str, Any] = {"values": dict(values)}
    if verify is not None:
        rqargs["verify"] = verify
    return rqargs


def devices_args(limit: int, offset: int, match: str | None) -> dict[str, Any]:
    """Arguments of `devices`."""
    rqargs: dict[str, Any] = {"limit": limit, "offset": offset}
    if match is not None:
        rqargs["match"] = match
    return rqargs


def batch_args(requests: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Arguments of `batch`."""
    return {"requests": [dict(request) for request in requests]}


def batch_result(result: Mapping[str, Any]) -> list[Reply]:
    """The replies of a `batch`, in the order of its requests."""
    replies = (reply_from_map(reply) for reply in result["replies"])
    return [reply for reply in replies if not isinstance(reply, Event)]
