"""Plans with what is known of holes: a hole heals, and what changes is told and logged once."""

import logging

import pytest
from plcmq.devices.interface.requests import CompiledProfile
from plcmq.devices.model.devices import DeviceDefinition, LinkSettings, Profile
from plcmq.devices.model.tags import Table, Tag, Type
from plcmq.devices.planning.known_holes import FIRST_PAUSE
from plcmq.devices.planning.reads import Hole
from plcmq.devices.worker.plans import ReadPlans

TAGS = {name: Tag(name, Table.HOLDING, at, Type.UINT16) for at, name in enumerate("abc")}
TAGS["wide"] = Tag("wide", Table.HOLDING, 50, Type.UINT16, count=9)
HOLE = Hole(Table.HOLDING, 1, 1)
ALL = frozenset("abc")


@pytest.fixture
def told():
    return []


def plans_of(told, holes=(), now=0.0, **link):
    device = DeviceDefinition(1, "press-1", "h", "press", link=LinkSettings(**link))
    profile = CompiledProfile(Profile("press", TAGS))
    return ReadPlans(device, profile, holes, lambda new, gone: told.append((set(new), set(gone))), now)


def test_a_tag_over_a_hole_is_in_no_request_of_others(told):
    plan = plans_of(told, [HOLE]).plan(ALL, 0.0)
    assert [block.names for block in plan.blocks] == [{"a"}, {"c"}]
    assert [(want.name, block.names) for want, block in plan.over_holes] == [("b", {"b"})]


def test_a_hole_that_is_read_is_unlearned_told_and_logged_once(told, caplog):
    caplog.set_level(logging.INFO)
    plans = plans_of(told, [HOLE])
    [(_want, block)] = plans.plan(ALL, 0.0).over_holes
    for _ in range(2):
        plans.answered(block)
    assert told == [(set(), {HOLE})]
    assert caplog.text.count("holding:1 is asked for as usual again") == 1
    assert [block.names for block in plans.plan(ALL, 0.0).blocks] == [ALL]


def test_a_hole_that_is_learned_is_told_and_logged_once(told, caplog):
    plans = plans_of(told)
    [block] = plans.plan(ALL, 0.0).blocks
    for now in (0.0, 5.0):
        plans.learned([HOLE], block.span, now)
    assert told == [({HOLE}, set())]
    assert caplog.text.count("refuses to read holding:1") == 1


def test_a_tag_that_was_read_once_is_not_given_up_for_one_refusal(told):
    plans = plans_of(told)
    [block] = plans.plan(ALL, 0.0).blocks
    plans.answered(block)
    plans.learned([HOLE], block.span, 100.0)
    [(want, alone)] = plans.plan(ALL, 100.0).over_holes
    assert plans.holes.ask_at(want) == 100.0
    plans.learned([HOLE], alone.span, 100.0)
    assert plans.holes.ask_at(want) == 100.0 + FIRST_PAUSE


def test_the_error_of_a_tag_over_a_hole_says_when_it_is_asked_again(told):
    plans = plans_of(told)
    [block] = plans.plan(ALL, 0.0).blocks
    plans.learned([HOLE], block.span, 0.0)
    [(want, _block)] = plans.plan(ALL, 0.0).over_holes
    error = plans.refusal(want, 2.0)
    assert "asked again in 3.0 s" in error.message
    assert "plcmq device relearn press-1" in error.message
    assert error.details["exception"] == 2


def test_what_the_settings_forbid_is_no_hole(told):
    plan = plans_of(told, max_registers=4).plan(frozenset({"wide"}), 0.0)
    [(want, error)] = plan.unreadable
    assert (want.name, error.code, plan.over_holes) == ("wide", "bad_args", [])
