"""The operations of `bench` as people type them. Pure.

Strategy: each option is one operation in the words of the command that does the same (`read`, `write`,
`call`), with its weight behind a colon at the very end. Text that ends so itself is put into JSON quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from ....client.load.mix import Operation
from ..terminal.arguments import named_values

_WEIGHT: Final = re.compile(r"(.*\S)\s*:\s*(\d+(?:\.\d+)?)\s*", re.DOTALL)
_WORD: Final = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^\s"])+|"')


def operations(reads: Iterable[str], writes: Iterable[str], calls: Iterable[str]) -> list[Operation]:
    """The operations that the three options say.

    Raises:
        ValueError: one of them says none; the message says which, and why.
    """
    return [
        _operation(text, what, parse)
        for what, texts, parse in (
            ("--read", reads, _read),
            ("--write", writes, _write),
            ("--call", calls, _call),
        )
        for text in texts
    ]


_Parsed = tuple[str, str, dict[str, object]]  # its name, the action, and the arguments


def _operation(text: str, option: str, parse: Callable[[str], _Parsed]) -> Operation:
    match = _WEIGHT.fullmatch(text)
    content, weight = (match[1], float(match[2])) if match else (text, 1.0)
    try:
        name, action, rqargs = parse(content)
        return Operation(name, action, rqargs, weight)
    except ValueError as error:
        raise ValueError(f"{option} {text!r}: {error}") from None


def _read(text: str) -> _Parsed:
    tags = [tag for tag in re.split(r"[,\s]+", text) if tag]
    if not tags:
        raise ValueError("it names no tag")
    return f"read {','.join(tags)}", "read", {"tags": tags}


def _write(text: str) -> _Parsed:
    values = named_values(_WORD.findall(text))
    if not values:
        raise ValueError("it is not TAG=VALUE")
    return f"write {','.join(values)}", "write", {"values": values}


def _call(text: str) -> _Parsed:
    action, *arguments = _WORD.findall(text) or [""]
    if not action or "=" in action:
        raise ValueError("it begins with the name of an action")
    return f"call {action}", action, named_values(arguments)
