"""Messages between broker and host leave in frames that the other end takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.protocol.errors import Code, Outcome
from plcmq.devices.planning.learned import Learned
from plcmq.devices.protocol import frames as subject
from plcmq.devices.protocol.frames import FULL, frames, refused, shortened, with_serves_joined
from plcmq.devices.protocol.messages import Done, Event, Job, Ping, Release, Serve
from plcmq.devices.protocol.wire import unpack


def nothing(_message):
    return None


def done(size, job=1):
    return Done(job, "x" * size)


@given(st.lists(st.integers(0, FULL * 5 // 4), max_size=8))
def test_all_messages_arrive_in_order_in_frames_of_about_a_mebibyte(sizes):
    sent = [done(size, job) for job, size in enumerate(sizes)]
    cut = list(frames(sent, nothing))
    assert [message for body, _ in cut for message in unpack(body)] == sent
    assert sum(messages for _, messages in cut) == len(sent)
    assert all(len(body) <= FULL + 100 or messages == 1 for body, messages in cut)


@pytest.fixture
def short(monkeypatch):
    """Frames take 1000 bytes at most."""
    monkeypatch.setattr(subject, "LONGEST", 1000)
    monkeypatch.setattr(subject, "FULL", 500)


def sent_in_place_of(message, instead):
    return [other for body, _ in frames([Ping(1.0), message, Ping(2.0)], instead) for other in unpack(body)][
        1:-1
    ]


@pytest.mark.usefixtures("short")
def test_a_result_that_is_too_long_is_answered_with_the_true_outcome():
    (answer,) = sent_in_place_of(done(2000, 7), shortened)
    assert (answer.job, answer.result) == (7, None)
    assert (answer.error.code, answer.error.outcome) == (Code.TOO_LARGE, Outcome.EXECUTED)


@pytest.mark.usefixtures("short")
def test_a_watch_whose_event_is_too_long_ends_with_the_reason():
    (event,) = sent_in_place_of(Event("w", {"values": {"a": "x" * 2000}}), shortened)
    assert (event.watch, [*event.content]) == ("w", ["ended"])


@pytest.mark.usefixtures("short")
def test_what_nothing_stands_for_is_left_out():
    assert sent_in_place_of(Release([2**40] * 500), shortened) == []


def test_a_job_that_is_too_long_was_not_executed():
    answer = refused(Job(7, 1, "write", {}, 0.0))
    assert (answer.job, answer.error.outcome) == (7, Outcome.NOT_EXECUTED)


PROFILES = {name: {"tags": {"a": {"description": name * 300_000}}} for name in "pqrs"}
forms = st.lists(st.tuples(st.sampled_from("pqrs"), st.booleans()), max_size=30)


@given(forms, st.integers(0, 30))
def test_neighbouring_serves_become_few_that_say_the_same_and_fit_a_frame(devices, place):
    sent = [
        Serve(
            {profile: PROFILES[profile]},
            [{"id": number, "profile": profile}],
            [Learned(number, "h:502/1")] if learned else [],
        )
        for number, (profile, learned) in enumerate(devices)
    ]
    sent.insert(place, Ping(1.0))
    joined = list(with_serves_joined(sent))
    assert list(map(flat, joined_parts(joined))) == list(map(flat, joined_parts(sent)))
    assert all(len(body) <= FULL + 400_000 for body, _ in frames(joined, nothing))


def joined_parts(messages):
    """The messages, each `Serve` cut to one device."""
    for message in messages:
        if isinstance(message, Ping):
            yield message
            continue
        known = {learned.device: learned for learned in message.learned}
        for form in message.devices:
            name, number = form["profile"], form["id"]
            yield Serve({name: message.profiles[name]}, [form], [known[number]] if number in known else [])


def flat(message):
    return repr(message)


def test_a_profile_travels_once_for_all_its_devices():
    profile = {"tags": {"a": {}}}
    sent = [Serve({"press": profile}, [{"id": n, "profile": "press"}]) for n in range(1000)]
    (joined,) = with_serves_joined(sent)
    assert len(joined.devices) == 1000


def test_two_definitions_of_one_name_do_not_mix():
    old, new = ({"description": text} for text in ("old", "new"))
    sent = [Serve({"press": form}, [{"id": 1, "profile": "press"}]) for form in (old, new)]
    assert list(with_serves_joined(sent)) == sent
