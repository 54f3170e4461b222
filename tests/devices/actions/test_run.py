"""Runs of actions against a PLC in memory, with a clock that only pauses move."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plcmq.client.protocol.errors import Code, Outcome, PlcmqError, failure
from plcmq.devices.actions.run import FINALLY_TIME, ActionRun, Failed, Finished, Pause, ReadTags, WriteTags
from plcmq.devices.model.actions import Action, ArgRef, Check, ExpectChange, Pulse, Read, Sleep, Wait, Write
from plcmq.devices.model.tags import Table, Tag, Type

NOT, DONE, UNKNOWN = Outcome.NOT_EXECUTED, Outcome.EXECUTED, Outcome.UNKNOWN
DOWN = failure(Code.DEVICE_DOWN, "press-1: no connection", details={"retry_after": 1.0})
LOST = failure(Code.OUTCOME_UNKNOWN, "press-1: sent, no answer")
REFUSED = failure(Code.DEVICE_ERROR, "press-1: exception 3", details={"exception": 3})
TAGS = {
    "state": Tag("state", Table.HOLDING, 0, Type.UINT16, enum={0: "idle", 1: "running", 2: "fault"}),
    "go": Tag("go", Table.HOLDING, 1, Type.UINT16),
    "start": Tag("start", Table.COIL, 0, Type.BOOL),
}


@dataclass
class Plc:
    """Memory, what happens at given times, errors by effect, and a log of effects."""

    memory: dict = field(default_factory=dict)
    later: dict = field(default_factory=dict)  # {time: {tag: value}}
    errors: dict = field(default_factory=dict)  # {index of the read or write: error}
    at: dict = field(default_factory=dict)  # {index of the effect: call}
    slow: float = 0.0  # seconds that a transaction takes
    now: float = 0.0
    log: list = field(default_factory=list)
    times: list = field(default_factory=list)

    def run(self, run):
        answer, transactions = None, 0
        for index in range(10_000):
            effect = run.step(self.now, answer)
            match effect:
                case Finished(result):
                    return result
                case Failed(error):
                    return error
            self.log.append(effect)
            self.times.append(self.now)
            if isinstance(effect, Pause):
                assert effect.seconds > 0
                self.now += effect.seconds
                answer = None
            else:
                self.now += self.slow
                answer = self.errors.get(transactions) or self.answer(effect)
                transactions += 1
            if index in self.at:
                self.at[index]()
        pytest.fail("the action never ends")

    def answer(self, effect):
        for time in [time for time in self.later if time <= self.now + 1e-9]:
            self.memory |= self.later.pop(time)
        if isinstance(effect, WriteTags):
            self.memory |= effect.values
            return None
        return {tag: self.memory.get(tag) for tag in effect.tags}

    @property
    def writes(self):
        return [effect.values for effect in self.log if isinstance(effect, WriteTags)]

    @property
    def reads(self):
        return [effect.tags for effect in self.log if isinstance(effect, ReadTags)]

    @property
    def pauses(self):
        return [effect.seconds for effect in self.log if isinstance(effect, Pause)]


def act(*steps, finally_=(), args=None, deadline=5.0):
    return ActionRun(Action("act", {}, steps, tuple(finally_)), args or {}, deadline, TAGS)


def says(error, code, outcome, index=None, kind=None):
    assert isinstance(error, PlcmqError), error
    assert (error.code, error.outcome) == (code, outcome)
    if index is not None:
        assert error.details["step"]["index"] == index
    if kind is not None:
        assert error.details["step"]["kind"] == kind
    return error.details


def test_an_action_writes_in_order_and_returns_what_it_read():
    plc = Plc({"running": False, "batch_no": 7, "state": "idle"})
    run = act(
        Check({"running": False}),
        Write({"size": ArgRef("size"), "limit": 3}),
        Write({"start": True}),
        Read(("batch_no", "state")),
        finally_=[Write({"start": False})],
        args={"size": 15},
    )
    assert plc.run(run) == {"batch_no": 7, "state": "idle"}
    assert plc.writes == [{"size": 15, "limit": 3}, {"start": True}, {"start": False}]
    assert list(plc.writes[0]) == ["size", "limit"]
    assert run.outcome is DONE


def test_a_check_that_fails_refuses_and_nothing_is_written_not_even_by_finally():
    plc = Plc({"running": True, "door": 0})
    error = plc.run(act(Check({"door": 0, "running": False}), Write({"a": 1}), finally_=[Write({"a": 0})]))
    details = says(error, Code.ACTION_FAILED, NOT, 1, "check")
    assert details == {
        "step": {"index": 1, "kind": "check"},
        "done": [],
        "tag": "running",
        "expected": False,
        "actual": True,
    }
    assert error.message == "act, step 1 (check): refused: running is True, not False"
    assert not error.retryable
    assert plc.writes == []


def test_a_check_after_a_write_tells_what_had_been_written():
    details = says(
        Plc().run(act(Write({"a": 1, "b": 2}), Check({"c": 1}))), Code.ACTION_FAILED, DONE, 2, "check"
    )
    assert details["done"] == [{"a": 1}, {"b": 2}]


def test_an_enum_is_checked_by_name_or_number():
    assert Plc({"state": "fault"}).run(act(Check({"state": 2}))) == {}
    assert Plc({"state": "fault"}).run(act(Check({"state": "fault"}))) == {}


def test_arguments_stand_in_conditions_too():
    plc = Plc({"a": 5})
    assert plc.run(act(Check({"a": ArgRef("x")}), Wait({"a": ArgRef("x")}), args={"x": 5})) == {}


def test_a_missing_argument_is_found_before_anything_is_done():
    plc = Plc()
    error = plc.run(act(Write({"a": 1}), Wait({"b": 1}, fail_if={"c": ArgRef("gone")})))
    says(error, Code.BAD_ARGS, NOT)
    assert plc.log == []


def test_an_action_without_steps_is_done():
    assert Plc().run(act()) == {}


def test_sleep_pauses():
    plc = Plc()
    assert plc.run(act(Sleep(0.5), Read(("a",)))) == {"a": None}
    assert plc.pauses == [0.5]


def test_after_its_end_a_run_stays_ended():
    run = act()
    assert run.step(0.0) is run.step(1.0)


def test_a_pulse_is_true_for_its_time_and_then_false():
    plc = Plc()
    assert plc.run(act(Pulse("start", 0.3))) == {}
    assert plc.log == [WriteTags({"start": True}), Pause(0.3), WriteTags({"start": False})]


def test_a_pulse_of_a_number_is_one_and_zero():
    plc = Plc()
    plc.run(act(Pulse("go")))
    assert [list(write.values()) for write in plc.writes] == [[1], [0]]
    assert plc.writes[0]["go"] is not True


def test_a_pulse_is_ended_even_if_it_is_interrupted():
    plc = Plc()
    run = act(Pulse("start", 1.0), Write({"never": 1}))
    plc.at[0] = lambda: run.interrupt(failure(Code.CANCELLED, "stop"))
    says(plc.run(run), Code.CANCELLED, DONE, 1, "pulse")
    assert plc.log == [WriteTags({"start": True}), Pause(1.0), WriteTags({"start": False})]


def test_a_pulse_that_perhaps_began_is_ended():
    plc = Plc(errors={0: LOST})
    details = says(plc.run(act(Pulse("start"))), Code.OUTCOME_UNKNOWN, UNKNOWN, 1, "pulse")
    assert plc.writes == [{"start": True}, {"start": False}]
    assert "release" not in details


def test_a_pulse_that_could_not_be_ended_says_so():
    plc = Plc(errors={0: LOST, 1: DOWN})
    details = says(plc.run(act(Pulse("start"))), Code.OUTCOME_UNKNOWN, UNKNOWN)
    assert details["release"]["details"]["cause"] == DOWN.to_map()


def test_a_pulse_that_surely_did_not_begin_is_not_ended():
    plc = Plc(errors={0: DOWN})
    assert plc.run(act(Pulse("start"))) is DOWN
    assert len(plc.writes) == 1


def test_a_pulse_that_has_no_time_left_does_not_begin():
    plc = Plc()
    says(plc.run(act(Pulse("start", 1.0), deadline=0.5)), Code.EXPIRED, NOT, 1, "pulse")
    assert plc.log == []


def test_a_wait_polls_only_its_tags_until_all_have_their_values():
    plc = Plc({"running": False, "ready": True}, later={0.25: {"running": True}})
    assert plc.run(act(Wait({"running": True, "ready": True}, poll=0.1, fail_if={"state": 2}))) == {}
    assert set(plc.reads) == {("running", "ready", "state")}
    assert plc.now == pytest.approx(0.3)


def test_a_wait_that_is_already_fulfilled_does_not_pause():
    plc = Plc({"running": True})
    plc.run(act(Wait({"running": True})))
    assert plc.pauses == []


def test_a_wait_ends_at_its_timeout_after_one_last_look():
    plc = Plc({"running": False})
    error = plc.run(act(Write({"a": 1}), Wait({"running": True}, timeout=1.0, poll=0.3)))
    details = says(error, Code.ACTION_FAILED, DONE, 2, "wait")
    assert (details["tag"], details["expected"], details["actual"]) == ("running", True, False)
    assert error.message.endswith("running is False, not True, after 1 s")
    assert plc.now == pytest.approx(1.0)
    assert isinstance(plc.log[-1], ReadTags)


def test_a_wait_whose_read_fails_tells_what_it_was_waiting_for():
    steps = (Write({"go": 1}), Wait({"state": "running"}, timeout=9.0, poll=0.1))
    plc = Plc({"state": "idle"}, errors={2: DOWN})
    error = plc.run(ActionRun(Action("go", steps=steps), {}, 10.0, TAGS))
    assert (error.code, error.outcome) == (Code.ACTION_FAILED, DONE)
    assert error.details == {
        "step": {"index": 2, "kind": "wait"},
        "done": [{"go": 1}],
        "tag": "state",
        "expected": "running",
        "actual": "idle",
        "cause": DOWN.to_map(),
    }


def test_fail_if_ends_a_wait_at_once_and_before_its_conditions():
    plc = Plc({"running": True, "state": "fault"})
    error = plc.run(act(Write({"a": 1}), Wait({"running": True}, fail_if={"alarm": True, "state": 2})))
    details = says(error, Code.ACTION_FAILED, DONE, 2, "wait")
    assert (details["tag"], details["expected"], details["actual"]) == ("state", {"not": 2}, "fault")
    assert plc.now == 0.0


def test_the_value_to_change_is_read_before_the_first_write():
    plc = Plc({"seq": 4})
    plc.later = {0.0: {"seq": 4}, 0.2: {"seq": 5}}
    assert plc.run(act(Read(("x",)), Write({"go": 1}), ExpectChange("seq"))) == {"x": None}
    assert plc.reads[:2] == [("x",), ("seq",)]
    assert plc.log.index(ReadTags(("seq",))) < plc.log.index(WriteTags({"go": 1}))


def test_a_change_between_the_write_and_the_first_look_counts():
    plc = Plc({"seq": 4}, slow=0.1, later={0.2: {"seq": 5}})
    assert plc.run(act(Pulse("start", 0.1), ExpectChange("seq"))) == {}
    assert plc.reads == [("seq",), ("seq",)]


def test_no_change_within_the_timeout_fails():
    error = Plc({"seq": 4}).run(act(Write({"go": 1}), ExpectChange("seq", timeout=0.5)))
    details = says(error, Code.ACTION_FAILED, DONE, 2, "expect_change")
    assert (details["tag"], details["expected"], details["actual"]) == ("seq", {"not": 4}, 4)


def test_a_second_change_counts_from_the_first():
    plc = Plc({"seq": 1}, later={0.1: {"seq": 2}})
    says(
        plc.run(act(Write({"a": 1}), ExpectChange("seq"), Write({"a": 2}), ExpectChange("seq", timeout=0.3))),
        Code.ACTION_FAILED,
        DONE,
        4,
        "expect_change",
    )


def test_without_a_write_a_change_counts_from_the_first_look():
    plc = Plc({"seq": 1}, later={0.2: {"seq": 2}})
    assert plc.run(act(ExpectChange("seq"))) == {}


@pytest.mark.parametrize(
    "step", [Read(("a",)), Write({"a": 1}), Check({"a": 1}), Wait({"a": 1}), ExpectChange("a")]
)
@pytest.mark.parametrize("code", [Code.DEVICE_DOWN, Code.TIMEOUT, Code.BUSY])
def test_an_error_before_anything_was_written_passes_unchanged(step, code):
    error = failure(code, "not now")
    plc = Plc(errors={0: error})
    assert plc.run(act(step, finally_=[Write({"a": 0})])) is error
    assert error.retryable
    assert len(plc.log) == 1


@pytest.mark.parametrize("step", [Read(("a",)), Write({"b": 1}), Check({"a": 1}), Wait({"a": 1})])
def test_the_same_error_after_a_write_is_an_action_that_failed(step):
    plc = Plc(errors={1: DOWN})
    error = plc.run(act(Write({"a": 1}), step))
    details = says(error, Code.ACTION_FAILED, DONE, 2)
    assert details["cause"] == DOWN.to_map()
    assert details["done"] == [{"a": 1}]
    assert not error.retryable


def test_a_write_without_an_answer_is_unknown_and_tells_step_and_what_was_done():
    plc = Plc(errors={1: LOST})
    error = plc.run(act(Write({"a": 1}), Write({"b": 1}), Write({"c": 1}), finally_=[Write({"b": 0})]))
    details = says(error, Code.OUTCOME_UNKNOWN, UNKNOWN, 2, "write")
    assert details["done"] == [{"a": 1}]
    assert plc.writes == [{"a": 1}, {"b": 1}, {"b": 0}]


def test_a_write_that_the_device_refused_changed_nothing():
    plc = Plc(errors={0: REFUSED})
    assert plc.run(act(Write({"a": 1}), finally_=[Write({"a": 0})])) is REFUSED


def test_a_failed_verification_ends_the_action_as_such():
    differs = failure(Code.VERIFY_FAILED, "differs", details={"written": {"a": 1}, "read": {"a": 0}})
    details = says(Plc(errors={0: differs}).run(act(Write({"a": 1}))), Code.VERIFY_FAILED, DONE, 1, "write")
    assert details["read"] == {"a": 0}


def test_time_that_runs_out_before_a_write_is_expired():
    plc = Plc({"ready": False})
    error = plc.run(act(Wait({"ready": True}, timeout=60), Write({"a": 1}), deadline=1.0))
    details = says(error, Code.EXPIRED, NOT, 1, "wait")
    assert error.retryable
    assert details["actual"] is False
    assert plc.now == pytest.approx(1.0)


def test_time_that_runs_out_after_a_write_says_in_which_step():
    plc = Plc({"ready": False})
    error = plc.run(act(Write({"a": 1}), Wait({"ready": True}, timeout=60), deadline=1.0))
    says(error, Code.ACTION_FAILED, DONE, 2, "wait")
    assert error.message == "act, step 2 (wait): the caller's time ran out while ready is False, not True"


def test_a_sleep_beyond_the_deadline_ends_at_it():
    plc = Plc()
    says(plc.run(act(Sleep(60), deadline=1.0)), Code.EXPIRED, NOT, 1, "sleep")
    assert plc.now == pytest.approx(1.0)


def test_nothing_begins_after_the_deadline():
    plc = Plc()
    says(plc.run(act(Read(("a",)), deadline=-1.0)), Code.EXPIRED, NOT, 1, "read")
    assert plc.log == []


def test_a_last_write_that_is_confirmed_late_is_a_success():
    assert Plc(slow=2.0).run(act(Write({"a": 1}), deadline=1.0)) == {}


def test_finally_runs_once_after_a_failure_and_beyond_the_deadline():
    plc = Plc({"ready": False})
    run = act(Write({"start": True}), Wait({"ready": True}), finally_=[Write({"start": False})], deadline=1.0)
    says(plc.run(run), Code.ACTION_FAILED, DONE, 2, "wait")
    assert plc.writes == [{"start": True}, {"start": False}]


def test_finally_has_its_own_time():
    plc = Plc({"ready": False})
    run = act(Write({"start": True}), Sleep(9), finally_=[Wait({"ready": True}, timeout=60)], deadline=1.0)
    details = says(plc.run(run), Code.ACTION_FAILED, DONE, 2, "sleep")
    assert details["finally"]["details"]["step"] == {"index": 1, "kind": "wait"}
    assert plc.now == pytest.approx(1.0 + FINALLY_TIME)
    assert run.limit == 1.0 + FINALLY_TIME


def test_an_error_in_finally_does_not_hide_the_first():
    plc = Plc({"a": 0}, errors={2: LOST})
    error = plc.run(act(Write({"b": 1}), Check({"a": 1}), finally_=[Write({"b": 0}), Write({"c": 0})]))
    details = says(error, Code.ACTION_FAILED, UNKNOWN, 2, "check")
    assert details["finally"]["code"] == "outcome_unknown"
    assert plc.writes == [{"b": 1}, {"b": 0}]


def test_an_error_in_finally_alone_fails_the_action_and_keeps_its_result():
    plc = Plc({"n": 7}, errors={2: DOWN})
    error = plc.run(act(Write({"b": 1}), Read(("n",)), finally_=[Write({"b": 0})]))
    details = says(error, Code.ACTION_FAILED, DONE)
    assert details["finally"]["details"]["cause"] == DOWN.to_map()
    assert details["result"] == {"n": 7}
    assert details["done"] == [{"b": 1}]


def test_what_finally_reads_belongs_to_the_result():
    assert Plc({"n": 7}).run(act(finally_=[Read(("n",))])) == {"n": 7}


STOP = failure(Code.CANCELLED, "cancelled by its caller")


def test_a_cancelled_action_cleans_up_and_tells_the_true_outcome():
    plc = Plc({"ready": False})
    run = act(Write({"a": 1}), Wait({"ready": True}), finally_=[Write({"a": 0})])
    plc.at[2] = lambda: run.interrupt(STOP)
    details = says(plc.run(run), Code.CANCELLED, DONE, 2, "wait")
    assert details["done"] == [{"a": 1}]
    assert plc.writes == [{"a": 1}, {"a": 0}]


def test_an_action_cancelled_before_it_wrote_has_not_been_executed():
    plc = Plc({"ready": False})
    run = act(Wait({"ready": True}), Write({"a": 1}), finally_=[Write({"a": 0})])
    plc.at[1] = lambda: run.interrupt(STOP)
    says(plc.run(run), Code.CANCELLED, NOT, 1, "wait")
    assert plc.writes == []


def test_an_action_cancelled_before_its_first_step_does_nothing():
    plc, run = Plc(), act(Write({"a": 1}))
    run.interrupt(failure(Code.SHUTTING_DOWN, "going"))
    error = plc.run(run)
    says(error, Code.SHUTTING_DOWN, NOT)
    assert error.retryable
    assert plc.log == []


def test_an_interrupted_action_that_wrote_is_not_to_be_retried():
    plc, run = Plc(), act(Write({"a": 1}), Write({"b": 1}))
    plc.at[0] = lambda: run.interrupt(failure(Code.SHUTTING_DOWN, "going"))
    error = plc.run(run)
    details = says(error, Code.ACTION_FAILED, DONE)
    assert details["cause"]["code"] == Code.SHUTTING_DOWN
    assert not error.retryable


def test_a_pulse_may_still_be_ended_when_the_time_is_up():
    run = act(Pulse("start", 1.0), deadline=1.0)
    assert run.step(0.0) == WriteTags({"start": True})
    assert run.step(0.5) == Pause(1.0)
    assert run.step(1.5) == WriteTags({"start": False})
    assert run.limit == 1.5 + FINALLY_TIME


def test_a_write_that_fails_while_being_cancelled_tells_of_itself():
    plc, run = Plc(errors={0: LOST}), act(Write({"a": 1}))
    plc.at[0] = lambda: run.interrupt(STOP)
    says(plc.run(run), Code.OUTCOME_UNKNOWN, UNKNOWN)


def test_finally_is_not_interrupted():
    plc, run = Plc(), act(Write({"a": 1}), finally_=[Sleep(0.1), Write({"a": 0})])
    plc.at[1] = lambda: run.interrupt(STOP)
    assert plc.run(run) == {}
    assert plc.writes == [{"a": 1}, {"a": 0}]


tags = st.sampled_from(["state", "go", "start", "other"])
values = st.sampled_from([True, False, 0, 1, 2, 0.5, "idle", "fault", None])
some = st.dictionaries(tags, values, min_size=1, max_size=3)
times = st.sampled_from([0.0, 0.05, 0.3, 2.0])
polls = st.sampled_from([0.05, 0.3])
steps = st.one_of(
    st.builds(Check, some),
    st.builds(Write, some),
    st.builds(Pulse, tags, times),
    st.builds(Wait, some, times, polls, st.dictionaries(tags, values, max_size=1)),
    st.builds(Read, st.tuples(tags)),
    st.builds(Sleep, times),
    st.builds(ExpectChange, tags, times, polls),
)
read_errors = [DOWN, failure(Code.TIMEOUT, "t"), REFUSED, failure(Code.INTERNAL, "oops")]
write_errors = [
    DOWN,
    REFUSED,
    LOST,
    failure(Code.VERIFY_FAILED, "differs"),
    failure(Code.DEVICE_DOWN, "halfway", outcome=DONE, retryable=False, details={"written": ["go", "other"]}),
]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(steps, max_size=5),
    st.sampled_from([1.0, 4.0]),
    st.data(),
)
def test_any_action_ends_with_the_truth_whatever_the_device_answers(body, deadline, data):
    mark = "the trigger of finally"
    run = ActionRun(Action("act", {}, tuple(body), (Write({mark: 0}),)), {}, deadline, TAGS)
    rare = st.integers(0, 9)
    now, answer, cleanings, outcomes = 0.0, None, 0, [NOT]
    confirmed, reached = [], False
    for _ in range(2000):
        effect = run.step(now, answer)
        if isinstance(effect, Finished | Failed):
            break
        match effect:
            case Pause(seconds):
                now += seconds
                answer = None
            case ReadTags(names):
                answer = {name: data.draw(values) for name in names}
                if data.draw(rare) == 0:
                    answer = data.draw(st.sampled_from(read_errors))
            case WriteTags(written):
                cleanings += mark in written
                answer = data.draw(st.sampled_from(write_errors)) if data.draw(rare) == 0 else None
                outcomes.append(DONE if answer is None else answer.outcome)
                reached = reached or (outcomes[-1] is not NOT and mark not in written)
                if answer is None:
                    confirmed += [{tag: value} for tag, value in written.items()]
        now += data.draw(st.sampled_from([0.0, 0.01, 0.3]))
        if data.draw(rare) == 0:
            run.interrupt(STOP)
    else:
        pytest.fail("the action never ends")
    truth = UNKNOWN if UNKNOWN in outcomes else DONE if DONE in outcomes else NOT
    assert run.outcome is truth
    assert all(entry in run.done for entry in confirmed)
    if isinstance(effect, Finished):
        assert cleanings == 1
        return
    assert effect.error.outcome is truth
    assert not (effect.error.retryable and truth is not NOT)
    assert cleanings == 1 if reached else cleanings <= 1
    assert effect.error.code is not Code.CANCELLED or effect.error.details["step"]


@given(st.lists(steps, max_size=4), st.sampled_from([None, {}, DOWN, LOST]))
def test_even_an_answer_of_the_wrong_kind_breaks_nothing(body, answer):
    run, now = act(*body), 0.0
    while not isinstance(run.step(now, answer), Finished | Failed):
        now += 0.1
