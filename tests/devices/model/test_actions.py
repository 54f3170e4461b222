"""How long a caller waits for an action who does not say."""

import pytest
from plcmq.devices.model.actions import SPARE_TIME, Action, ExpectChange, Pulse, Sleep, Wait, Write


@pytest.mark.parametrize(
    ("steps", "seconds"),
    [
        ((), 0.0),
        ((Write({"a": 1}),), 0.0),
        ((Wait({"a": 1}, timeout=30), Sleep(2), Pulse("b", 0.5), ExpectChange("c", 4)), 36.5),
    ],
)
def test_it_follows_from_the_waits_pulses_and_sleeps(steps, seconds):
    assert Action("a", steps=steps).patience == seconds + SPARE_TIME


def test_what_the_action_says_itself_counts_more():
    assert Action("a", steps=(Sleep(30),), timeout=7.0).patience == 7.0
