"""A keyed command runs once, and nobody hears "not executed" of one that runs: the whole model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .keyed import Rules, check

DESIGN = Rules()


def test_a_keyed_command_runs_once_and_its_outcome_is_true():
    verdict = check(DESIGN)
    assert verdict.is_safe, " / ".join(verdict.way)
    assert verdict.states == 953, "the model has become another"


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(replace(DESIGN, host_keeps_spent_attempts=False), id="a spent attempt is forgotten"),
        pytest.param(replace(DESIGN, not_mine_is_no_verdict=False), id="not mine taken for not executed"),
        pytest.param(replace(DESIGN, begins_once=False), id="begun anew after the owner's death"),
        pytest.param(replace(DESIGN, attempts=3, forgets_by_attempt=False), id="forgotten by key"),
        pytest.param(replace(DESIGN, host_checks_session=False), id="no session check"),
        pytest.param(replace(DESIGN, journal_forgets=True), id="a journal that forgets"),
        pytest.param(
            replace(DESIGN, journal_forgets=True, host_remembers_keys=True),
            id="a journal that forgets, a host that remembers keys and dies",
        ),
    ],
)
def test_every_rule_that_is_left_out_is_found(rules):
    assert not check(rules).is_safe
