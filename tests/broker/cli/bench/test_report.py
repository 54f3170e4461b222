"""What bench shows for people."""

from __future__ import annotations

import pytest
from plcmq.broker.cli.bench.report import print_begin, print_result
from plcmq.client.load.meter import Meter
from plcmq.client.load.mix import Mix, Operation
from plcmq.client.load.result import result_of
from plcmq.client.load.schedule import ClosedLoop, Load, OpenLoop

OPERATIONS = [Operation("read a", "read"), Operation("write b", "write")]


def load_of(schedule, devices=1) -> Load:
    mix = Mix({f"press-{number}": OPERATIONS for number in range(1, devices + 1)})
    return Load(mix, schedule, duration=10.0, warm_up=1.0)


def test_a_pipe_gets_tab_separated_lines_and_no_escape_codes(capsys):
    load, meter = load_of(OpenLoop(400.0)), Meter()
    meter.due, meter.in_time, meter.lasted = 4040, 4000, 11.0
    for _ in range(4000):
        meter.succeeded("read a", 0.002)
    for _ in range(40):
        meter.failed("write b", "busy", "try later")
    print_begin(load)
    print_result(result_of(load, meter, ""))
    out, err = capsys.readouterr()
    assert out.startswith("400 requests/s of 404 offered: 4,000 succeeded and 40 failed in 10 s\n")
    assert "latencies in ms" in out
    assert "read a\t4000\t0\t2\t2\t" in out
    assert "write b\t0\t40\t" in out
    assert "busy\t40\ttry later" in out
    assert (err, "\x1b" in out) == ("", False)


def test_what_is_doubtful_is_a_warning_beside_the_result(capsys):
    meter = Meter()
    meter.due, meter.lasted = 10, 11.0
    print_result(result_of(load_of(ClosedLoop(4)), meter, ""))
    assert "warning  10 requests were due and have no answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (load_of(ClosedLoop(16)), "press-1: 16 in flight for 11 s"),
        (load_of(OpenLoop(400.0), devices=5), "5 devices: 400 requests/s for 11 s; Ctrl-C"),
    ],
)
def test_at_a_terminal_it_says_what_it_is_about_to_do(capsys, monkeypatch, load, said):
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_begin(load)
    assert said in capsys.readouterr().err
