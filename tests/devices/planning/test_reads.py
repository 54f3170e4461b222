"""Plans against an oracle that tries every partition."""

from hypothesis import given, settings
from hypothesis import strategies as st
from plcmq.devices.model.tags import Table
from plcmq.devices.planning.reads import Hole, Want, plan_reads, unreadable

H, C = Table.HOLDING, Table.COIL


def want(address, width=1, table=H):
    return Want(f"{table}:{address}+{width}", table, address, width)


def hole(address, count=1, gap=False, table=H):
    return Hole(table, address, count, gap)


def ranges(spans):
    return [(span.address, span.count) for span in spans]


def covers(address, count, known):
    return address <= known.address and known.address + known.count <= address + count


def partitions(items):
    """Every way to put the items into groups."""
    if not items:
        yield []
        return
    head, *tail = items
    for groups in partitions(tail):
        yield [[head], *groups]
        for at in range(len(groups)):
            yield [*groups[:at], [head, *groups[at]], *groups[at + 1 :]]


def allowed(group, limit, max_gap, holes):
    start = min(each.address for each in group)
    end = max(each.address + each.width for each in group)
    if end - start > limit:
        return False
    covered = {at for each in group for at in range(each.address, each.address + each.width)}
    run = 0
    for at in range(start, end):
        run = 0 if at in covered else run + 1
        if run > max_gap:
            return False
    single = any((each.address, each.width) == (start, end - start) for each in group)
    return not any(covers(start, end - start, known) for known in holes if not (known.gap and single))


def cost(groups):
    lengths = [
        max(each.address + each.width for each in group) - min(each.address for each in group)
        for group in groups
    ]
    return len(lengths), sum(lengths)


wants_lists = st.lists(st.builds(want, st.integers(0, 24), st.integers(1, 5)), max_size=6)
holes_lists = st.lists(st.builds(hole, st.integers(0, 26), st.integers(1, 4), st.booleans()), max_size=3)


@settings(max_examples=300, deadline=None)
@given(wants_lists, st.integers(5, 30), st.integers(0, 8), holes_lists)
def test_a_plan_is_as_good_as_the_best_of_all_partitions(wants, limit, max_gap, holes):
    refused = {each for each, _why in unreadable(wants, max_registers=limit, holes=holes)}
    readable = [each for each in wants if each not in refused]
    plan = plan_reads(wants, max_registers=limit, max_gap=max_gap, holes=holes)
    best = min(
        cost(groups)
        for groups in partitions(readable)
        if all(allowed(group, limit, max_gap, holes) for group in groups)
    )
    assert (len(plan), sum(span.count for span in plan)) == best


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.builds(want, st.integers(0, 400), st.integers(1, 8), st.sampled_from(Table)),
        max_size=80,
    ),
    st.integers(8, 125),
    st.integers(0, 12),
    st.lists(st.builds(hole, st.integers(0, 400), st.integers(1, 6), st.booleans()), max_size=12),
)
def test_every_readable_want_is_in_one_request_that_keeps_all_rules(wants, limit, max_gap, holes):
    bits = 2 * limit
    plan = plan_reads(wants, max_registers=limit, max_coils=bits, max_gap=max_gap, holes=holes)
    refused = unreadable(wants, max_registers=limit, max_coils=bits, holes=holes)
    delivered = [each for span in plan for each in span.wants]
    key = repr
    assert sorted([*delivered, *(each for each, _why in refused)], key=key) == sorted(wants, key=key)
    for span in plan:
        in_table = [known for known in holes if known.table is span.table]
        factor = 16 if span.table.is_bits else 1
        assert allowed(span.wants, bits if factor == 16 else limit, factor * max_gap, in_table)
        assert all(
            each.table is span.table and covers(span.address, span.count, wide(each)) for each in span.wants
        )


def wide(each):
    return Hole(each.table, each.address, each.width)


def test_nothing_wanted_is_nothing_read():
    assert plan_reads([]) == []


def test_neighbours_repetitions_and_overlaps_share_one_request():
    wants = [want(2, 2), want(0, 2), want(2, 2), want(3, 3), want(4)]
    (span,) = plan_reads(wants)
    assert (span.table, span.address, span.count) == (H, 0, 6)
    assert sorted(map(repr, span.wants)) == sorted(map(repr, wants))


def test_a_gap_is_read_over_up_to_its_limit():
    wants = [want(0), want(9)]
    assert ranges(plan_reads(wants, max_gap=8)) == [(0, 10)]
    assert ranges(plan_reads(wants, max_gap=7)) == [(0, 1), (9, 1)]


def test_a_gap_of_bits_counts_sixteen_to_a_register():
    wants = [want(0, table=C), want(17, table=C)]
    assert ranges(plan_reads(wants, max_gap=1)) == [(0, 18)]
    assert ranges(plan_reads([wants[0], want(18, table=C)], max_gap=1)) == [(0, 1), (18, 1)]


def test_tables_are_read_apart():
    tables = [Table.HOLDING, Table.INPUT, Table.COIL, Table.DISCRETE]
    assert {span.table for span in plan_reads([want(0, table=each) for each in tables])} == set(tables)


def test_a_value_at_the_limit_goes_whole_into_the_next_request():
    wants = [want(at, 2) for at in range(0, 40, 2)]
    plan = plan_reads(wants, max_registers=25)
    assert len(plan) == 2
    assert all(span.count % 2 == 0 and span.count <= 24 for span in plan)


def test_of_equally_many_requests_those_that_read_less_are_taken():
    """Packing from the left would read over the gap of 5 and cut where there is none."""
    wants = [want(0), want(6), want(7), want(8)]
    assert ranges(plan_reads(wants, max_registers=8)) == [(0, 1), (6, 3)]


def test_a_hundred_scattered_tags_take_at_most_three_requests():
    wants = [want(3 * n, 2) for n in range(100)]
    assert len(plan_reads(wants)) == 3


def test_no_request_covers_a_hole():
    wants = [want(0), want(4), want(8)]
    assert ranges(plan_reads(wants, holes=[hole(5, 2)])) == [(0, 5), (8, 1)]


def test_a_hole_in_another_table_does_not_matter():
    assert ranges(plan_reads([want(0), want(4)], holes=[hole(2, table=Table.INPUT)])) == [(0, 5)]


def test_a_value_that_covers_a_hole_is_left_out_and_told():
    wants = [want(0), want(4, 2), want(5)]
    holes = [hole(4, 2)]
    assert ranges(plan_reads(wants, holes=holes)) == [(0, 1), (5, 1)]
    ((refused, why),) = unreadable(wants, holes=holes)
    assert refused == wants[1]
    assert "exception 2" in why


def test_a_value_longer_than_a_request_is_left_out_and_told():
    wants = [want(0, 126), want(0, 2001, C)]
    assert plan_reads(wants) == []
    assert [each for each, _why in unreadable(wants)] == wants


def test_a_gap_forbids_joining_but_no_value():
    holes = [hole(3, 2, gap=True)]
    assert ranges(plan_reads([want(0, 4), want(4, 4)], holes=holes)) == [(0, 4), (4, 4)]
    assert ranges(plan_reads([want(0, 8)], holes=holes)) == [(0, 8)]
