"""The routing core: every request in, exactly one reply out."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plcmq.broker.catalogue import Catalogue, Entry, Kind
from plcmq.broker.fleet.fleet import LOCAL, SILENCE, Fleet
from plcmq.broker.routing.batches import MAX_BATCH
from plcmq.broker.routing.overview import Overview
from plcmq.broker.routing.router import GRACE, OWN_ACTIONS, Router
from plcmq.client.protocol.errors import Code, failure
from plcmq.client.protocol.messages import Limits
from plcmq.devices.interface.requests import CompiledProfile
from plcmq.devices.model.actions import Action
from plcmq.devices.model.devices import DeviceDefinition, Profile, State
from plcmq.devices.model.tags import Access, Table, Tag, Type
from plcmq.devices.protocol.messages import CANCEL, Again, DeviceState, Done, Hello, Job, Pong

TAGS = {
    "temp": Tag("temp", Table.INPUT, 0, Type.INT16),
    "size": Tag("size", Table.HOLDING, 0, Type.UINT16, access=Access.RW, max=500),
}
START = Action("start", args={"size": {"type": "integer", "maximum": 500, "default": 15}})
KIND = Kind({"form": 1}, CompiledProfile(Profile("press", TAGS, {"start": START})))


def entry(number, *, enabled=True):
    device = DeviceDefinition(number, f"press-{number}", f"10.0.0.{number}", "press", enabled=enabled)
    return Entry({"id": number, "profile": "press"}, device, KIND)


ENTRIES = {1: entry(1), 2: entry(2), 3: entry(3, enabled=False)}
CATALOGUE = Catalogue(1, {}, ENTRIES, {e.device.name: e for e in ENTRIES.values()}, (1, 2, 3))


class Plant:
    """A router with one host and a client, and a clock of its own."""

    def __init__(self, host=LOCAL):
        self.now = 100.0
        overview = Overview("plcmq", "1", self.now, 0.0, Limits(), Fleet())
        self.router = Router(overview, first_job=1)
        self.router.set_catalogue(CATALOGUE, self.now)
        self.host = host
        if host is not None:
            self.router.from_host(host, Hello("host", "run-1", "1", []), self.now)
        self.jobs()

    def ask(self, request, client=b"client"):
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        self.router.receive((client, b""), body, self.now)

    def jobs(self):
        outbox, self.router.fleet.outbox = self.router.fleet.outbox, []
        return [message for _host, message in outbox if isinstance(message, Job)]

    def replies(self):
        replies, self.router.replies = self.router.replies, []
        return [json.loads(body) for _envelope, body in replies]

    def reply(self):
        (reply,) = self.replies()
        return reply

    def error(self):
        reply = self.reply()
        assert reply["ok"] is False
        return reply["error"]

    def done(self, job, **outcome):
        self.router.from_host(self.host, Done(job.id, **outcome), self.now)


@pytest.fixture
def plant():
    return Plant()


READ = {"device": "press-1", "action": "read", "rqargs": {"tags": "temp"}, "id": 7}
WRITE = {"device": "press-1", "action": "write", "rqargs": {"values": {"size": 5}}, "id": 8}


def test_a_token_goes_with_the_job_and_the_client_with_it(plant):
    plant.ask({**WRITE, "token": "t-1"}, client=b"\x01\x02")
    (job,) = plant.jobs()
    assert (job.token, job.client) == ("t-1", "0102")


def test_locking_changes_nothing_at_the_device_whatever_becomes_of_it(plant):
    plant.ask({"device": "press-1", "action": "lock", "rqargs": {"ttl": 5}, "key": "ignored"})
    plant.now += 5 + GRACE + 0.1
    plant.router.tick(plant.now)
    assert plant.error()["outcome"] == "not_executed"


def test_a_result_that_cannot_be_encoded_is_answered_all_the_same(plant):
    plant.ask(READ)
    (job,) = plant.jobs()
    plant.done(job, result={"values": {"temp": object()}})
    assert plant.error()["code"] == "internal"


def test_stats_tell_how_much_is_on_its_way_and_for_whom(plant):
    plant.ask(READ)
    plant.ask({**WRITE, "id": 9}, client=b"other")
    plant.ask({"action": "stats"})
    stats = plant.reply()["result"]
    assert (stats["pending"], stats["clients"]) == (2, {"waiting": 2, "most": 1})


def test_a_request_becomes_a_job_and_its_result_the_reply(plant):
    plant.ask(READ)
    (job,) = plant.jobs()
    assert (job.device, job.action, job.args) == (1, "read", {"tags": ["temp"], "max_age": 0.0})
    assert job.deadline == plant.now + 5
    plant.done(job, result={"values": {"temp": 3}}, queued=0.1, device=0.2)
    reply = plant.reply()
    assert (reply["id"], reply["ok"], reply["result"]) == (7, True, {"values": {"temp": 3}})
    assert reply["elapsed"] == {"total": 0.0, "queue": 0.1, "device": 0.2}


def test_the_envelope_comes_back_unchanged(plant):
    plant.router.receive((b"client", b"", b"x", b""), b'{"action": "ping"}', plant.now)
    assert plant.router.replies[0][0] == (b"client", b"", b"x", b"")


def test_a_reply_has_an_id_only_if_the_request_had_one(plant):
    plant.ask({"action": "ping"})
    assert "id" not in plant.reply()


def test_a_device_is_found_by_name_and_by_id(plant):
    plant.ask({**READ, "device": 2})
    assert plant.jobs()[0].device == 2


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"", "bad_request"),
        (b"[]", "bad_request"),
        ({"action": "read", "colour": "red"}, "bad_request"),
        ({**READ, "timeout": 0}, "bad_request"),
        ({**READ, "v": 2}, "bad_request"),
        ({"action": "x" * 1_100_000}, "too_large"),
        ({**READ, "device": "press-9"}, "unknown_device"),
        ({**READ, "device": "press-3"}, "unknown_device"),
        ({**READ, "action": "fly"}, "unknown_action"),
        ({"action": "read"}, "unknown_action"),
        ({**READ, "rqargs": {"tags": ["temp", "nope"]}}, "unknown_tag"),
        ({**READ, "rqargs": {"tags": []}}, "bad_args"),
        ({**READ, "rqargs": {"tags": "temp", "max_age": -1}}, "bad_args"),
        ({**WRITE, "rqargs": {"values": {"temp": 5}}}, "bad_args"),
        ({**WRITE, "rqargs": {"values": {"size": 501}}}, "bad_args"),
        ({**WRITE, "rqargs": {"values": {"size": "x"}}}, "bad_args"),
        ({**READ, "action": "start", "rqargs": {"size": 501}}, "bad_args"),
        ({**READ, "action": "start", "rqargs": {"colour": 1}}, "bad_args"),
        ({"action": "devices", "rqargs": {"limit": -1}}, "bad_args"),
        ({"action": "ping", "rqargs": {"x": 1}}, "bad_args"),
    ],
)
def test_a_bad_request_is_refused_at_the_edge(plant, request_, code):
    plant.ask(request_)
    error = plant.error()
    assert (error["code"], error["outcome"], error["retryable"]) == (code, "not_executed", False)
    assert plant.jobs() == []


def test_what_does_not_fit_is_named_by_its_path(plant):
    plant.ask({**READ, "action": "start", "rqargs": {"size": 501}})
    assert plant.error()["details"]["path"] == "rqargs.size"
    plant.ask({**WRITE, "rqargs": {"values": {"size": 501}}})
    assert plant.error()["details"]["path"] == "rqargs.values.size"


def test_defaults_of_an_action_are_filled_in(plant):
    plant.ask({"device": 1, "action": "start"})
    assert plant.jobs()[0].args == {"size": 15}


def test_without_a_host_a_request_fails_at_once():
    plant = Plant(host=None)
    plant.ask(READ)
    assert plant.error()["code"] == "no_host"


def test_describe_is_answered_without_a_host():
    plant = Plant(host=None)
    plant.ask({"device": 1, "action": "describe"})
    result = plant.reply()["result"]
    assert set(result["tags"]) == {"temp", "size"}
    assert result["actions"]["start"]["schema"]["properties"]["size"]["default"] == 15


def test_the_brokers_own_actions_answer_while_every_device_is_away():
    plant = Plant(host=None)
    for action in ("ping", "info", "devices", "stats"):
        plant.ask({"action": action})
        assert plant.reply()["ok"], action


def test_devices_come_in_pages(plant):
    plant.ask({"action": "devices", "rqargs": {"limit": 1, "offset": 1}})
    result = plant.reply()["result"]
    assert result["total"] == 3
    assert [d["name"] for d in result["devices"]] == ["press-2"]
    plant.ask({"action": "devices", "rqargs": {"match": "-3"}})
    assert [d["state"] for d in plant.reply()["result"]["devices"]] == ["disabled"]


def test_devices_tell_the_state_that_the_host_told(plant):
    plant.router.from_host(LOCAL, DeviceState(1, State.DOWN, 12.0, "refused"), plant.now)
    plant.ask({"action": "devices"})
    first, second, _third = plant.reply()["result"]["devices"]
    assert (first["state"], first["since"], first["reason"]) == ("down", 12.0, "refused")
    assert second["state"] == "unserved"


@pytest.mark.parametrize(("request_", "code"), [(READ, "no_host"), (WRITE, "outcome_unknown")])
def test_a_lost_host_fails_its_requests_at_once_and_honestly(request_, code):
    plant = Plant(host=b"remote")
    plant.ask(request_)
    plant.now += SILENCE + 0.1
    plant.router.tick(plant.now)
    assert plant.error()["code"] == code


def test_a_write_that_never_left_is_not_executed():
    plant = Plant(host=b"remote")
    plant.ask(WRITE)
    plant.router.unreachable(b"remote", plant.jobs(), plant.now)
    assert plant.error()["code"] == "no_host"


@pytest.mark.parametrize(("request_", "code"), [(READ, "timeout"), (WRITE, "outcome_unknown")])
def test_a_host_that_says_nothing_is_waited_for_no_longer_than_its_grace(plant, request_, code):
    plant.ask(request_)
    plant.now += 5 + GRACE - 0.01
    plant.router.tick(plant.now)
    assert plant.replies() == []
    plant.now += 0.02
    plant.router.tick(plant.now)
    assert plant.error()["code"] == code


def test_a_late_result_is_dropped(plant):
    plant.ask(READ)
    (job,) = plant.jobs()
    plant.now += 100
    plant.router.tick(plant.now)
    plant.replies()
    plant.done(job, result={})
    assert plant.replies() == []


def test_a_heartbeat_of_a_stranger_is_answered_with_register_again(plant):
    plant.router.from_host(b"stranger", Pong(1.0, 0), plant.now)
    assert (b"stranger", Again()) in plant.router.fleet.outbox


def test_a_device_that_is_moving_is_waited_for():
    plant = Plant(host=b"a")
    plant.router.from_host(b"b", Hello("b", "b", "1", []), plant.now)
    moving = next(d for d in (1, 2) if plant.router.fleet.is_moving(d))
    plant.jobs()
    plant.ask({**READ, "device": moving})
    assert plant.replies() == []
    from plcmq.devices.protocol.messages import Released

    plant.router.from_host(b"a", Released([moving]), plant.now)
    assert [job.device for job in plant.jobs()] == [moving]


def test_draining_refuses_devices_and_answers_the_rest(plant):
    plant.router.overview.draining = True
    plant.ask(READ)
    assert plant.error()["code"] == "shutting_down"
    plant.ask({"action": "ping"})
    assert plant.reply()["ok"]


def test_a_batch_runs_side_by_side_and_answers_in_order(plant):
    plant.ask(
        {"action": "batch", "id": "b", "rqargs": {"requests": [READ, {"action": "ping"}, {**READ, "id": 9}]}}
    )
    first, second = plant.jobs()
    assert plant.replies() == []
    plant.done(second, result=2)
    plant.done(first, result=1)
    reply = plant.reply()
    assert reply["id"] == "b"
    assert [r["result"] for r in reply["result"]["replies"]] == [1, {"pong": True}, 2]
    assert [r.get("id") for r in reply["result"]["replies"]] == [7, None, 9]


def test_a_batch_tells_the_errors_of_its_requests(plant):
    requests = [{"action": "fly"}, {"id": 4}, 17, {"action": "batch", "rqargs": {"requests": [READ]}}]
    plant.ask({"action": "batch", "rqargs": {"requests": requests}})
    codes = [r["error"]["code"] for r in plant.reply()["result"]["replies"]]
    assert codes == ["unknown_action", "bad_request", "bad_request", "bad_request"]


@pytest.mark.parametrize("requests", [None, [], "x", [{"action": "ping"}] * (MAX_BATCH + 1)])
def test_a_batch_is_a_list_of_bounded_length(plant, requests):
    plant.ask({"action": "batch", "rqargs": {"requests": requests}})
    assert plant.error()["code"] == "bad_args"


def test_cancel_asks_the_host_to_take_the_request_back(plant):
    plant.ask(WRITE)
    (write,) = plant.jobs()
    plant.ask({"action": "cancel", "id": 99, "rqargs": {"id": 8}})
    (cancel,) = plant.jobs()
    assert (cancel.action, cancel.device, cancel.args) == (CANCEL, 1, {"job": write.id})
    plant.done(write, error=failure(Code.CANCELLED, "taken back"))
    plant.done(cancel, result={"cancelled": True})
    cancelled, answer = plant.replies()
    assert (cancelled["id"], cancelled["error"]["code"]) == (8, "cancelled")
    assert (answer["id"], answer["result"]) == (99, {"cancelled": True})


def test_nobody_can_cancel_the_request_of_another(plant):
    plant.ask(WRITE)
    plant.ask({"action": "cancel", "rqargs": {"id": 8}}, client=b"other")
    assert plant.reply()["result"] == {"cancelled": False}


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_any_bytes_get_exactly_one_reply(body):
    plant = Plant()
    plant.router.receive((b"client",), body, plant.now)
    assert len(plant.router.replies) == 1


names = st.sampled_from(["press-1", "press-2", "press-9", 1, 2, 77])
actions = st.sampled_from(["read", "write", "start", "status", "fly", *OWN_ACTIONS])
arguments = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.sampled_from(["temp", ["temp", "size"], ["nope"], 3]),
        "values": st.sampled_from([{"size": 1}, {"temp": 1}, {}]),
        "id": st.integers(0, 9),
        "requests": st.just([READ, WRITE]),
        "size": st.integers(0, 600),
    },
)
asked = st.fixed_dictionaries(
    {"action": actions, "rqargs": arguments, "id": st.integers(0, 9)}, optional={"device": names}
)
events = st.one_of(
    st.tuples(st.just("ask"), asked),
    st.tuples(st.just("done"), st.integers(0, 20)),
    st.tuples(st.just("pass"), st.floats(0, 4)),
    st.tuples(st.just("lose"), st.none()),
    st.tuples(st.just("hello"), st.none()),
)


@given(st.lists(events, max_size=30))
@settings(deadline=None, max_examples=200)
def test_whatever_happens_every_request_gets_exactly_one_reply(happenings):
    plant = Plant(host=b"remote")
    requests = replies = 0
    jobs = []
    for what, how in happenings:
        match what:
            case "ask":
                plant.ask(how)
                requests += 1
            case "done":
                if how < len(jobs):
                    plant.done(jobs[how], result={})
            case "pass":
                plant.now += how
                plant.router.tick(plant.now)
            case "lose":
                plant.router.unreachable(b"remote", [], plant.now)
            case "hello":
                plant.router.from_host(b"remote", Hello("host", "run-1", "1", []), plant.now)
        jobs += plant.jobs()
        replies += len(plant.replies())
        assert replies <= requests
    plant.now += 5 + GRACE + 0.1
    plant.router.tick(plant.now)
    assert replies + len(plant.replies()) == requests
    assert plant.router.pending == 0


def test_a_watch_of_an_earlier_broker_is_not_renewed(plant):
    plant.ask({"device": 1, "action": "watch", "rqargs": {"watch": "7f"}})
    assert plant.error()["code"] == "bad_args"
    assert plant.jobs() == []


def test_a_job_ends_by_the_word_of_its_own_host_only():
    plant = Plant()
    plant.ask({"action": "read", "device": "press-1", "rqargs": {"tags": "temp"}})
    (job,) = plant.jobs()
    plant.router.from_host(b"stranger", Done(job.id, result={"values": {"temp": 666}}), plant.now)
    assert plant.replies() == []
    plant.done(job, result={"values": {"temp": 1}, "age": {"temp": 0.0}})
    assert plant.reply()["result"]["values"] == {"temp": 1}
