"""The numbers of the decision records are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from plcmq.broker.fleet.fleet import FENCE, LEASE, PING_INTERVAL, SILENCE
from plcmq.devices.host.lease import JUMP
from plcmq.devices.protocol.messages import LETTING_GO

DECISIONS = Path(__file__).parents[1] / "docs" / "decisions"


def test_leases_and_fences_have_the_times_that_decision_2_tells() -> None:
    text = " ".join((DECISIONS / "0002-leases-and-fences.md").read_text().split())
    assert f"pings every host each {PING_INTERVAL:g} s" in text
    assert (
        f"its lease ({LEASE:g} s) closes every PLC's socket by itself, which takes at most {LETTING_GO:g} s"
        in text
    )
    assert f"does not answer for {SILENCE:g} s is lost to the broker" in text
    assert f"nobody else gets its endpoints for another {FENCE:g} s" in text
    assert f"`unserved` for {FENCE:g} s" in text
    assert f"more than {JUMP:g} s earlier" in text
    told = {float(number) for number in re.findall(r"([\d.]+) s\b", text)}
    assert told == {PING_INTERVAL, LEASE, LETTING_GO, SILENCE, FENCE, JUMP, FENCE - LEASE - LETTING_GO}
