"""JSON bodies: the standard library's JSON, and whatever is faster and says the same.

Strategy: the standard library decides what is JSON. A program that has a faster library may lend it
(`accelerate`); what that library refuses, or would read differently, the standard library gets to see. So who
speaks with a broker cannot tell which of the two has read his message.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

_Loads = Callable[[bytes], Any]
_Dumps = Callable[[Any], bytes]

_LONG_NUMBER: Final = re.compile(rb"[0-9]{18}")  # others may read a number of so many digits as a float

_fast: list[tuple[_Loads, _Dumps]] = []


def accelerate(loads: _Loads, dumps: _Dumps) -> None:
    """Lends this process a faster library.

    Args:
        loads: as `json.loads`, of bytes; raises `ValueError` at the least doubt.
        dumps: as `json.dumps` without spaces, to bytes, with NaN and infinities as `null`; raises `TypeError`
            where it does not know how.
    """
    _fast[:] = [(loads, dumps)]


def dumps(message: Any) -> bytes:
    """The message as JSON. NaN and the infinities become `null`, for JSON has no words for them."""
    for _loads, fast in _fast:
        try:
            return fast(message)
        except TypeError:
            break
    try:
        return _to_json(message).encode()
    except ValueError:
        return _to_json(_without_nan(message)).encode(errors="replace")


def loads(body: bytes) -> Any:
    """What a body holds.

    Raises:
        ValueError: it is no JSON; the message says why.
    """
    for fast, _dumps in _fast:
        try:
            if _LONG_NUMBER.search(body) is None:
                return fast(body)
        except ValueError:
            break
    try:
        content = _from_json(body.decode())
    except UnicodeDecodeError as error:
        raise ValueError("JSON is not UTF-8") from error
    except RecursionError as error:
        raise ValueError("JSON is nested too deep") from error
    except ValueError as error:
        raise ValueError(f"not valid JSON: {error}") from error
    if b"\\u" in body:
        _refuse_lone_surrogates(content)
    return content


def _refuse_lone_surrogates(content: Any) -> None:
    try:
        _to_json(content).encode()
    except UnicodeEncodeError as error:
        raise ValueError("JSON text holds half of a surrogate pair") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value


_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_from_json = json.JSONDecoder(parse_constant=_refuse_constant).decode
