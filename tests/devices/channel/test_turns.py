"""Who is next: the order of turns, and that none is lost or given twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from plcmq.devices.channel.turns import Lane, Turns


def waiting(*who: tuple[Lane, int, str]) -> Turns[str]:
    turns: Turns[str] = Turns()
    turns.open = True
    assert turns.take()
    for lane, device_id, name in who:
        turns.wait(lane, device_id, name)
    return turns


def order(turns: Turns[str]) -> list[str]:
    found = []
    turns.give_back()
    while (waiter := turns.next()) is not None:
        found.append(waiter)
        turns.give_back()
    return found


def test_a_free_turn_is_taken_at_once() -> None:
    turns: Turns[str] = Turns(window=2)
    assert not turns.take()
    turns.open = True
    assert turns.take()
    assert turns.take()
    assert not turns.take()


def test_commands_go_before_reads() -> None:
    turns = waiting((Lane.READ, 1, "read"), (Lane.COMMAND, 1, "command"))
    assert order(turns) == ["command", "read"]


def test_devices_take_turns_however_many_requests_one_has() -> None:
    turns = waiting(*[(Lane.READ, 1, f"a{n}") for n in range(3)], (Lane.READ, 2, "b0"), (Lane.READ, 3, "c0"))
    assert order(turns) == ["a0", "b0", "c0", "a1", "a2"]


def test_nobody_overtakes_one_who_waits() -> None:
    turns = waiting((Lane.READ, 1, "first"))
    turns.give_back()
    assert not turns.take()


def test_a_request_left_behind_at_the_device_holds_its_turn() -> None:
    turns = waiting((Lane.READ, 1, "next"))
    turns.give_back()
    turns.held = 1
    assert turns.next() is None
    turns.held = 0
    assert turns.next() == "next"


def test_leaving_the_queue_twice_does_no_harm() -> None:
    turns = waiting((Lane.READ, 1, "gone"), (Lane.READ, 1, "stays"))
    turns.leave(Lane.READ, 1, "gone")
    turns.leave(Lane.READ, 1, "gone")
    assert order(turns) == ["stays"]


@given(st.lists(st.tuples(st.sampled_from(Lane), st.integers(1, 4)), max_size=40))
def test_everybody_gets_a_turn_and_each_device_keeps_its_order(who: list[tuple[Lane, int]]) -> None:
    turns = waiting(*((lane, device, f"{lane}/{device}/{n:03}") for n, (lane, device) in enumerate(who)))
    found = order(turns)
    assert len(found) == len(who)
    assert [name[0] for name in found] == sorted(name[0] for name in found)
    for lane, device in set(who):
        mine = [name for name in found if name.startswith(f"{lane}/{device}/")]
        assert mine == sorted(mine)


class TurnsMachine(RuleBasedStateMachine):
    """Any order of events keeps the count of turns right."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: Turns[int] = Turns(window=2)
        self.turns.open = True
        self.queued: set[tuple[Lane, int, int]] = set()
        self.holders = 0
        self.serial = 0

    @rule(lane=st.sampled_from(Lane), device=st.integers(1, 3))
    def enter(self, lane: Lane, device: int) -> None:
        if self.turns.take():
            self.holders += 1
        else:
            self.serial += 1
            self.turns.wait(lane, device, self.serial)
            self.queued.add((lane, device, self.serial))

    @precondition(lambda self: self.holders)
    @rule()
    def give_back(self) -> None:
        self.turns.give_back()
        self.holders -= 1
        self.pump()

    @precondition(lambda self: self.queued)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(sorted(self.queued)))
        self.turns.leave(*one)
        self.queued.discard(one)

    @rule(held=st.integers(0, 2), opened=st.booleans())
    def change(self, held: int, opened: bool) -> None:
        self.turns.held, self.turns.open = held, opened
        self.pump()

    @rule(device=st.integers(1, 3))
    def drain(self, device: int) -> None:
        gone = set(self.turns.drain(device))
        assert gone == {one[2] for one in self.queued if one[1] == device}
        self.queued = {one for one in self.queued if one[1] != device}

    def pump(self) -> None:
        while (waiter := self.turns.next()) is not None:
            self.holders += 1
            self.queued = {one for one in self.queued if one[2] != waiter}

    @invariant()
    def counts_agree(self) -> None:
        assert self.turns.taken == self.holders <= 2
        assert self.turns.waiting == len(self.queued)


TestTurnsMachine = TurnsMachine.TestCase
TestTurnsMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
