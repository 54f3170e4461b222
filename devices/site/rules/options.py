"""Which options of a tag go with which types and with each other, as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...model.numbers import UNSIGNED, WORDS
from ...model.tags import Access, Tag, Type
from ..definitions.problems import Findings, Path
from ..forms.tag import TagForm

_BYTES: Final = (Type.INT8, Type.UINT8)
_UNSIGNED: Final = f"goes with an unsigned type of whole registers ({', '.join(UNSIGNED)})"
_NUMBERS: Final = "makes sense for numbers only"
_TEXTS: Final = "makes sense for strings only"


def check_options(tag: Tag, form: TagForm, path: Path) -> Findings:
    """Everything that does not go together in the options of a tag."""
    for option, is_wrong, why in _RULES:
        if getattr(form, option) not in (None, False) and is_wrong(tag, form):
            yield (*path, option), why
    last = _last_bit(tag)
    for bit in tag.flags or ():
        if not 0 <= bit <= last:
            yield (*path, "flags", bit), f"type {tag.type} has the bits 0 to {last}"
    if tag.order and tag.type is not Type.STRING and len(tag.order) != 2 * WORDS[tag.type]:
        yield (*path, "order"), f"has a letter for each of the {2 * WORDS[tag.type]} bytes of type {tag.type}"


def _last_bit(tag: Tag) -> int:
    return 16 * WORDS.get(tag.type, 1) - 1


def _is_number(tag: Tag) -> bool:
    return tag.type not in (Type.BOOL, Type.STRING)


def _holds_bits(tag: Tag) -> bool:
    return tag.type in UNSIGNED and not tag.table.is_bits


def _lacks_pad(tag: Tag) -> bool:
    try:
        tag.pad.encode(tag.encoding)
    except UnicodeEncodeError:
        return True
    return False


def _functions(tag: Tag) -> tuple[int, ...]:
    if tag.table.is_bits:
        return (5, 15)
    return (22,) if tag.bit is not None or tag.bits or tag.type in _BYTES else (6, 16)


_RULES: Final[tuple[tuple[str, Callable[[Tag, TagForm], bool], str], ...]] = (
    ("bits", lambda tag, _: not _holds_bits(tag), _UNSIGNED),
    (
        "bits",
        lambda tag, _: tag.flags is not None or tag.count is not None,
        "goes without `flags` and `count`",
    ),
    ("bits", lambda tag, _: (tag.bits or (0, 0))[1] > _last_bit(tag), "goes beyond the bits of its type"),
    (
        "bits",
        lambda tag, _: tag.access.is_writable and _last_bit(tag) > 15,
        "of more than one register cannot be written; leave `access` out",
    ),
    ("flags", lambda tag, _: not _holds_bits(tag), _UNSIGNED),
    (
        "flags",
        lambda tag, _: tag.enum is not None or tag.count is not None or tag.is_scaled,
        "goes without `enum`, `count`, `scale` and `offset`",
    ),
    ("no_value", lambda tag, _: not _is_number(tag), _NUMBERS),
    ("scale_exponent", lambda tag, _: not _is_number(tag), _NUMBERS),
    (
        "scale_exponent",
        lambda tag, _: tag.enum is not None or tag.flags is not None or tag.bits is not None,
        "goes without `enum`, `flags` and `bits`",
    ),
    ("precision", lambda tag, _: not _is_number(tag), _NUMBERS),
    ("strict", lambda tag, _: tag.enum is None, "makes no sense without `enum`"),
    ("byte", lambda tag, _: tag.type not in _BYTES, "makes sense for int8 and uint8 only"),
    (
        "count",
        lambda tag, _: tag.type in _BYTES,
        "does not go together with a type that is a part of a register",
    ),
    ("order", lambda tag, _: tag.type is Type.STRING and len(tag.order) != 2, "of a string is `AB` or `BA`"),
    ("order", lambda tag, _: tag.table.is_bits, "makes no sense for bits"),
    (
        "order",
        lambda _, form: form.word_order is not None or form.byte_order is not None,
        "replaces `word_order` and `byte_order`; leave them out",
    ),
    ("pad", lambda tag, _: tag.type is not Type.STRING, _TEXTS),
    ("pad", lambda tag, _: _lacks_pad(tag), "is no character of the encoding"),
    ("encoding", lambda tag, _: tag.type is not Type.STRING, _TEXTS),
    ("chars", lambda tag, _: tag.type is not Type.STRING, _TEXTS),
    (
        "chars",
        lambda tag, _: tag.encoding == "utf-16-be" or bool(tag.header),
        "goes with a single-byte encoding and without `header`",
    ),
    ("header", lambda tag, _: tag.type is not Type.STRING, _TEXTS),
    (
        "header",
        lambda tag, _: tag.count is not None or tag.length > 254 or tag.encoding == "utf-16-be",
        "goes with a single text of at most 254 bytes in a single-byte encoding",
    ),
    (
        "write_function",
        lambda tag, _: not tag.access.is_writable,
        "makes no sense for a tag that is only read",
    ),
    (
        "write_function",
        lambda tag, _: tag.write_function not in _functions(tag),
        "does not write this: coils take 5 and 15, registers 6 and 16, parts of a register 22",
    ),
    (
        "verify",
        lambda tag, _: tag.access is Access.WO and tag.verify is not None and tag.verify.tag is None,
        "cannot read a tag that is only written; name another one: `verify: {tag: …}`",
    ),
)
"""Option, when it is wrong, and why."""
