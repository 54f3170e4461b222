"""Never two owners: the whole model of the lease, and every rule that is left out is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .lease import Rules, check

DESIGN = Rules(lease=4, delivery=2, wait=6)
SLOW_CLOCK = replace(DESIGN, missed=2)


@pytest.mark.parametrize(
    ("rules", "states"),
    [
        pytest.param(DESIGN, 6_654, id="two brokers"),
        pytest.param(Rules(lease=3, delivery=1, wait=4, brokers=3), 17_105, id="three brokers"),
        pytest.param(replace(SLOW_CLOCK, wait=9), 28_274, id="a clock that loses a tick in three"),
    ],
)
def test_no_frame_of_an_old_owner_meets_a_new_one(rules, states):
    verdict = check(rules)
    assert verdict.is_safe, " / ".join(verdict.way)
    assert verdict.states == states, "the model has become another"


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(replace(DESIGN, wait=4), id="the wait forgets what the kernel may still deliver"),
        pytest.param(SLOW_CLOCK, id="the wait has no share for drift"),
        pytest.param(replace(DESIGN, counts_from_sent=False), id="a lease from the acknowledgement"),
        pytest.param(replace(DESIGN, beat_is_conditional=False), id="a beat without condition"),
        pytest.param(replace(DESIGN, waits_from_acknowledgement=False), id="a wait from issuing the fence"),
        pytest.param(replace(DESIGN, waits_for_others_fence=False), id="no wait for another's fence"),
        pytest.param(replace(DESIGN, checks_at_send=False), id="a pause between check and send"),
        pytest.param(replace(DESIGN, ledger_forgets=True), id="a ledger that forgets"),
    ],
)
def test_every_rule_that_is_left_out_is_found(rules):
    assert not check(rules).is_safe
