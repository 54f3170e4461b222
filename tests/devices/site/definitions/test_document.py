"""YAML text to data with lines."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.site.definitions.document import MAX_DEPTH, parse_document
from plcmq.devices.site.definitions.problems import SiteError


def content_of(text: str) -> object:
    document = parse_document(text, "site.yaml")
    assert not document.problems
    return document.content


def problem_in(text: str) -> str:
    try:
        document = parse_document(text, "site.yaml")
    except SiteError as error:
        return str(error)
    return "\n".join(map(str, document.problems))


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "y", "n", "Yes", "12:30:45", "2024-01-01", "1_000"]
)
def test_what_only_yaml_1_1_takes_for_something_else_is_text(word: str) -> None:
    assert content_of(f"{word}: {word}") == {word: word}


def test_scalars_read_as_in_yaml_1_2() -> None:
    text = "[1, -2, 0x10, 0o17, 1.5, .5, 1e3, true, False, null, ~, '1', !!str 1, !!float 1]"
    assert content_of(text) == [1, -2, 16, 15, 1.5, 0.5, 1000.0, True, False, None, None, "1", "1", 1.0]


def test_a_number_with_a_leading_zero_is_refused_because_readers_differ() -> None:
    assert problem_in("a:\n  address: 00001") == (
        "site.yaml:2: a.address: 00001 is octal to some YAML readers and decimal to others; "
        "write '00001' in quotes for text (an address, say), or 1 for the number"
    )


def test_a_key_that_stands_twice_is_refused_with_both_lines() -> None:
    assert problem_in("a: {b: 1}\nc: 2\na: 3") == "site.yaml:3: a: stands twice in this map; first in line 1"


def test_several_problems_are_found_in_one_go() -> None:
    assert problem_in("a: 01\nb: 02\nb: 3").count("site.yaml:") == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("a: [1", "not valid YAML"),
        ("a: b: c", "not valid YAML"),
        ("\ta: 1", "not valid YAML"),
        ("a: \x00", "not valid YAML"),
        ("a: 1\n---\nb: 2", "a second document"),
        ("{[1]: 2}", "cannot be a key"),
        ("a: !!python/object:os.system {}", "is not possible here"),
        ("a: !custom 3", "is not possible here"),
        ("a: !!int x", "is not possible here"),
        ("a: &x [*x]", "stands before, or within"),
        ("a: *x", "stands before, or within"),
        ("<<: 3", "takes a map"),
    ],
)
def test_what_is_refused_is_refused_with_the_reason(text: str, why: str) -> None:
    assert why in problem_in(text)


def test_what_is_nested_without_end_is_refused() -> None:
    """By us or, from libyaml 0.2.6 on, by the parser."""
    assert f"nested more than {MAX_DEPTH} deep" in problem_in("[" * (MAX_DEPTH + 1))
    problem = problem_in("[" * 100_000)
    assert f"nested more than {MAX_DEPTH} deep" in problem or "maximum nesting depth" in problem


def test_aliases_that_expand_without_end_are_refused() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "expand to more than" in problem_in("\n".join(lines))


def test_merged_maps_give_what_the_map_itself_does_not_say() -> None:
    text = "base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\nnew: {<<: [*b, *o], x: 5}"
    assert content_of(text) == {
        "base": {"x": 1, "y": 2},
        "other": {"y": 3, "z": 4},
        "new": {"x": 5, "y": 2, "z": 4},
    }


def test_every_part_knows_its_line() -> None:
    document = parse_document("a:\n  - b: 1\n  - b:\n      2\n", "")
    assert document.line_of(("a",)) == 1
    assert document.line_of(("a", 1, "b")) == 3
    assert document.line_of(("a", 1, "missing")) == 3
    assert document.line_of(()) == 1


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab 1"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=20,
)


@given(json_values.filter(lambda value: value is not None))
def test_json_reads_as_itself(value: object) -> None:
    assert content_of(json.dumps(value)) == value


@given(st.text(alphabet=st.sampled_from("ab01:-#&*!|>'\"%@`{}[],? \n\t~<=.")))
def test_any_text_is_a_document_or_a_site_error(text: str) -> None:
    with contextlib.suppress(SiteError):
        parse_document(text, "")
