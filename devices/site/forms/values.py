"""The values in a site file: names, addresses, numbers, and the short forms of longer things.

Strategy: small pure functions that give a value back in its one writing or raise `ValueError` with a
sentence for people, and pydantic types made of them for `schema`.
"""

from __future__ import annotations

import codecs
import math
import re
import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from ...model.numbers import LETTERS
from ..definitions.address import address_text, parse_address
from ..definitions.content import is_python_class
from ..definitions.presets import PRESETS, known_preset

MAX_ID: Final = 2**53 - 1  # JSON's numbers are exact up to here
MAX_NAME: Final = 100  # characters
MAX_REPLY_TIME: Final = 60.0  # seconds for the reply to one Modbus request

_NAME: Final = re.compile(r"\w[\w.-]*")


def _checked_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name)  # as keyboards differ in how they write `ü`
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise ValueError(
            f"{name!r:.60} is no name: letters, digits, `_`, `-` and `.`, at most {MAX_NAME} characters"
        )
    return name


def _device_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    if not name.isprintable() or name != name.strip() or not 1 <= len(name) <= MAX_NAME:
        raise ValueError(
            f"{name!r:.60} is no device name: 1 to {MAX_NAME} printable characters, no space at an end"
        )
    if name.isdecimal():
        raise ValueError(f"{name!r} would be taken for an id; a device's name must not be a number")
    return name


def _area(area: str) -> str:
    parts = area.split("/") if area else []
    if len(area) > MAX_NAME or any(not part.strip() or part != part.strip() for part in parts):
        raise ValueError(f"{area!r:.60} is no area: names with `/` between them, such as `hall-2/line-1`")
    if not area.isprintable():
        raise ValueError(f"{area!r:.60} is no area: it holds characters that cannot be printed")
    return area


def _device_profile(name: str) -> str:
    return name if is_python_class(name) else _checked_name(name)


def _host(host: str) -> str:
    name, _, port = host.partition(":")
    if name and port.isdecimal():
        raise ValueError(f"{host!r} holds a port; write `host: {name}` and `port: {port}`")
    if not host or len(host) > 253 or not re.fullmatch(r"[\w.:%-]+", host):
        raise ValueError(f"{host!r:.60} is neither a host name nor an IP address")
    parts = host.split(".")
    if len(parts) == 4 and all(part.isdecimal() for part in parts):
        meant = ".".join(str(int(part)) for part in parts)
        if meant != host:
            raise ValueError(
                f"{host!r} has leading zeros, which some take for octal; did you mean {meant!r}?"
            )
    return host.lower()


def _reply_time(seconds: float) -> float:
    if seconds > MAX_REPLY_TIME:
        raise ValueError(f"{seconds:g} is more than a minute: times are in seconds; milliseconds?")
    return seconds


def _canonical_address(text: str) -> str:
    return address_text(*parse_address(text))


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"must be a number, not {value!r:.60}")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _operand(value: object) -> object:
    if isinstance(value, list):
        return [_scalar(item) for item in value]
    return _scalar(value)


def _scalar(value: object) -> object:
    if isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(f"must be a value of the tag or `$argument`, not {value!r:.60}")


def as_list(value: object) -> object:
    """One name is a list of one."""
    return [value] if isinstance(value, str) else value


def as_tag(value: object) -> object:
    """A name alone is the `tag` field."""
    return {"tag": value} if isinstance(value, str) else value


def as_verify(value: object) -> object:
    """True is a form with all its defaults, false is none."""
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


def _raw_numbers(value: object) -> object:
    """Enum numbers as JSON has them, text, become integers."""
    if not isinstance(value, dict):
        return value
    numbers = {_raw_number(key): name for key, name in value.items()}
    if len(numbers) < len(value):
        raise ValueError("the same number stands twice")
    return numbers


def _raw_number(key: object) -> object:
    return int(key) if isinstance(key, str) and re.fullmatch(r"-?[0-9]{1,20}", key, re.ASCII) else key


def _byte_order(letters: str) -> str:
    if len(letters) not in (2, 4, 6, 8) or sorted(letters) != list(LETTERS[: len(letters)]):
        raise ValueError(f"{letters!r:.20} is no order of bytes; write 2, 4, 6 or 8 letters such as `CDAB`")
    return letters


def _bit_range(value: object) -> object:
    match value:
        case [int(low), int(high)] if type(low) is type(high) is int and 0 <= low <= high <= 63:
            return [low, high]
    raise ValueError("must be two bits, from and to, such as `[4, 6]`; 0 is the lowest")


def _encoding_name(name: str) -> str:
    try:
        known = codecs.lookup(name).name
        single = len(bytes(range(256)).decode(known, "replace")) == 256
    except (LookupError, UnicodeError):
        known, single = "", False
    if not single and known not in ("utf-8", "utf-16-be"):
        raise ValueError(
            f"{name!r:.30} is no encoding for texts; possible are utf-8, utf-16-be and single-byte ones such "
            "as latin-1"
        )
    return known


def _confirmation(value: object) -> object:
    if value is False or (isinstance(value, str) and value.strip()):
        return value
    raise ValueError("must be the question to ask a person, or false")


_SCALAR_SCHEMA: Final = {"type": ["boolean", "number", "string"]}
_OPERAND_SCHEMA: Final = {"anyOf": [_SCALAR_SCHEMA, {"type": "array", "items": _SCALAR_SCHEMA}]}

Name = Annotated[
    str,
    AfterValidator(_checked_name),
    Field(json_schema_extra={"pattern": r"^\w[\w.-]*$", "maxLength": MAX_NAME}),
]
Number = Annotated[int | float, PlainValidator(_number), WithJsonSchema({"type": "number"})]
Operand = Annotated[object, PlainValidator(_operand), WithJsonSchema(_OPERAND_SCHEMA)]
Confirmation = Annotated[
    str | bool,
    PlainValidator(_confirmation),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"const": False}]}),
]
Area = Annotated[str, AfterValidator(_area)]
ByteOrder = Annotated[
    str, AfterValidator(_byte_order), Field(json_schema_extra={"pattern": "^([A-H]{2}){1,4}$"})
]
BitRange = Annotated[
    list[int],
    PlainValidator(_bit_range),
    WithJsonSchema({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}),
]
EncodingName = Annotated[str, AfterValidator(_encoding_name)]
Seconds = Annotated[float, Field(ge=0, le=86400)]
ReplyTime = Annotated[float, Field(gt=0, le=86400), AfterValidator(_reply_time)]
Interval = Annotated[float, Field(gt=0, le=86400)]
Loose = Field(strict=False)  # an enumeration is written as text
Id = Annotated[int, Field(ge=0, le=MAX_ID)]
Address = Annotated[str, AfterValidator(_canonical_address)]
DeviceName = Annotated[str, AfterValidator(_device_name)]
DeviceProfile = Annotated[str, AfterValidator(_device_profile)]
Host = Annotated[str, AfterValidator(_host)]
PresetName = Annotated[str, AfterValidator(known_preset), Field(json_schema_extra={"enum": list(PRESETS)})]
RawNumbers = Annotated[dict[int, str], BeforeValidator(_raw_numbers)]
