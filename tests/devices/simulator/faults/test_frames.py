"""Broken replies (F8)."""

from random import Random

import pytest
from plcmq.devices.simulator.faults.frames import Broken, BrokenFrames, break_frame

REPLY = bytes.fromhex("0005 0000 0005 01 03 02 1234")


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        (Broken.EXCEPTION_LENGTH, "0005 0000 0004 01 83 04"),
        (Broken.LENGTH_71, "0005 0000 0047 01 03 02 1234"),
        (Broken.LENGTH_FFFF, "0005 0000 ffff 01 03 02 1234"),
        (Broken.DOUBLED, "0005 0000 0005 01 03 02 1234" * 2),
        (Broken.STALE, "0004 0000 0005 01 03 02 1234 0005 0000 0005 01 03 02 1234"),
        (Broken.TRAILING, "0005 0000 0005 01 03 02 1234 00ff2a"),
        (Broken.PROTOCOL_ID, "0005 1234 0005 01 03 02 1234"),
        (Broken.UNIT, "0005 0000 0005 fe 03 02 1234"),
        (Broken.FUNCTION, "0005 0000 0005 01 02 02 1234"),
        (Broken.TRUNCATED, "0005 0000 0005 01 03 02 12"),
    ],
)
def test_a_reply_is_broken_as_its_name_says(kind, sent):
    assert break_frame(REPLY, kind, Random(1)) == [bytes.fromhex(sent)]


def test_fragments_are_the_whole_reply():
    pieces = break_frame(REPLY, Broken.FRAGMENTS, Random(1))
    assert len(pieces) == len(REPLY)
    assert b"".join(pieces) == REPLY


def test_a_mutated_reply_is_as_long():
    (piece,) = break_frame(REPLY, Broken.MUTATED, Random(1))
    assert len(piece) == len(REPLY)
    assert piece != REPLY


async def test_fragments_arrive_in_order_and_before_the_next_reply(plc, master):
    with plc.fault(BrokenFrames(p=1.0, kinds=(Broken.FRAGMENTS,))):
        sent = [master.send("03 0000 0001") for _ in range(3)]
        assert [await master.receive() for _ in sent] == [(n, 1, "03020000") for n in sent]
    assert plc.evidence.faults == {"broken_frames": 3}
