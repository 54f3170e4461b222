"""Addresses in both writings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.model.tags import Table
from plcmq.devices.site.definitions.address import address_text, parse_address


@pytest.mark.parametrize(
    ("text", "table", "number"),
    [
        ("holding:0", Table.HOLDING, 0),
        ("coil:65535", Table.COIL, 65535),
        ("40001", Table.HOLDING, 0),
        ("400001", Table.HOLDING, 0),
        ("465536", Table.HOLDING, 65535),
        ("30010", Table.INPUT, 9),
        ("10001", Table.DISCRETE, 0),
        ("00001", Table.COIL, 0),
        ("000001", Table.COIL, 0),
    ],
)
def test_an_address_in_either_writing_names_a_table_and_a_number(
    text: str, table: Table, number: int
) -> None:
    assert parse_address(text) == (table, number)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("40000", "counts from 1"),
        ("465537", "ends at address 65535"),
        ("holding:65536", "ends at address 65535"),
        ("register:1", "unknown table `register`"),
        ("20001", "is no address"),
        ("holding", "is no address"),
        ("holding:-1", "is no address"),
        ("holding:٣", "is no address"),
        ("", "is no address"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_address(text)


@given(st.sampled_from(Table), st.integers(0, 65535))
def test_the_canonical_writing_reads_back(table: Table, number: int) -> None:
    assert parse_address(address_text(table, number)) == (table, number)


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        table, number = parse_address(text)
    except ValueError:
        return
    assert parse_address(address_text(table, number)) == (table, number)
