"""The PLC's side of the handshakes, as inferred from a profile's actions."""

from plcmq.devices.model.actions import Action, ArgRef, Check, ExpectChange, Pulse, Read, Wait, Write
from plcmq.devices.model.devices import Profile
from plcmq.devices.model.tags import Access, Table, Tag, Type
from plcmq.devices.simulator.handshake import AnyValue, Copy, Handshake, HandshakeStage, at_rest, handshakes


def profile(*steps, finally_=(), tags=()):
    names = {name for step in steps for name in _names(step)}
    made = {name: Tag(name, Table.HOLDING, i, Type.BOOL) for i, name in enumerate(sorted(names))}
    made.update({tag.name: tag for tag in tags})
    return Profile("p", made, {"go": Action("go", steps=steps, finally_=finally_)})


def _names(step):
    match step:
        case Write(values):
            return list(values)
        case Pulse(tag) | ExpectChange(tag):
            return [tag]
        case Read(tags):
            return tags
        case _:
            return [*step.conditions, *getattr(step, "fail_if", {})]


def test_the_press_of_the_documentation(press):
    running = HandshakeStage({"running": True, "state": "running"}, counters=["batch_no"])
    assert handshakes(press) == [Handshake("start_batch", "start", True, [running], guarded=True)]
    assert at_rest(press) == {"running": False}


def test_the_last_write_before_a_wait_is_the_trigger():
    made = profile(Write({"a": 1, "b": True}), Wait({"done": True}), Write({"b": False}))
    assert handshakes(made) == [Handshake("go", "b", True, [HandshakeStage({"done": True})])]


def test_a_pulse_is_a_trigger():
    (handshake,) = handshakes(profile(Pulse("start"), Wait({"done": True})))
    assert (handshake.trigger, handshake.value, handshake.clears) == ("start", True, False)


def test_a_trigger_that_nobody_takes_back_clears_itself():
    (handshake,) = handshakes(profile(Write({"start": True}), Wait({"done": True})))
    assert handshake.clears


def test_each_write_with_a_wait_behind_it_is_a_handshake():
    made = profile(Write({"req": True}), Wait({"ack": True}), Write({"req": False}), Wait({"ack": False}))
    first, second = handshakes(made)
    assert (first.value, first.stages) == (True, [HandshakeStage({"ack": True})])
    assert (second.value, second.stages) == (False, [HandshakeStage({"ack": False})])


def test_waits_one_after_the_other_are_stages():
    (handshake,) = handshakes(profile(Write({"a": True}), Wait({"b": True}), Wait({"c": True})))
    assert handshake.stages == [HandshakeStage({"b": True}), HandshakeStage({"c": True})]


def test_an_echoed_sequence_number_is_copied():
    made = profile(Write({"seq": ArgRef("n")}), Wait({"echo": ArgRef("n")}))
    (handshake,) = handshakes(made)
    assert (handshake.value, handshake.stages) == (AnyValue(), [HandshakeStage({"echo": Copy("seq")})])


def test_an_expected_change_is_a_counter():
    (handshake,) = handshakes(profile(Pulse("start"), ExpectChange("sequence")))
    assert handshake.stages == [HandshakeStage(counters=["sequence"])]


def test_no_error_counts_and_no_measurement():
    tags = [
        Tag("error_code", Table.HOLDING, 50, Type.UINT16),
        Tag("weight", Table.HOLDING, 51, Type.UINT16, scale=0.1),
        Tag("amount", Table.HOLDING, 52, Type.UINT16, Access.RW),
        Tag("batch", Table.HOLDING, 53, Type.UINT16),
    ]
    made = profile(Pulse("go"), Wait({"ok": True}), Read(tuple(tag.name for tag in tags)), tags=tags)
    assert handshakes(made)[0].stages[0].counters == ["batch"]


def test_a_plc_is_never_ill_by_itself():
    made = profile(Check({"state": "fault"}), Check({"mode": "auto"}), Pulse("reset"), Wait({"state": "ok"}))
    assert at_rest(made) == {"mode": "auto"}
    made = profile(Check({"x": 9}), Pulse("go"), Wait({"y": True}, fail_if={"x": 9}))
    assert at_rest(made) == {}


def test_commands_behind_one_trigger_are_told_apart_by_what_was_written_before():
    names = ("command", "go", "state", "speed")
    tags = {name: Tag(name, Table.HOLDING, i, Type.UINT16, Access.RW) for i, name in enumerate(names)}
    actions = {
        str(n): Action(
            str(n), steps=(Write({"speed": 7, "command": n}), Write({"go": 1}), Wait({"state": n}))
        )
        for n in (1, 2)
    }
    assert [(h.given, h.stages[0].values) for h in handshakes(Profile("p", tags, actions))] == [
        ({"command": 1}, {"state": 1}),
        ({"command": 2}, {"state": 2}),
    ]


def test_an_action_without_a_wait_is_none():
    assert handshakes(profile(Write({"a": True}), Read(("b",)))) == []
