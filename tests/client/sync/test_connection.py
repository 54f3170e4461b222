"""The blocking client: shared by threads, safe across fork, prompt to close, honest when nobody answers."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from plcmq.client import get_conn
from plcmq.client.core.retry import Retry
from plcmq.client.protocol.endpoint import BadEndpoint
from plcmq.client.protocol.errors import BrokerUnreachable, Code, Outcome, OutcomeUnknown, PlcmqError, failure
from plcmq.client.sync.connection import Connection

NOBODY = ("127.0.0.1", 9)  # the discard port: nobody listens


@pytest.fixture
def conn(fake_broker: Any) -> Any:
    with get_conn("127.0.0.1", fake_broker.port, device="press-1") as conn:
        yield conn


def test_a_request_returns_its_result(fake_broker: Any) -> None:
    """The pattern that this project comes from, word by word."""
    conn = get_conn("127.0.0.1", fake_broker.port, device="press-1")
    try:
        result = conn.request(action="start_batch", rqargs={"batch_size": 15, "nok_num": 3})
    finally:
        conn.close()
    assert result == {
        "action": "start_batch",
        "rqargs": {"batch_size": 15, "nok_num": 3},
        "device": "press-1",
    }


@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_both_codecs_work(fake_broker: Any, codec: str) -> None:
    with get_conn("127.0.0.1", fake_broker.port, codec=codec) as conn:
        assert conn.request("echo", {"text": "ü"}, device=3)["rqargs"] == {"text": "ü"}
    assert {request.codec.value for request in fake_broker.requests} == {codec}


def test_a_request_may_name_another_device_a_timeout_and_a_key(conn: Connection, fake_broker: Any) -> None:
    conn.request("start_batch", device=2, timeout=1.5, key="order-1", request_id="mine")
    sent = fake_broker.requests[-1]
    assert (sent.device, sent.timeout, sent.key, sent.id) == (2, 1.5, "order-1", "mine")


def test_an_error_reply_is_raised_as_its_class(conn: Connection, fake_broker: Any) -> None:
    def refuse(_: object) -> object:
        raise failure(Code.OUTCOME_UNKNOWN, "no answer", details={"tag": "start"})

    fake_broker.answers["write"] = refuse
    with pytest.raises(OutcomeUnknown) as caught:
        conn.write("press-1", {"start": True})
    assert caught.value.details == {"tag": "start"}


def test_everyday_calls_are_the_requests_of_the_protocol(conn: Connection, fake_broker: Any) -> None:
    fake_broker.answers["read"] = lambda _: {"values": {"a": 1, "b": 2}, "age": {}}
    fake_broker.answers["batch"] = lambda _: {"replies": [{"ok": True, "result": 7}]}
    fake_broker.answers["cancel"] = lambda _: {"cancelled": False}
    assert conn.read("press-2", "a", max_age=1.0) == 1
    assert conn.read("press-2", "a", "b") == {"a": 1, "b": 2}
    conn.write("press-2", {"a": 1}, verify=True)
    assert conn.describe(1)["action"] == "describe"
    assert conn.status(1)["device"] == 1
    assert conn.devices(10, 20, "press")["rqargs"] == {"limit": 10, "offset": 20, "match": "press"}
    assert conn.info()["device"] is None
    assert conn.ping() > 0
    assert [reply.value() for reply in conn.batch([{"action": "ping"}])] == [7]
    assert conn.cancel("mine") is False


def test_no_broker_is_found_out_within_the_connect_timeout_and_says_where() -> None:
    started = time.monotonic()
    with pytest.raises(BrokerUnreachable, match=re.escape("tcp://127.0.0.1:9")) as caught:
        get_conn(*NOBODY, connect_timeout=0.2)
    assert time.monotonic() - started < 2
    assert caught.value.endpoint == "tcp://127.0.0.1:9"


def test_a_broker_that_accepts_and_says_nothing_is_unreachable(fake_broker: Any) -> None:
    fake_broker.answers["ping"] = fake_broker.answers["silence"]
    with pytest.raises(BrokerUnreachable):
        get_conn("127.0.0.1", fake_broker.port, connect_timeout=0.2)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(BadEndpoint):
        get_conn("ipc:///" + "x" * 200)


def test_a_whole_endpoint_may_stand_for_the_host(start_broker: Any, tmp_path: Path) -> None:
    broker = start_broker(f"ipc://{tmp_path}/broker")
    with get_conn(broker.endpoint) as conn:
        assert conn.ping() > 0


def wait_until_lost(conn: Connection) -> None:
    """Until the connection is known to be lost: before that, a request may still go into it."""
    for _ in range(1000):
        with pytest.raises(PlcmqError) as caught:
            conn.request("echo", timeout=0.02)
        if isinstance(caught.value, BrokerUnreachable):
            return
    pytest.fail("the connection still stands")


def test_while_the_broker_is_away_nothing_is_sent_and_nothing_comes_out_later(
    start_broker: Any, fake_broker: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("plcmq.client.core.retry.GRACE", 0.0)
    with get_conn("127.0.0.1", fake_broker.port, device=1) as conn:
        fake_broker.stop()
        wait_until_lost(conn)
        with pytest.raises(BrokerUnreachable) as caught:
            conn.request("start_batch", timeout=0.02)
        assert caught.value.outcome is Outcome.NOT_EXECUTED
        again = start_broker(fake_broker.endpoint)
        assert conn.request("read", timeout=20)["action"] == "read"
    assert [request.action for request in again.requests] == ["read"]


def test_a_request_made_while_the_broker_restarts_is_sent_when_it_is_back(
    start_broker: Any, fake_broker: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("plcmq.client.core.retry.GRACE", 0.0)
    with get_conn("127.0.0.1", fake_broker.port, device=1) as conn:
        fake_broker.stop()
        wait_until_lost(conn)
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(conn.request, "read", timeout=20)
            start_broker(fake_broker.endpoint)
            assert waiting.result(30)["action"] == "read"


def test_16_threads_with_1000_calls_each_get_their_own_answers(conn: Connection) -> None:
    def work(thread: int) -> int:
        for number in range(1000):
            result = conn.request("echo", {"thread": thread, "number": number})
            assert result["rqargs"] == {"thread": thread, "number": number}
        return thread

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(work, range(16))) == list(range(16))


def test_a_waiting_thread_does_not_hold_up_the_others(conn: Connection, fake_broker: Any) -> None:
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(conn.request, "hold", {"n": number}) for number in range(3)]
        for _ in waiting:
            fake_broker.held.get(timeout=10)
        for number in range(20):
            assert conn.request("echo", {"n": number})["rqargs"] == {"n": number}
        fake_broker.release()
        assert [call.result(10) for call in waiting] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_when_the_thread_that_reads_gives_up_another_takes_over(
    conn: Connection, fake_broker: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("plcmq.client.core.retry.GRACE", 0.0)
    with ThreadPoolExecutor(2) as threads:
        leader = threads.submit(conn.request, "hold", {"n": 1}, timeout=0.2)
        fake_broker.held.get(timeout=10)
        follower = threads.submit(conn.request, "hold", {"n": 2}, timeout=20)
        fake_broker.held.get(timeout=10)
        assert isinstance(leader.exception(10), OutcomeUnknown)
        fake_broker.release()
        assert follower.result(10) == {"n": 2}


def test_a_late_reply_is_dropped_and_the_connection_goes_on(
    conn: Connection, fake_broker: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("plcmq.client.core.retry.GRACE", 0.0)
    with pytest.raises(PlcmqError) as caught:
        conn.request("hold", timeout=0.05)
    assert caught.value.outcome is Outcome.UNKNOWN
    fake_broker.release()
    assert conn.request("echo", {"n": 1})["rqargs"] == {"n": 1}


def test_a_read_without_an_answer_is_a_timeout(conn: Connection, fake_broker: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("plcmq.client.core.retry.GRACE", 0.0)
    fake_broker.answers["read"] = fake_broker.answers["silence"]
    with pytest.raises(PlcmqError) as caught:
        conn.request("read", {"tags": "a"}, timeout=0.05)
    assert (caught.value.code, caught.value.outcome) == (Code.TIMEOUT, Outcome.NOT_EXECUTED)


def test_a_broker_that_is_restarted_while_it_is_asked_for_a_sign_of_life_is_found(
    start_broker: Any, fake_broker: Any
) -> None:
    fake_broker.answers["ping"] = fake_broker.answers["hold"]
    with ThreadPoolExecutor(1) as threads:
        connecting = threads.submit(get_conn, "127.0.0.1", fake_broker.port, connect_timeout=20)
        fake_broker.held.get(timeout=10)
        fake_broker.stop()
        start_broker(fake_broker.endpoint)
        connecting.result(20).close()


def test_nobody_waits_for_a_broker_that_has_died(fake_broker: Any) -> None:
    with get_conn("127.0.0.1", fake_broker.port, device=1) as conn, ThreadPoolExecutor(6) as threads:
        waiting = [threads.submit(conn.request, "hold", timeout=600) for _ in range(6)]
        for _ in waiting:
            fake_broker.held.get(timeout=10)
        fake_broker.stop()
        for call in waiting:
            error = call.exception(10)
            assert isinstance(error, OutcomeUnknown)
            assert "broke" in str(error)


def test_closing_fails_the_calls_of_other_threads_at_once(fake_broker: Any) -> None:
    conn = get_conn("127.0.0.1", fake_broker.port, device=1, timeout=60)
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(conn.request, "hold") for _ in range(4)]
        for _ in waiting:
            fake_broker.held.get(timeout=10)
        conn.close()
        for call in waiting:
            error = call.exception(10)
            assert isinstance(error, OutcomeUnknown)
            assert error.code is Code.CANCELLED


def test_closing_is_prompt_with_the_broker_away_with_replies_pending_and_twice(fake_broker: Any) -> None:
    conn = get_conn("127.0.0.1", fake_broker.port, device=1, timeout=60)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(conn.request, "hold")
        fake_broker.held.get(timeout=10)
        fake_broker.stop()
        started = time.monotonic()
        conn.close()
        conn.close()
        assert time.monotonic() - started < 1.5
        assert isinstance(waiting.exception(10), PlcmqError)


def test_a_closed_connection_says_so(conn: Connection) -> None:
    conn.close()
    with pytest.raises(PlcmqError, match="closed") as caught:
        conn.request("start_batch")
    assert caught.value.outcome is Outcome.NOT_EXECUTED
    assert "closed" in repr(conn)


def test_500_open_and_close_cycles_leave_no_descriptor_and_no_thread(fake_broker: Any, held: Any) -> None:
    before = held()
    for _ in range(500):
        get_conn("127.0.0.1", fake_broker.port).close()
    assert before.nothing_new()


def test_a_failed_get_conn_leaves_nothing(held: Any) -> None:
    before = held()
    for _ in range(3):
        with pytest.raises(BrokerUnreachable):
            get_conn(*NOBODY, connect_timeout=0.02)
    assert before.nothing_new()


def test_a_forgotten_connection_warns_and_lets_go(fake_broker: Any, held: Any) -> None:
    before = held()
    conns = [get_conn("127.0.0.1", fake_broker.port)]
    with pytest.warns(ResourceWarning, match="unclosed"):
        conns.clear()
    assert before.nothing_new()


def test_a_program_that_forgets_to_close_ends_all_the_same(fake_broker: Any) -> None:
    program = f"""
from plcmq.client import get_conn
conn = get_conn("127.0.0.1", {fake_broker.port})
print(conn.request("echo", {{"n": 1}})["rqargs"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout == "{'n': 1}\n"


def in_child(work: Callable[[], object]) -> int:
    """Runs `work` in a forked child; the child's process id. Status 0 says that it did not raise."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def statuses(children: list[int]) -> list[int]:
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


forking = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@forking
def test_forked_children_use_the_connection_while_the_parent_goes_on(conn: Connection) -> None:
    def work(who: int) -> None:
        for number in range(100):
            assert conn.request("echo", {"who": who, "n": number})["rqargs"] == {"who": who, "n": number}

    with ThreadPoolExecutor(2) as threads:
        going_on = [threads.submit(work, -1) for _ in range(2)]
        children = [in_child(lambda who=who: work(who)) for who in range(8)]
        assert statuses(children) == [0] * 8
        for one in going_on:
            one.result(30)
    work(-2)


@forking
def test_a_child_that_closes_leaves_its_parents_connection_open(conn: Connection) -> None:
    def work() -> None:
        conn.close()
        with pytest.raises(PlcmqError, match="closed"):
            conn.ping()

    assert statuses([in_child(work)]) == [0]
    assert conn.ping() > 0


@forking
def test_a_child_that_only_forgets_the_connection_harms_nobody(fake_broker: Any) -> None:
    conns = [get_conn("127.0.0.1", fake_broker.port)]

    def work() -> None:
        conns.clear()
        gc.collect()

    assert statuses([in_child(work)]) == [0]
    assert conns[0].ping() > 0
    conns[0].close()


def test_with_retry_a_refusal_is_tried_again_and_a_silence_by_key(conn: Any, fake_broker: Any) -> None:
    refusals = [failure(Code.BUSY, "full", details={"retry_after": 0.01})]
    answers = iter([fake_broker.SILENCE, "done"])

    def answer(_request: Any) -> object:
        if refusals:
            raise refusals.pop()
        return next(answers)

    fake_broker.answers["act"] = answer
    assert conn.request("act", key="order-1", retry=Retry(patience=0.05)) == "done"
    assert [request.key for request in fake_broker.requests[1:]] == ["order-1"] * 3


def test_with_retry_the_time_is_kept_all_the_same(conn: Any, fake_broker: Any) -> None:
    def answer(_request: Any) -> object:
        raise failure(Code.BUSY, "full", details={"retry_after": 0.05})

    fake_broker.answers["act"] = answer
    with pytest.raises(PlcmqError) as caught:
        conn.request("act", timeout=0.3, retry=True)
    assert caught.value.code is Code.BUSY
    assert 2 <= len(fake_broker.requests) - 1 <= 7
