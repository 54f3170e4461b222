"""Fault scripts: what they say, and what they must not."""

import pytest
import yaml
from plcmq.devices.simulator.faults.frames import Broken, BrokenFrames
from plcmq.devices.simulator.faults.register_map import AreaFault
from plcmq.devices.simulator.faults.script import FAULTS, ScriptError, load_script, parse_script
from plcmq.devices.simulator.faults.silence import Blackhole, Loss, ReplyLost
from plcmq.devices.simulator.faults.slots import Full, SlotLimit


def parse(text, known=()):
    return parse_script(yaml.safe_load(text), known)


def test_a_script_says_what_when_where_and_how():
    first, second = parse(
        """
        seed: 7
        faults:
          - {fault: reply_lost, endpoint: press-1, at: 2, for: 5, every: 30, p: 0.1,
             mode: fin, functions: [6]}
          - {fault: slots, max: 2, overflow: kill_oldest}
        """
    )
    assert (first.kind, first.endpoints) == (ReplyLost, ("press-1",))
    assert (first.at, first.lasts, first.every) == (2.0, 5.0, 30.0)
    fault = first.make("press-1")
    assert (fault.p, fault.mode, fault.functions) == (0.1, Loss.FIN, frozenset({6}))
    fault = second.make("a")
    assert isinstance(fault, SlotLimit)
    assert (fault.max, fault.overflow, second.at, second.lasts) == (2, Full.KILL_OLDEST, 0.0, None)


def test_without_endpoints_it_is_for_all():
    (entry,) = parse("faults: [{fault: blackhole}]")
    assert entry.endpoints == ()
    assert isinstance(entry.make("any"), Blackhole)


def test_several_endpoints_and_several_kinds():
    (entry,) = parse("faults: [{fault: broken_frames, endpoint: [a, b], kinds: [trailing, unit]}]")
    fault = entry.make("a")
    assert isinstance(fault, BrokenFrames)
    assert (entry.endpoints, fault.kinds) == (("a", "b"), (Broken.TRAILING, Broken.UNIT))


def test_the_seed_decides_and_endpoints_differ():
    one, same = (parse("{seed: 3, faults: [{fault: busy}]}")[0] for _ in range(2))
    other = parse("{seed: 4, faults: [{fault: busy}]}")[0]
    rolls = [
        entry.make(name).random.random()
        for entry, name in [(one, "a"), (same, "a"), (one, "b"), (other, "a")]
    ]
    assert rolls[0] == rolls[1]
    assert len(set(rolls)) == 3


def test_every_fault_can_be_in_a_script():
    needed = {"delay": {"seconds": 0.1}, "no_function": {"functions": [6]}}
    for name, kind in FAULTS.items():
        area = {"address": 0} if issubclass(kind, AreaFault) else {}
        (entry,) = parse_script({"faults": [{"fault": name, **needed.get(name, {}), **area}]})
        assert isinstance(entry.make("a"), kind)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "a map with `seed` and `faults`"),
        ("{fault: []}", "fault: unknown; there are faults, seed"),
        ("{seed: 1}", "faults: must be a list"),
        ("faults: [blackhole]", "faults.0: must be a map"),
        ("faults: [{fault: black_hole}]", "faults.0.fault: 'black_hole' is none of blackhole, broken_frames"),
        ("faults: [{fault: blackhole, mode: x}]", "faults.0.mode: unknown; there are at, endpoint"),
        ("faults: [{fault: reply_lost, mode: x}]", "faults.0.mode: Input should be 'drop', 'fin', 'rst'"),
        ("faults: [{fault: busy, p: often}]", "faults.0.p: Input should be a valid number"),
        ("faults: [{fault: blackhole, at: -1}]", "faults.0.at: must be a number of seconds, not -1"),
        ("faults: [{fault: blackhole, every: 3}]", "faults.0.every: needs a `for`"),
        ("faults: [{fault: blackhole, for: 4, every: 3}]", "faults.0.every: needs a `for`"),
        ("faults: [{fault: blackhole, endpoint: c}]", "faults.0.endpoint: 'c' is none of a, b"),
        ("faults: [{fault: hole}]", "faults.0: hole: .*'address'"),
    ],
)
def test_a_wrong_script_names_the_place(text, message):
    with pytest.raises(ScriptError, match=message):
        parse(text, known=("a", "b"))


def test_a_file_that_is_no_script_is_named(tmp_path):
    path = tmp_path / "faults.yaml"
    with pytest.raises(ScriptError, match=r"faults.yaml: No such file"):
        load_script(path)
    path.write_text("faults: [")
    with pytest.raises(ScriptError, match=r"faults.yaml: this is no YAML"):
        load_script(path)
    path.write_text("faults: {}")
    with pytest.raises(ScriptError, match=r"faults.yaml: faults: must be a list"):
        load_script(path)
