"""Never two owners, also while the ledger does not answer and brokers crash and forget."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .words import Rules, check

DESIGN = Rules()


@pytest.mark.parametrize(
    ("rules", "states"),
    [
        pytest.param(DESIGN, 17_343, id="two brokers"),
        pytest.param(Rules(lease=2, wait=3, brokers=3), 149_979, id="three brokers"),
        pytest.param(replace(DESIGN, missed=2, wait=6), 63_151, id="a clock that loses a tick in three"),
    ],
)
def test_no_frame_of_an_old_owner_meets_a_new_one(rules, states):
    verdict = check(rules)
    assert verdict.is_safe, " / ".join(verdict.way)
    assert verdict.states == states, "the model has become another"


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(replace(DESIGN, needs_every_word=False), id="one word is enough"),
        pytest.param(replace(DESIGN, knowing_withholds=False), id="a word in spite of a known fence"),
        pytest.param(replace(DESIGN, waiting_withholds=False), id="a word while waiting to bury"),
        pytest.param(replace(DESIGN, reads_after_restart=False), id="a word before reading the ledger"),
        pytest.param(replace(DESIGN, wait=2), id="the wait is too short"),
    ],
)
def test_every_rule_that_is_left_out_is_found(rules):
    assert not check(rules).is_safe
