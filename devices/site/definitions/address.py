"""Addresses of the data model, in both writings.

Strategy: one parser for `table:number` with a 0-based number, and for Modicon notation, whose first digit is
the table and whose number counts from 1. The 0-based writing is the canonical one.
"""

from __future__ import annotations

import re
from typing import Final

from ...modbus.limits import LAST_ADDRESS
from ...model.tags import Table

_PLAIN: Final = re.compile(r"([a-z]+):(0[xX][0-9a-fA-F]{1,8}|0|[1-9][0-9]{0,9})", re.ASCII)
_MODICON: Final = re.compile(r"([0134])([0-9]{4,5})", re.ASCII)
_TABLES: Final = {"0": Table.COIL, "1": Table.DISCRETE, "3": Table.INPUT, "4": Table.HOLDING}


def parse_address(text: str) -> tuple[Table, int]:
    """The table and the 0-based number that an address names.

    Raises:
        ValueError: it is none; the message says how an address is written.
    """
    if plain := _PLAIN.fullmatch(text):
        try:
            return Table(plain[1]), _in_range(int(plain[2], 0), text)
        except ValueError as error:
            if plain[1] in tuple(Table):
                raise
            raise ValueError(f"unknown table `{plain[1]}`; it is one of {_table_names()}") from error
    if modicon := _MODICON.fullmatch(text):
        if int(modicon[2]) == 0:
            raise ValueError(f"{text!r} does not exist: Modicon notation counts from 1")
        return _TABLES[modicon[1]], _in_range(int(modicon[2]) - 1, text)
    raise ValueError(
        f"{text!r} is no address; write a table and a 0-based number such as `holding:0` "
        f"({_table_names()}), or Modicon notation such as '40001'"
    )


def address_text(table: Table, number: int) -> str:
    """The canonical writing of an address."""
    return f"{table}:{number}"


def _in_range(number: int, text: str) -> int:
    if number > LAST_ADDRESS:
        raise ValueError(f"{text!r} is past the end: a table ends at address {LAST_ADDRESS}")
    return number


def _table_names() -> str:
    return ", ".join(Table)
