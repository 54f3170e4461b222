"""What bench shows."""

from __future__ import annotations

import io

import pytest
from plcmq.broker.cli.bench_board import Board, print_result
from plcmq.client.load.meter import Meter
from plcmq.client.load.mix import Mix, Operation
from plcmq.client.load.plan import Plan
from plcmq.client.load.schedule import ClosedLoop, OpenLoop
from plcmq.client.load.summary import result_of
from rich.console import Console

MIX = Mix({"press-1": [Operation("read a", "read"), Operation("write b", "write")]})


def board_after(schedule, windows: int, processes: int = 2) -> Board:
    board = Board(Plan(MIX, schedule, duration=10.0, warm_up=1.0), processes)
    for number in range(1, windows + 1):
        for process in range(processes):
            meter = Meter()
            meter.in_flight = 8
            meter.due = meter.in_time = 100
            for _ in range(100):
                meter.succeeded("read a", 0.002)
            meter.failed("write b", "busy", "try later")
            board.take(meter.take(number / 2 + 0.001 * process, 0.1), process)
    return board


def drawn(board: Board, since: float) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(board.drawn(since))
    return console.export_text()


def test_it_shows_the_rate_of_all_processes_together():
    text = drawn(board_after(OpenLoop(400.0), 6), 3.2)
    now = next(line.split() for line in text.splitlines() if line.startswith("now"))
    assert now == ["now", "400", "2", "ms", "2", "ms", "4/s", "16"]
    assert "400 requests/s" in text
    assert "3 of 11 s" in text
    assert "█" * 6 in text


@pytest.mark.parametrize(
    ("since", "said"), [(0.5, "warming up"), (5.0, "Ctrl-C"), (12.0, "waiting for the last answers")]
)
def test_it_says_what_it_is_at(since, said):
    assert said in drawn(board_after(ClosedLoop(16), 3), since)


def test_it_can_be_drawn_before_anything_has_come():
    assert "16 in flight" in drawn(board_after(ClosedLoop(16), 0), -0.1)


def test_a_pipe_gets_tab_separated_lines_and_no_escape_codes(capsys):
    board = board_after(OpenLoop(400.0), 20)
    print_result(result_of(Plan(MIX, OpenLoop(400.0), warm_up=0.0), board.totals, 10.0, 2, ""))
    out, err = capsys.readouterr()
    assert "latencies in ms" in out
    assert "read a\t4000\t0\t2\t2\t" in out
    assert "write b\t0\t40\t" in out
    assert "busy\t40\ttry later" in out
    assert "\x1b" not in out + err
