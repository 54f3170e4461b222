"""What of the bench is pure: rounds, ratios, targets, tables, and what is published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from measure import Row

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


def row(contender: str, plc: str, window: int, rates: list[float], **other: object) -> Row:
    from measure import CURVE, Row

    what: dict[str, object] = {"codec": "msgpack", "tags": 1, "p50s": [0.001] * len(rates)} | other
    made = Row(contender, plc, str(what.pop("codec")), window, 1, rates)
    made.p99s, made.modbus, made.busy = [0.002] * len(rates), [100.0] * len(rates), [0.1] * len(rates)
    made.curve = [0.001] * len(CURVE)
    for name, value in what.items():
        setattr(made, name, value)
    return made


def test_rounds_have_a_rate_each_and_a_curve_together() -> None:
    from loads import recorded
    from measure import CURVE, Line, Meanwhile, Rounds

    rounds = Rounds(Line("a", "fast", "json", 2, 1, lambda seconds: (recorded([]), seconds)))
    rounds.add(recorded([0.3, 0.1]), 0.5, Meanwhile(modbus=1, plc_cpu=0.05, contender_cpu=0.2))
    rounds.add(recorded([0.2] * 4), 0.5, Meanwhile(modbus=4, plc_cpu=0.1, contender_cpu=0.2))
    found = rounds.row()
    assert found.rates == [4, 8]
    assert found.rate == 6
    assert found.modbus == [2, 8]
    assert found.cost == [0.1, 0.05]
    assert dict(zip(CURVE, found.curve, strict=True))[100] == pytest.approx(0.3, rel=1e-3)


def test_a_ratio_is_taken_round_by_round() -> None:
    from measure import ratio

    found = ratio([1, 4, 30], [1, 2, 10])
    assert (found.middle, found.least, found.most) == (2, 1, 3)


@pytest.mark.parametrize(("rate", "verdict"), [(500.0, "met"), (499.0, "missed")])
def test_a_target_is_met_when_its_ratio_is_reached(rate: float, verdict: str) -> None:
    import plan
    from targets import targets

    rows = [row(plan.ONE, plan.FAST, 100, [rate]), row(plan.FLOOR, plan.NONE, 100, [500.0])]
    assert [target.verdict for target in targets(rows)] == [verdict]


def test_one_caller_is_set_against_the_floor_and_direct_modbus_together() -> None:
    import plan
    from targets import targets

    rows = [
        row(plan.ONE, plan.FAST, 1, [1.0], p50s=[0.0003]),
        row(plan.FLOOR, plan.NONE, 1, [1.0], p50s=[0.0002]),
        row(plan.PYMODBUS, plan.FAST, 1, [1.0], p50s=[0.0001], codec="-"),
    ]
    (found,) = targets(rows)
    assert found.measured.middle == pytest.approx(1.0)
    assert (found.wanted, found.verdict) == ("≤ 1.3", "met")


def test_without_peers_there_are_no_targets_about_them() -> None:
    import plan
    from targets import targets

    assert targets([row(plan.ONE, plan.FAST, 100, [1.0])]) == []


def test_the_markdown_has_a_line_for_each_row_and_each_target() -> None:
    import plan
    import report
    from targets import targets

    rows = [row(plan.FLOOR, plan.NONE, 100, [500.0, 700.0]), row(plan.ONE, plan.FAST, 100, [400.0, 600.0])]
    text = report.markdown(rows, targets(rows), "2 cores")
    assert "| plcmq, one process | msgpack | 100 | 1 | 500 | 400…600 | 0.83 |" in text
    assert "| ≥ 1 | 0.83 (0.80…0.86) | missed |" in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.count("|") in (len(report.HEAD) + 1, len(report.TARGET_HEAD) + 1)


def test_publishing_replaces_what_stands_between_the_marks() -> None:
    from publish import BEGIN, END, between_marks

    once = between_marks(f"a\n\n{BEGIN}\nold\n{END}\n\nb\n", "new")
    assert once == f"a\n\n{BEGIN}\n\nnew\n\n{END}\n\nb\n"
    assert between_marks(once, "new") == once


@pytest.mark.parametrize("page", ["", "{0}", "{1} {0}", "{0} {0} {1}", "{0} {1} {1}"])
def test_a_page_without_its_marks_is_left_alone(page: str) -> None:
    from publish import BEGIN, END, between_marks

    with pytest.raises(ValueError, match="once each"):
        between_marks(page.format(BEGIN, END), "new")


def test_the_page_of_the_documents_has_its_marks() -> None:
    from publish import between_marks

    assert "new" in between_marks(PAGE.read_text(), "new")


def test_the_site_has_a_device_for_each_port() -> None:
    from contenders import TAGS, site
    from plcmq.devices.site.load import parse_site

    loaded = parse_site(site({"fast": 5020, "slow": 5021}))
    assert [device["name"] for device in loaded.devices] == ["fast", "slow"]
    (profile,) = loaded.profiles.values()
    assert len(profile["tags"]) == TAGS


@pytest.mark.parametrize(
    ("speed", "thrift", "others", "is_slow"),
    [(1.0, 0.2, 0.0, False), (0.4, 0.4, 1.0, True), (0.4, 0.9, 1.0, False), (0.4, 0.9, 0.0, True)],
)
def test_the_guard_blames_nobody_for_what_others_may_have_done(
    speed: float, thrift: float, others: float, is_slow: bool
) -> None:
    from guard import Finding
    from measure import Ratio

    finding = Finding(Ratio(speed, speed, speed), Ratio(thrift, thrift, thrift), others)
    assert finding.is_slow is is_slow
