"""A refused request is cut until it is known which addresses refuse."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from plcmq.devices.model.tags import Table
from plcmq.devices.planning.holes import Answer, HoleHunt, apart, bisect
from plcmq.devices.planning.reads import Hole, Span, Want, plan_reads

H = Table.HOLDING


def want(address, width=1, table=H):
    return Want(f"{table}:{address}+{width}", table, address, width)


def hole(address, count=1, gap=False, table=H):
    return Hole(table, address, count, gap)


def ranges(spans):
    return [(span.address, span.count) for span in spans]


def whole(wants):
    start = min(each.address for each in wants)
    end = max(each.address + each.width for each in wants)
    return Span(H, start, end - start, tuple(wants))


def test_a_span_is_cut_between_values_near_its_middle():
    left, right = bisect(whole([want(0, 2), want(2, 2), want(4, 4), want(8, 2)]))
    assert ranges([left, right]) == [(0, 4), (4, 6)]


def test_a_cut_leaves_out_the_gap():
    assert ranges(bisect(whole([want(0), want(6)]))) == [(0, 1), (6, 1)]


def test_one_value_is_not_cut_however_often_it_is_wanted():
    assert bisect(whole([want(3, 2), want(3, 2)])) == []


def test_values_that_overlap_are_cut_into_requests_that_overlap():
    assert ranges(bisect(whole([want(0, 3), want(2, 3)]))) == [(0, 3), (2, 3)]
    assert ranges(bisect(whole([want(0, 9), want(2, 3)]))) == [(0, 9), (2, 3)]


@given(st.lists(st.builds(want, st.integers(0, 30), st.integers(1, 5)), min_size=1, max_size=12))
def test_a_cut_keeps_every_value_whole(wants):
    span = whole(wants)
    halves = bisect(span)
    assert bool(halves) == (len(set(wants)) > 1)
    if halves:
        assert sorted(map(repr, itertools.chain(*(half.wants for half in halves)))) == sorted(
            map(repr, wants)
        )
        assert all(half == whole(half.wants) and half.wants for half in halves)


class Plc:
    """Answers exception 2 to what touches a bad address, joins two objects, or is too long."""

    def __init__(self, bad=(), seams=(), longest=125):
        self.bad, self.seams, self.longest = set(bad), seams, longest
        self.asked = []

    def reads(self, span):
        self.asked.append((span.address, span.count))
        inside = range(span.address, span.address + span.count)
        crossed = any(span.address < seam < span.address + span.count for seam in self.seams)
        return not self.bad.intersection(inside) and not crossed and span.count <= self.longest

    def round(self, wants, holes):
        """One round of polling; what it delivered, and how many exceptions it cost."""
        delivered, failed = set(), 0
        for span in plan_reads(wants, holes=holes):
            if self.reads(span):
                delivered.update(span.wants)
                continue
            failed += 1
            hunt = HoleHunt(span, Answer.NO_ADDRESS)
            while (part := hunt.part) is not None:
                readable = self.reads(part)
                delivered.update(part.wants if readable else ())
                failed += not readable
                hunt.report(Answer.DATA if readable else Answer.NO_ADDRESS)
            assert hunt.holes
            holes += hunt.holes
        return delivered, failed


def test_a_bad_value_is_found_among_a_hundred_with_few_requests():
    wants = [want(at) for at in range(100)]
    plc, holes = Plc(bad=[37]), []
    delivered, _failed = plc.round(wants, holes)
    assert delivered == set(wants) - {want(37)}
    assert holes == [hole(37)]
    assert len(plc.asked) <= 16


def test_a_bad_address_between_two_values_keeps_them_apart_from_then_on():
    holes = []
    wants = [want(0, 2), want(5, 2)]
    assert Plc(bad=[3]).round(wants, holes) == (set(wants), 1)
    assert holes == [hole(2, 3, gap=True)]
    assert Plc(bad=[3]).round([*wants, want(4)], holes) == ({*wants, want(4)}, 0)


def test_two_objects_that_the_device_does_not_join_are_read_apart():
    holes = []
    wants = [want(0, 2), want(2, 2)]
    assert Plc(seams=[2]).round(wants, holes) == (set(wants), 1)
    assert holes == [hole(1, 2, gap=True)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.builds(want, st.integers(0, 60), st.integers(1, 4)), min_size=1, max_size=25),
    st.sets(st.integers(0, 64), max_size=5),
    st.lists(st.integers(1, 60), max_size=3),
    st.integers(4, 64),
)
def test_after_learning_a_round_costs_no_exception_and_misses_nothing_readable(wants, bad, seams, longest):
    plc, holes = Plc(bad, seams, longest), []
    readable = {each for each in wants if plc.reads(Span(H, each.address, each.width, (each,)))}
    for _ in range(2 * len(wants)):
        delivered, failed = plc.round(wants, holes)
        assert delivered == readable
        if not failed:
            break
    assert plc.round(wants, holes) == (readable, 0)


def followed(hunt, refused, code=Answer.REFUSED):
    """Follows a hunt in which single addresses are refused."""
    while (part := hunt.part) is not None:
        inside = range(part.address, part.address + part.count)
        hunt.report(code if set(refused).intersection(inside) else Answer.DATA)
    return hunt.holes


def test_what_is_refused_for_another_reason_is_kept_apart_and_is_no_hole():
    hunt = HoleHunt(whole([want(at) for at in range(8)]), Answer.REFUSED)
    assert followed(hunt, [5]) == [hole(5, gap=True)]


def test_a_device_that_refuses_everything_for_another_reason_teaches_nothing():
    hunt = HoleHunt(whole([want(at) for at in range(4)]), Answer.REFUSED)
    assert followed(hunt, range(4)) == []


def test_values_can_be_asked_for_one_by_one():
    spans = apart(whole([want(4, 2), want(0), want(0), want(1)]))
    assert ranges(spans) == [(0, 1), (1, 1), (4, 2)]
    assert len(spans[0].wants) == 2
