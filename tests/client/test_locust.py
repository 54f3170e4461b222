"""The Locust user under real Locust, in processes of its own: it patches the process that imports it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plcmq.client.protocol.errors import Code, failure

ROOT = Path(__file__).parents[2]

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def locust(tmp_path: Path) -> Iterator[Start]:
    """Starts Locust without a browser, with a locustfile that is given as text."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str, *options: str) -> subprocess.Popen[str]:
        (tmp_path / "locustfile.py").write_text(source)
        command = [sys.executable, "-m", "locust", "-f", "locustfile.py", "--headless", "--json", *options]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()


def ended(process: subprocess.Popen[str]) -> tuple[list[dict[str, Any]], str]:
    """What it has printed at its end: the statistics, and the log."""
    out, log = process.communicate(timeout=60)
    entries: list[dict[str, Any]] = []
    while out := out.lstrip():  # one document of each process, of which the workers' are empty
        document, end = json.JSONDecoder().raw_decode(out)
        entries, out = entries + document, out[end:]
    return entries, log


OVERLAP = """
import gevent
from locust import constant, events, task
from plcmq.client.locust import PlcmqUser

class Patient(PlcmqUser):
    wait_time = constant(60)

    @task
    def look(self):
        self.plc.request("hold", device="press-1")

@events.init.add_listener
def quit_after_fifty(environment, **_):
    ended = []

    @environment.events.request.add_listener
    def count(**event):
        ended.append(event)
        if len(ended) == 50:
            gevent.spawn(environment.runner.quit)
"""


def test_users_of_one_process_wait_side_by_side(fake_broker: Any, locust: Start) -> None:
    """No request is answered before the broker holds fifty at once."""
    process = locust(OVERLAP, "--host", fake_broker.endpoint, "--users", "50", "--spawn-rate", "50")
    for _ in range(50):
        fake_broker.held.get(timeout=20)
    fake_broker.release()
    (entry,), _ = ended(process)
    assert (entry["method"], entry["name"]) == ("plcmq", "press-1 hold")
    assert (entry["num_requests"], entry["num_failures"]) == (50, 0)
    assert process.returncode == 0


EVENTS = """
import json
from pathlib import Path
from locust import constant, events, task
from plcmq.client import BrokerUnreachable, Rejected
from plcmq.client.locust import PlcmqUser

told = {"events": [], "caught": [], "went_on": False}

@events.request.add_listener
def note(exception, context, response_time, **event):
    assert response_time > 0
    told["events"].append([event["name"], event["response_length"], context, repr(exception)])
    if exception:
        told["events"][-1].append([exception.code, exception.outcome, exception.message])

class Curious(PlcmqUser):
    wait_time = constant(0)
    device = "press-1"
    steps = 0

    def context(self):
        return {"user": "curious"}

    @task
    def step(self):
        self.steps += 1
        if self.steps == 1:
            assert self.plc.request("look", {"at": 1})["rqargs"] == {"at": 1}
            self.plc.call(7, "start_batch", batch_size=15)
            assert self.plc.read("press-2", "state") == "idle"
            self.plc.write("press-2", {"nok_limit": 4}, name="set the limit")
            self.plc.ask("ping")
            try:
                self.plc.request("refuse", context={"order": 4711})
            except Rejected as error:
                told["caught"].append(str(error))
            self.plc.request("refuse")
            raise AssertionError("never here")
        told["went_on"] = True
        away = Away(self.environment)
        try:
            away.plc.request("look", timeout=0.1)
        except BrokerUnreachable as error:
            told["caught"].append(str(error.code))
        away.plc.close()
        Path("told.json").write_text(json.dumps(told))
        self.environment.runner.quit()

class Away(PlcmqUser):
    abstract = True
    host = "plcmq://127.0.0.1:1/"
"""


def test_every_request_is_an_event_with_what_became_of_it(
    fake_broker: Any, locust: Start, tmp_path: Path
) -> None:
    """Names, sizes, contexts, errors by code and outcome; an error that is not caught only ends its task."""

    def refuse(_: Any) -> object:
        raise failure(Code.BAD_ARGS, "3.1 is too much")

    fake_broker.answers |= {"refuse": refuse, "read": lambda _: {"values": {"state": "idle"}}}
    process = locust(EVENTS, "--users", "1", "--host", fake_broker.endpoint)
    entries, log = ended(process)
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["caught"] == ["bad_args: 3.1 is too much", "no_host"]
    assert told["went_on"]
    assert "Traceback" not in log
    away = "no_host (not_executed): no broker answered at tcp://127.0.0.1:1"
    assert [(name, bool(size), error) for name, size, _context, error, *_ in told["events"]] == [
        ("press-1 look", True, "None"),
        ("7 start_batch", True, "None"),
        ("press-2 read", True, "None"),
        ("set the limit", True, "None"),
        ("ping", True, "None"),
        ("press-1 refuse", False, "bad_args (not_executed)"),
        ("press-1 refuse", False, "bad_args (not_executed)"),
        ("look", False, away),
    ]
    _name, _size, context, _error, typed = told["events"][5]
    assert context == {"user": "curious", "device": "press-1", "action": "refuse", "order": 4711}
    assert typed == ["bad_args", "not_executed", "3.1 is too much"]
    failures = {entry["name"]: entry["num_failures"] for entry in entries}
    assert {name: number for name, number in failures.items() if number} == {"press-1 refuse": 2, "look": 1}
    assert process.returncode == 1


STOPPING = """
import json
from pathlib import Path
import gevent
from locust import constant, events, task
from plcmq.client.locust import PlcmqUser

def now():
    return [len(list(Path("/proc/self", kind).iterdir())) for kind in ("fd", "task")]

class Patient(PlcmqUser):
    wait_time = constant(60)

    def on_start(self):
        self.plc.ask("ping")
        held.append(now())

    def on_stop(self):
        pass

    @task
    def look(self):
        self.plc.request("hold")

held = []

@events.test_start.add_listener
def before(**_):
    held.append(now())

@events.test_stop.add_listener
def after(**_):
    for _ in range(500):  # gevent closes descriptors when its loop comes round, and the kernel takes a moment
        if now() == held[0]:
            break
        gevent.sleep(0.01)
    Path("held.json").write_text(json.dumps([*held, now()]))
"""


def test_a_stop_forgets_what_waits_and_leaves_nothing_open(
    fake_broker: Any, locust: Start, tmp_path: Path
) -> None:
    """Users are killed inside their requests: no event, no socket, no thread."""
    process = locust(STOPPING, "--users", "5", "--spawn-rate", "5", "--host", fake_broker.endpoint)
    for _ in range(5):
        fake_broker.held.get(timeout=20)
    process.send_signal(signal.SIGTERM)
    (entry,), log = ended(process)
    assert (entry["name"], entry["num_requests"], entry["num_failures"]) == ("ping", 5, 0)
    assert "Traceback" not in log
    before, *during, after = json.loads((tmp_path / "held.json").read_text())
    assert len(during) == 5
    assert all(descriptors > before[0] and threads > before[1] for descriptors, threads in during)
    assert after == before


PROCESSES = """
import os
import gevent
from locust import constant, events, runners, task
from plcmq.client.locust import PlcmqUser

runners.WORKER_REPORT_INTERVAL = 0.1

class Here(PlcmqUser):
    wait_time = constant(0.05)

    @task
    def look(self):
        self.plc.request("look", {"process": os.getpid()}, name="look")

@events.init.add_listener
def quit_when_both_workers_have_reported(environment, **_):
    workers = set()

    @environment.events.worker_report.add_listener
    def note(client_id, data):
        if data["stats_total"]["num_requests"] and client_id not in workers:
            workers.add(client_id)
            if len(workers) == 2:
                gevent.spawn(environment.runner.quit)
"""


def test_users_in_several_processes(fake_broker: Any, locust: Start) -> None:
    """Both workers, which are forks, have connections of their own, and the master has all their numbers."""
    options = ["--processes", "2", "--users", "4", "--spawn-rate", "4"]
    (entry,), _ = ended(locust(PROCESSES, *options, "--host", fake_broker.endpoint))
    asked = [request.rqargs["process"] for request in fake_broker.requests]
    assert len(set(asked)) == 2
    assert entry["num_failures"] == 0
    assert 2 <= entry["num_requests"] <= len(asked)


ADDRESSES = """
from locust.exception import StopTest
from plcmq.client.locust import broker_endpoint

for host in ("plcmq://broker:7602/", "plcmq://localhost", "plcmq://[::1]", "plcmq://[::1]:7602", "tcp://a:1/",
             "ipc:///run/plcmq.sock", "http://a:1", "", None, "plcmq://"):
    try:
        print(broker_endpoint(host))
    except StopTest as error:
        print("StopTest:", error)
"""


def test_hosts_are_the_brokers_endpoints() -> None:
    done = subprocess.run([sys.executable, "-c", ADDRESSES], capture_output=True, text=True, timeout=60)
    *good, http, empty, none, nameless = done.stdout.splitlines()
    assert good == [
        "tcp://broker:7602",
        "tcp://127.0.0.1:7502",
        "tcp://[::1]:7502",
        "tcp://[::1]:7602",
        "tcp://a:1",
        "ipc:///run/plcmq.sock",
    ]
    assert http.startswith("StopTest: 'http://a:1' is no endpoint")
    assert empty == none
    assert "--host" in none
    assert nameless.startswith("StopTest: ")


UNPATCHED = """
import os
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
from locust.env import Environment
from locust.exception import StopTest
from plcmq.client.locust import PlcmqUser

class Impatient(PlcmqUser):
    host = "plcmq://127.0.0.1:7502"

try:
    Impatient(Environment())
except StopTest as error:
    print(error)
"""


def test_without_gevents_patches_no_user_starts() -> None:
    """The first that waits would stop all others."""
    done = subprocess.run([sys.executable, "-c", UNPATCHED], capture_output=True, text=True, timeout=60)
    assert "LOCUST_SKIP_MONKEY_PATCH" in done.stdout, done.stderr


QUIT_AFTER_A_READ_AND_A_STATUS = """
import gevent
from locust import events

@events.init.add_listener
def quit_after_a_read_and_a_status(environment, **_):
    missing = {"look", "press-1 status"}

    @environment.events.request.add_listener
    def note(name, **_):
        if name in missing:
            missing.remove(name)
            if not missing:
                gevent.spawn(environment.runner.quit)
"""


def test_the_locustfile_of_the_documents_runs(fake_broker: Any, locust: Start) -> None:
    page = (ROOT / "docs" / "clients.md").read_text()
    source = re.search(r"^```py\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert source is not None
    fake_broker.answers["read"] = lambda request: {"values": dict.fromkeys(request.rqargs["tags"], 0)}
    options = ["--users", "3", "--spawn-rate", "3", "--host", fake_broker.endpoint]
    entries, log = ended(locust(source.group(1) + QUIT_AFTER_A_READ_AND_A_STATUS, *options))
    assert {entry["name"] for entry in entries} == {"look", "press-1 status"}
    assert sum(entry["num_failures"] for entry in entries) == 0
    assert "Traceback" not in log
