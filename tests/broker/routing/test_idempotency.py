"""Commands with a key: each is carried out once, whatever the clients, the journal and the broker do."""

import itertools
import json
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from plcmq.broker.catalogue import Catalogue, Entry, Kind
from plcmq.broker.fleet.fleet import LOCAL, Fleet
from plcmq.broker.routing.idempotency import Begin, Finish, Forget, LookUp, Record
from plcmq.broker.routing.overview import Overview
from plcmq.broker.routing.router import GRACE, Router
from plcmq.client.protocol.errors import Code, failure
from plcmq.client.protocol.messages import Limits
from plcmq.devices.interface.requests import CompiledProfile
from plcmq.devices.model.devices import DeviceDefinition, Profile
from plcmq.devices.model.tags import Access, Table, Tag, Type
from plcmq.devices.protocol.messages import Done, Hello, Job

TAGS = {"size": Tag("size", Table.HOLDING, 0, Type.UINT16, access=Access.RW)}
ENTRY = Entry(
    {"id": 1, "profile": "press"},
    DeviceDefinition(1, "press", "10.0.0.1", "press"),
    Kind({}, CompiledProfile(Profile("press", TAGS))),
)
CATALOGUE = Catalogue(1, {}, {1: ENTRY}, {"press": ENTRY}, (1,))


class Shelf:
    """A journal in memory, which does what a real one does when it is told to."""

    def __init__(self):
        self.rows = {}

    def carry_out(self, orders):
        return [(order, self.one(order)) for order in orders]

    def one(self, order):
        match order:
            case Begin(id=key, digest=digest):
                if key in self.rows:
                    return self.rows[key]
                self.rows[key] = Record(digest, None)
            case Finish(id=key, reply=reply):
                self.rows[key] = Record(self.rows[key].digest, json.loads(json.dumps(reply)))
            case Forget(id=key):
                self.rows.pop(key, None)
            case LookUp(id=key):
                return self.rows.get(key)
        return None


class Broker:
    """A router, its host and its journal, all in memory."""

    def __init__(self, shelf=None, now=100.0, first_job=1):
        self.shelf = shelf or Shelf()
        self.now = now
        self.router = Router(Overview("plcmq", "1", now, 0.0, Limits(), Fleet()), first_job)
        self.router.set_catalogue(CATALOGUE, now)
        self.router.from_host(LOCAL, Hello("local", "local", "1", []), now)
        self.jobs()

    def write(self, value, key="order-1", client=b"a", **more):
        request = {
            "device": "press",
            "action": "write",
            "rqargs": {"values": {"size": value}},
            "key": key,
            "id": 1,
        }
        self.router.receive((client,), json.dumps(request | more).encode(), self.now)

    def journal(self):
        orders, self.router.keyed.outbox = self.router.keyed.outbox, []
        self.router.journalled(self.shelf.carry_out(orders), self.now)

    def jobs(self):
        outbox, self.router.fleet.outbox = self.router.fleet.outbox, []
        return [message for _host, message in outbox if isinstance(message, Job)]

    def done(self, job, **outcome):
        self.router.from_host(LOCAL, Done(job.id, **outcome), self.now)

    def replies(self):
        replies, self.router.replies = self.router.replies, []
        return [json.loads(body) for _envelope, body in replies]

    def reply(self):
        (reply,) = self.replies()
        return reply

    def executed(self, value=5):
        """A command from its request to its reply."""
        self.write(value)
        self.journal()
        (job,) = self.jobs()
        self.done(job, result={"written": ["size"]})
        self.journal()
        return self.reply()


def test_a_command_goes_to_its_host_only_when_it_is_on_record():
    broker = Broker()
    broker.write(5)
    assert broker.jobs() == []
    broker.journal()
    assert len(broker.jobs()) == 1


def test_its_reply_is_sent_only_when_that_is_on_record():
    broker = Broker()
    broker.write(5)
    broker.journal()
    (job,) = broker.jobs()
    broker.done(job, result={"written": ["size"]})
    assert broker.replies() == []
    broker.journal()
    reply = broker.reply()
    assert reply["result"] == {"written": ["size"]}
    assert "replayed" not in reply


def test_the_same_request_again_gets_the_stored_reply_and_touches_nothing():
    broker = Broker()
    broker.executed()
    broker.write(5, client=b"b")
    broker.journal()
    assert broker.jobs() == []
    reply = broker.reply()
    assert reply["replayed"] is True
    assert reply["result"] == {"written": ["size"]}


def test_a_device_by_name_and_by_id_is_the_same_request():
    broker = Broker()
    broker.executed()
    broker.write(5, device=1)
    broker.journal()
    assert broker.reply()["replayed"] is True


def test_another_request_with_the_key_is_a_conflict():
    broker = Broker()
    broker.executed(5)
    broker.write(6)
    broker.journal()
    assert broker.reply()["error"]["code"] == "key_conflict"


def test_a_conflict_is_told_at_once_while_the_first_is_under_way():
    broker = Broker()
    broker.write(5)
    broker.journal()
    broker.write(6)
    assert broker.reply()["error"]["code"] == "key_conflict"


def test_of_two_that_claim_a_key_at_once_the_second_hears_of_the_conflict_when_the_first_is_on_record():
    broker = Broker()
    broker.write(5)
    broker.write(6, id=2)
    assert broker.replies() == []
    broker.journal()
    reply = broker.reply()
    assert (reply["id"], reply["error"]["code"]) == (2, "key_conflict")


def test_a_key_belongs_to_whom_the_journal_says_and_not_to_whoever_asks_first_after_a_crash():
    before = Broker()
    before.executed(5)
    after = Broker(before.shelf, first_job=1000)
    after.write(6, id=2)
    after.write(5, id=3)
    after.journal()
    replies = {reply["id"]: reply for reply in after.replies()}
    assert replies[2]["error"]["code"] == "key_conflict"
    assert replies[3]["replayed"] is True


def test_who_waits_for_a_key_gets_it_when_the_first_gives_up():
    broker = Broker()
    broker.write(5, timeout=1)
    broker.write(6, id=2)
    broker.now += 1.1
    broker.router.tick(broker.now)
    assert broker.reply()["error"]["code"] == "expired"
    broker.journal()
    (job,) = broker.jobs()
    assert job.args["values"] == {"size": 6}


def test_a_duplicate_waits_for_the_first_and_gets_its_reply():
    broker = Broker()
    broker.write(5)
    broker.journal()
    (job,) = broker.jobs()
    broker.write(5, id=2)
    broker.journal()
    assert broker.jobs() == []
    broker.done(job, result={"written": ["size"]})
    broker.journal()
    first, second = broker.replies()
    assert (first["id"], second["id"]) == (1, 2)
    assert second["replayed"] is True


def test_a_duplicate_waits_no_longer_than_its_own_time():
    broker = Broker()
    broker.write(5, timeout=60)
    broker.journal()
    broker.write(5, id=2, timeout=1)
    broker.now += 1.1
    broker.router.tick(broker.now)
    reply = broker.reply()
    assert (reply["id"], reply["error"]["code"], reply["error"]["outcome"]) == (2, "in_progress", "unknown")


def test_what_surely_never_reached_the_device_may_be_tried_again():
    broker = Broker()
    broker.write(5)
    broker.journal()
    (job,) = broker.jobs()
    broker.done(job, error=failure(Code.DEVICE_DOWN, "refused"))
    assert broker.reply()["error"]["code"] == "device_down"
    broker.journal()
    assert broker.executed()["ok"]


def test_an_unknown_outcome_is_kept_for_good():
    broker = Broker()
    broker.write(5)
    broker.journal()
    (job,) = broker.jobs()
    broker.done(job, error=failure(Code.OUTCOME_UNKNOWN, "no answer"))
    broker.journal()
    broker.reply()
    broker.write(5)
    broker.journal()
    assert broker.jobs() == []
    assert broker.reply()["error"]["code"] == "outcome_unknown"


def test_after_a_crash_what_was_handed_over_is_unknown():
    before = Broker()
    before.write(5)
    before.journal()
    before.jobs()
    after = Broker(before.shelf, first_job=1000)
    after.write(5)
    after.journal()
    assert after.jobs() == []
    reply = after.reply()
    assert (reply["error"]["code"], reply["error"]["outcome"]) == ("outcome_unknown", "unknown")


def test_after_a_crash_what_was_answered_is_replayed():
    before = Broker()
    before.executed()
    after = Broker(before.shelf, first_job=1000)
    after.write(5)
    after.journal()
    assert after.reply()["replayed"] is True


def test_a_command_whose_time_is_up_before_it_is_on_record_is_not_executed():
    broker = Broker()
    broker.write(5, timeout=1)
    broker.now += 1.1
    broker.router.tick(broker.now)
    assert broker.reply()["error"]["code"] == "expired"
    broker.journal()
    assert broker.jobs() == []
    broker.journal()
    assert broker.shelf.rows == {}


def test_who_takes_over_a_command_shows_a_token_of_his_own():
    broker = Broker()
    broker.write(5, timeout=1, token="of the holder")
    broker.write(5, client=b"b", timeout=20)
    broker.now += 1.1
    broker.router.tick(broker.now)
    assert broker.reply()["error"]["code"] == "expired"
    broker.journal()
    (job,) = broker.jobs()
    assert (job.client, job.token) == (b"b".hex(), None)


def test_a_journal_that_fails_lets_nothing_begin_and_hides_no_result():
    broker = Broker()
    broker.write(5)
    orders, broker.router.keyed.outbox = broker.router.keyed.outbox, []
    broker.router.journal_failed(orders, "disk full", broker.now)
    error = broker.reply()["error"]
    assert (error["outcome"], error["retryable"]) == ("not_executed", True)
    assert broker.jobs() == []

    broker.write(5)
    broker.journal()
    (job,) = broker.jobs()
    broker.done(job, result={"written": ["size"]})
    orders, broker.router.keyed.outbox = broker.router.keyed.outbox, []
    broker.router.journal_failed(orders, "disk full", broker.now)
    assert broker.reply()["result"] == {"written": ["size"]}


def test_reads_ignore_keys():
    broker = Broker()
    broker.write(0, action="read", rqargs={"tags": "size"})
    assert len(broker.jobs()) == 1


def in_flight(broker):
    """What a slow journal has in hand; `returned` brings it back."""
    orders, broker.router.keyed.outbox = broker.router.keyed.outbox, []
    return orders


def returned(broker, orders):
    broker.router.journalled(broker.shelf.carry_out(orders), broker.now)


def test_a_command_that_the_journal_has_in_hand_when_its_time_is_up_leaves_nothing_to_the_next():
    broker = Broker()
    broker.write(5, timeout=1)
    orders = in_flight(broker)
    broker.now += 1.1
    broker.router.tick(broker.now)
    assert broker.reply()["error"]["code"] == "expired"
    broker.write(6, id=2)
    returned(broker, orders)
    assert broker.jobs() == [], "that was the record of another command"
    broker.journal()
    (job,) = broker.jobs()
    assert job.args["values"] == {"size": 6}
    broker.done(job, result={"written": ["size"]})
    broker.journal()
    assert broker.reply()["result"] == {"written": ["size"]}


def test_who_waits_for_a_reply_that_a_slow_journal_has_in_hand_gets_it_when_time_is_up():
    broker = Broker()
    broker.write(5, timeout=1)
    broker.journal()
    (job,) = broker.jobs()
    broker.write(5, id=2, timeout=20)
    broker.done(job, result={"written": ["size"]})
    orders = in_flight(broker)
    broker.now += 1 + GRACE + 0.1
    broker.router.tick(broker.now)
    assert broker.reply()["result"] == {"written": ["size"]}, "it is known, whatever the journal does"
    broker.now += 20
    broker.router.tick(broker.now)
    assert broker.reply()["result"] == {"written": ["size"]}
    returned(broker, orders)
    assert broker.replies() == []
    broker.write(5, id=3)
    broker.journal()
    assert broker.reply()["replayed"] is True


def test_a_reply_that_could_not_be_kept_is_kept_when_the_journal_works_again():
    broker = Broker()
    broker.write(5)
    broker.journal()
    (job,) = broker.jobs()
    broker.done(job, result={"written": ["size"]})
    broker.router.journal_failed(in_flight(broker), "locked", broker.now)
    assert broker.reply()["result"] == {"written": ["size"]}
    broker.journal()
    broker.write(5)
    broker.journal()
    assert broker.reply()["replayed"] is True


def test_a_repeat_gets_its_reply_though_no_host_is_there():
    broker = Broker()
    broker.executed()
    broker.router.fleet.lose(LOCAL, broker.now)
    broker.write(5)
    broker.journal()
    assert broker.reply()["replayed"] is True
    broker.write(5, key="another")
    broker.journal()
    assert broker.reply()["error"]["code"] == "no_host"


def test_when_the_broker_ends_what_has_not_begun_is_told_so():
    broker = Broker()
    broker.write(5)
    broker.router.abandon(broker.now)
    error = broker.reply()["error"]
    assert (error["code"], error["outcome"]) == ("shutting_down", "not_executed")
    assert in_flight(broker) == []


class OnceOnly(RuleBasedStateMachine):
    """Clients repeat and mistake keys, time passes, hosts answer or not, journals are slow and fail, the
    broker dies: a key acts once, and no reply lies."""

    def __init__(self):
        super().__init__()
        self.broker = Broker()
        self.executed = Counter()  # by key and value
        self.open = []  # jobs at the host
        self.at_journal = []  # orders that it has in hand
        self.asked = {}  # by request id
        self.ids = itertools.count(1)

    def collect(self):
        self.open += self.broker.jobs()
        for reply in self.broker.replies():
            key, value = self.asked.pop(reply["id"])  # who was answered already raises here
            count = self.executed[key, value]
            error = reply.get("error", {})
            if reply["ok"]:
                assert count == 1, reply
            elif error["code"] == "key_conflict":
                assert count == 0, reply

    @rule(key=st.sampled_from("ab"), value=st.sampled_from([1, 2]), timeout=st.floats(0.5, 9))
    def ask(self, key, value, timeout):
        number = next(self.ids)
        self.asked[number] = key, value
        self.broker.write(value + 10 * ord(key), key=key, timeout=timeout, id=number)
        self.collect()

    @rule()
    def journal_takes(self):
        if not self.at_journal:
            self.at_journal = in_flight(self.broker)

    @rule(works=st.booleans())
    def journal_is_done(self, works):
        orders, self.at_journal = self.at_journal, []
        if works:
            returned(self.broker, orders)
        else:
            self.broker.router.journal_failed(orders, "full", self.broker.now)
        self.collect()

    @rule(index=st.integers(0, 2), how=st.sampled_from(["done", "refused", "unknown"]))
    def host_answers(self, index, how):
        if index >= len(self.open):
            return
        job = self.open.pop(index)
        if how == "refused":
            self.broker.done(job, error=failure(Code.DEVICE_DOWN, "refused"))
        else:
            self.execute(job)
            outcome = {"result": {}} if how == "done" else {"error": failure(Code.OUTCOME_UNKNOWN, "lost")}
            self.broker.done(job, **outcome)
        self.collect()

    def execute(self, job):
        letter, value = divmod(job.args["values"]["size"], 10)
        self.executed[chr(letter), value] += 1

    @rule(seconds=st.floats(0.1, 5))
    def time_passes(self, seconds):
        self.broker.now += seconds
        self.broker.router.tick(self.broker.now)
        self.collect()

    @rule(in_hand=st.booleans(), on_disk=st.booleans())
    def broker_dies(self, in_hand, on_disk):
        for job in self.open if in_hand else []:
            self.execute(job)
        if on_disk:
            self.broker.shelf.carry_out(self.at_journal)
        self.open, self.at_journal, self.asked = [], [], {}
        self.broker = Broker(
            self.broker.shelf, self.broker.now, first_job=self.broker.router._next_job + 1000
        )

    @invariant()
    def nothing_happens_twice(self):
        for key in "ab":
            assert self.executed[key, 1] + self.executed[key, 2] <= 1, self.executed

    def teardown(self):
        for _ in range(5):
            self.journal_is_done(True)
            self.broker.now += 10 + GRACE
            self.broker.router.tick(self.broker.now)
            self.journal_takes()
            self.collect()
        assert self.asked == {}


OnceOnly.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestOnceOnly = OnceOnly.TestCase


def recalled(broker, key="order-1"):
    """What `recall` says of a key, when the journal has been asked."""
    request = {"action": "recall", "rqargs": {"key": key}, "id": 77, "timeout": 1}
    broker.router.receive((b"b",), json.dumps(request).encode(), broker.now)
    broker.journal()
    return [reply for reply in broker.replies() if reply["id"] == 77]


def test_what_became_of_a_command_can_be_asked_without_carrying_it_out():
    broker = Broker()
    assert recalled(broker)[0]["result"] == {"state": "unknown_key"}
    broker.write(5)
    assert recalled(broker)[0]["result"] == {"state": "in_progress"}
    (job,) = broker.jobs()
    broker.done(job, result={"written": ["size"]})
    broker.journal()
    broker.replies()
    stored = {"ok": True, "result": {"written": ["size"]}}
    assert recalled(broker)[0]["result"] == {"state": "answered", "reply": stored}
    assert broker.jobs() == []


def test_a_command_that_an_earlier_broker_handed_over_is_unknown_when_asked_for():
    before = Broker()
    before.write(5)
    before.journal()
    told = recalled(Broker(before.shelf))[0]["result"]
    assert (told["state"], told["reply"]["error"]["code"]) == ("answered", "outcome_unknown")


def test_what_never_reached_the_device_is_an_unknown_key():
    broker = Broker()
    broker.write(5)
    broker.journal()
    (job,) = broker.jobs()
    broker.done(job, error=failure(Code.DEVICE_DOWN, "down"))
    broker.journal()
    broker.replies()
    assert recalled(broker)[0]["result"] == {"state": "unknown_key"}


def test_who_asked_too_long_ago_gets_one_reply_only():
    broker = Broker()
    request = {"action": "recall", "rqargs": {"key": "k"}, "id": 77, "timeout": 1}
    broker.router.receive((b"b",), json.dumps(request).encode(), broker.now)
    broker.now += 2
    broker.router.tick(broker.now)
    assert broker.reply()["error"]["code"] == "expired"
    broker.journal()
    assert broker.replies() == []


def test_a_journal_that_cannot_be_read_is_said():
    broker = Broker()
    request = {"action": "recall", "rqargs": {"key": "k"}}
    broker.router.receive((b"b",), json.dumps(request).encode(), broker.now)
    orders, broker.router.keyed.outbox = broker.router.keyed.outbox, []
    broker.router.journal_failed(orders, "the disk is full", broker.now)
    assert "the disk is full" in broker.reply()["error"]["message"]


def test_a_key_that_cannot_be_one_is_refused():
    for key in ("", "k" * 129, 7, None):
        broker = Broker()
        request = {"action": "recall", "rqargs": {"key": key}}
        broker.router.receive((b"b",), json.dumps(request).encode(), broker.now)
        assert broker.reply()["error"]["code"] == "bad_args"
