"""What must hold within one tag: its type, its table and its options have to go together."""

from __future__ import annotations

from collections import Counter
from typing import Final

from ...modbus.limits import LAST_ADDRESS, most_read, most_written
from ...model.codec import TagCodec
from ...model.numbers import RANGES, raw_range
from ...model.tags import Access, Table, Tag, Type
from ..definitions.problems import Findings, Path
from ..forms.tag import TagForm
from .options import check_options

_NOT_NUMBERS: Final = (Type.BOOL, Type.STRING)


def check_tag(tag: Tag, form: TagForm, path: Path) -> Findings:
    """Everything that does not go together in one tag.

    Args:
        tag: the tag.
        form: its form, which tells what was given.
        path: where it stands.
    """
    findings = [
        *_check_place(tag, path),
        *_check_options(tag, form, path),
        *_check_enum(tag, path),
        *check_options(tag, form, path),
    ]
    yield from findings
    if findings:
        return
    try:
        width = TagCodec(tag).width
    except ValueError as error:
        yield path, str(error).removeprefix(f"{tag.name}: ")
        return
    yield from _check_width(tag, width, path)


def _check_place(tag: Tag, path: Path) -> Findings:
    if tag.table.is_bits and tag.type is not Type.BOOL:
        yield (*path, "type"), f"an address of table {tag.table} holds one bit, so the type is bool"
    if tag.access.is_writable and not tag.table.is_writable:
        other = Table.COIL if tag.table.is_bits else Table.HOLDING
        yield (*path, "access"), f"table {tag.table} cannot be written (Modbus writes {other}); leave it out"
    if tag.bit is None:
        return
    if tag.table.is_bits:
        yield (*path, "bit"), f"makes no sense in table {tag.table}, whose addresses are bits; leave it out"
    elif tag.type is not Type.BOOL:
        yield (*path, "bit"), f"picks one bit, so the type must be bool, not {tag.type}"
    if tag.count is not None:
        yield (*path, "count"), "does not go together with `bit`"


def _check_options(tag: Tag, form: TagForm, path: Path) -> Findings:
    if tag.type is Type.STRING and form.length is None:
        yield (*path, "length"), "is missing: a string needs its length in bytes"
    if tag.type is not Type.STRING and form.length is not None:
        yield (
            (*path, "length"),
            f"makes no sense for type {tag.type}; it is for strings, an array has `count`",
        )
    if tag.type in _NOT_NUMBERS:
        for option in ("scale", "offset", "min", "max"):
            if option in form.model_fields_set and getattr(form, option) is not None:
                yield (*path, option), f"makes no sense for type {tag.type}"
    elif tag.scale == 0:
        yield (*path, "scale"), "must not be 0: every value would be the same"
    if tag.min is not None and tag.max is not None and tag.min > tag.max:
        yield (*path, "min"), f"{tag.min:g} is above max, {tag.max:g}"
    for option, given in (("verify", tag.verify is not None), ("urgent", tag.urgent)):
        if given and tag.access is Access.RO:
            yield (*path, option), "makes no sense for a tag that is only read; set `access: rw`"


def _check_enum(tag: Tag, path: Path) -> Findings:
    if tag.enum is None:
        return
    low, high = raw_range(tag) or (0, 1)
    if tag.type not in RANGES and tag.type is not Type.BOOL:
        yield (*path, "enum"), f"names whole numbers or booleans; type {tag.type} has none"
        return
    for number in tag.enum:
        if not low <= number <= high:
            yield (*path, "enum", number), f"{number} does not fit into {tag.type} ({low} to {high})"
    for name, times in Counter(tag.enum.values()).items():
        if times > 1 and tag.access.is_writable:
            yield (
                (*path, "enum"),
                f"the name `{name}` stands for {times} numbers; writing it would be a guess",
            )


def _check_width(tag: Tag, width: int, path: Path) -> Findings:
    cells = "bits" if tag.table.is_bits else "registers"
    if tag.address + width - 1 > LAST_ADDRESS:
        yield (
            (*path, "address"),
            f"the tag has {width} {cells} and would end at {tag.address + width - 1}; "
            f"a table ends at {LAST_ADDRESS}",
        )
    field = "length" if tag.type is Type.STRING and tag.count is None else "count"
    if width > (limit := most_read(tag.table.is_bits)):
        yield (
            (*path, field),
            f"makes {width} {cells}; one request reads at most {limit}, and no value is split",
        )
    elif tag.access.is_writable and width > (limit := most_written(tag.table.is_bits)):
        yield (*path, field), f"makes {width} {cells}; one request writes at most {limit}"
