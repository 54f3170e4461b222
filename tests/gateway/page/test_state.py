"""The page's pure parts, run where they live: imported in Chromium, asserted here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[str], Any]


@pytest.fixture
def run(browser: Any, gateway: Any) -> Any:
    """Runs JavaScript with `state`, `form` and `words` imported, and gives its value."""
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(f"{gateway.url}/healthz")

    def evaluate(script: str) -> Any:
        return page.evaluate(
            "async () => { const [state, form, words] = await Promise.all(['state', 'form', 'words']"
            f".map((name) => import(`/page/${{name}}.js`))); {script} }}"
        )

    yield evaluate
    context.close()


def test_a_silent_line_is_not_live_though_it_is_open(run: Run) -> None:
    script = """
    const s = state.fresh(); s.open = true; s.heard = 10;
    return [12.9, 13.1].map((now) => state.isLive(s, now))"""
    assert run(script) == [True, False]


def test_changes_are_applied_as_the_gateway_merges_them(run: Run) -> None:
    script = "return state.applied({rows: {a: 1, b: 2}, total: 2}, {rows: {a: null, c: 3}, total: 1})"
    assert run(script) == {"rows": {"b": 2, "c": 3}, "total": 1}


def test_topics_get_their_keys_in_the_order_in_which_they_were_asked_for(run: Run) -> None:
    script = """
    const s = state.fresh(); s.names = ["bad", "device"];
    state.heard(s, {key: null, problem: {code: "bad_args"}}, 1);
    state.heard(s, {opened: "K"}, 1);
    state.heard(s, {key: "K", full: {tags: {}}}, 1);
    return [s.topics.bad.problem.code, s.topics.device.content]"""
    assert run(script) == ["bad_args", {"tags": {}}]


def test_a_break_is_a_gap_in_the_trend(run: Run) -> None:
    script = """
    const s = state.fresh(); s.keys = {K: "device"};
    state.heard(s, {key: "K", full: {tags: {t: {value: 1, at: 5}}, lines: {t: [[3, 2], [5, 1]]}}}, 1);
    state.lost(s, 2); state.lost(s, 3);
    s.keys = {K: "device"};
    state.heard(s, {key: "K", full: {tags: {t: {value: 4, at: 9}}}}, 4);
    return s.lines.t"""
    assert run(script) == [[3, 2], [5, 1], [5.001, None], [9, 4]]


def test_numbers_keep_the_decimals_of_their_tag(run: Run) -> None:
    script = """return [[58, 1], [58, 0], [1.25, 2], [null, 0], [true, 0], [0.00001, 0], ["", 0], [[1, 2], 0]]
      .map(([value, decimals]) => state.shown(value, decimals))"""
    assert run(script) == ["58.0", "58", "1.25", "–", "true", "0.0000100000", "", "[1,2]"]


def test_a_value_was_true_when_its_device_was_last_known_to_be_well(run: Run) -> None:
    script = """return [
      state.ageOf({value: 1, at: 10}, 18, 20), state.ageOf({value: 1, at: 10, error: {}}, 18, 20),
      state.ageOf({value: 1, at: 10}, null, 20), state.ageOf({error: {}}, 18, 20)]"""
    assert run(script) == [2, 10, 10, None]


def test_a_schema_becomes_fields_and_their_texts_values(run: Run) -> None:
    script = """
    const schema = {required: ["size"], properties: {
      size: {type: "integer", minimum: 1, default: 15},
      mode: {anyOf: [{enum: ["auto", "hand"]}, {type: "number"}]},
      dry: {type: "boolean"}, list: {type: "array"}, note: {type: "string", maxLength: 3}}};
    const all = form.fields(schema);
    return [all.map((one) => one.kind),
      form.collected(all, {mode: "hand", list: "[1]", note: "abc"}),
      form.collected(all, {size: "1,5", list: "[", note: "abcd"}).errors,
      form.collected(all, {size: ""}).errors]"""
    kinds, good, bad, missing = run(script)
    assert kinds == ["integer", "choice", "boolean", "json", "text"]
    assert good == {
        "values": {"size": 15, "mode": "hand", "dry": False, "list": [1], "note": "abc"},
        "errors": {},
    }
    assert bad == {"size": "is no whole number", "list": "is no JSON", "note": "has at most 3 characters"}
    assert missing == {"size": "is needed"}
