"""How each kind of step is done: which effects it asks for, and when it has failed."""

import pytest
from plcmq.client.protocol.errors import Code, Outcome, failure
from plcmq.devices.actions.effects import Pause, ReadTags, SendPdu, WriteTags
from plcmq.devices.actions.outcome import RunOutcome, StepFailed
from plcmq.devices.actions.steps import Performer
from plcmq.devices.model.actions import ArgRef, Check, ExpectChange, Pulse, Raw, Read, Sleep, Wait, Write
from plcmq.devices.model.tags import Table, Tag, Type

DOWN = failure(Code.DEVICE_DOWN, "press-1: no connection")
TAGS = {"go": Tag("go", Table.HOLDING, 0, Type.UINT16)}


class Play:
    """Carries out steps against a memory; each pause takes its time."""

    def __init__(self, limit=10.0, **memory):
        self.outcome = RunOutcome("act")
        self.performer = Performer(self.outcome, {"size": 7}, limit, TAGS)
        self.memory = memory
        self.effects = []

    def __call__(self, step, answers=()):
        answers = iter(answers)
        effects = self.performer.sequence([step])
        try:
            effect = next(effects)
            while True:
                self.effects.append(effect)
                effect = effects.send(next(answers, None) or self.answer(effect))
        except StopIteration:
            return self.effects

    def answer(self, effect):
        match effect:
            case ReadTags(tags):
                return {tag: self.memory[tag] for tag in tags}
            case WriteTags(values):
                self.memory |= values
            case Pause(seconds):
                self.performer.now += seconds
            case SendPdu():
                return {"data": "00ff"}
        return None


@pytest.mark.parametrize(
    ("step", "effects"),
    [
        (Check({"a": 1}), [ReadTags(("a",))]),
        (Write({"a": ArgRef("size"), "b": 2}), [WriteTags({"a": 7, "b": 2})]),
        (Pulse("start", 0.5), [WriteTags({"start": True}), Pause(0.5), WriteTags({"start": False})]),
        (Pulse("go", 0.5), [WriteTags({"go": 1}), Pause(0.5), WriteTags({"go": 0})]),
        (Wait({"a": 1}), [ReadTags(("a",))]),
        (Read(("a", "b")), [ReadTags(("a", "b"))]),
        (Sleep(2.0), [Pause(2.0)]),
        (Raw(65, ArgRef("size")), [SendPdu(65, "7")]),
    ],
)
def test_a_step_asks_for_these_effects(step, effects):
    assert Play(a=1, b=2)(step) == effects


def test_a_wait_looks_again_after_each_poll_and_once_more_at_its_end():
    play = Play(a=0)
    with pytest.raises(StepFailed, match=r"a is 0, not 1, after 0\.25 s"):
        play(Wait({"a": 1}, timeout=0.25, poll=0.1))
    pauses = [effect.seconds for effect in play.effects if isinstance(effect, Pause)]
    assert pauses == pytest.approx([0.1, 0.1, 0.05])
    assert len(play.effects) == 7


def test_fail_if_ends_a_wait_at_once():
    with pytest.raises(StepFailed, match="`fail_if` came true"):
        Play(a=0, state=2)(Wait({"a": 1}, fail_if={"state": 2}))


def test_a_pulse_that_may_have_begun_is_ended_whatever_became_of_it():
    lost = failure(Code.OUTCOME_UNKNOWN, "sent, no answer")
    play = Play()
    with pytest.raises(StepFailed) as failed:
        play(Pulse("start", 0.5), [lost])
    assert play.effects[-1] == WriteTags({"start": False})
    assert failed.value.error.outcome is Outcome.UNKNOWN


def test_a_pulse_for_which_there_is_no_time_does_not_begin():
    play = Play(limit=0.3)
    with pytest.raises(StepFailed, match="no time is left for a pulse"):
        play(Pulse("start", 0.5))
    assert play.effects == []


def test_an_expected_change_counts_from_what_was_before():
    play = Play(seq=4)
    play.performer.before["seq"] = 3
    assert play(ExpectChange("seq")) == [ReadTags(("seq",))]


def test_what_fails_before_a_write_passes_as_it_is():
    with pytest.raises(StepFailed) as failed:
        Play()(Check({"a": 1}), [DOWN])
    assert failed.value.error is DOWN


def test_a_pdu_of_ones_own_counts_as_a_write():
    play = Play()
    play(Raw(65, "01"))
    assert play.outcome.outcome is Outcome.EXECUTED
    assert play.performer.result == {"data": "00ff"}
