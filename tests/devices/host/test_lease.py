"""A host's standing with its broker."""

from plcmq.devices.host.lease import HELLO_INTERVAL, SILENCE, Membership
from plcmq.devices.protocol.messages import Ping, Pong, Welcome

LEASE = 4.0


def member(now=100.0, broker_now=1000.0):
    membership = Membership("north", "run-1", "1.0")
    membership.hello_due(now, [])
    membership.welcomed(Welcome(LEASE, broker_now), now)
    return membership


def test_introduces_itself_until_the_broker_takes_it():
    membership = Membership("north", "run-1", "1.0")
    hello = membership.hello_due(0.0, [7])
    assert (hello.name, hello.instance, hello.devices) == ("north", "run-1", [7])
    assert membership.hello_due(HELLO_INTERVAL / 2, []) is None
    assert membership.hello_due(HELLO_INTERVAL, []) is not None


def test_a_member_that_is_pinged_keeps_quiet():
    membership = member()
    assert membership.pinged(Ping(1000.5), 100.5, queued=3) == Pong(1000.5, 3)
    assert membership.hello_due(100.5 + SILENCE / 2, []) is None


def test_being_taken_is_news_once_however_many_introductions_are_answered():
    membership = Membership("north", "run-1", "1.0")
    assert membership.welcomed(Welcome(LEASE, 1000.0), 100.0)
    assert not membership.welcomed(Welcome(LEASE, 1000.1), 100.1)
    membership.forgotten()
    assert membership.welcomed(Welcome(LEASE, 1000.2), 100.2)
    assert membership.lease_has_passed(110.0)
    assert membership.welcomed(Welcome(LEASE, 1010.0), 110.0)


def test_silence_makes_it_introduce_itself_again():
    assert member().hello_due(100.0 + SILENCE, []) is not None


def test_a_broker_that_has_forgotten_it_gets_an_introduction_at_once():
    membership = member()
    membership.forgotten()
    assert membership.hello_due(100.1, []) is not None


def test_it_holds_its_plcs_from_the_welcome_to_the_end_of_the_lease():
    assert not Membership("north", "run-1", "1.0").holds(0.0)
    membership = member()
    assert membership.holds(100.0 + LEASE - 0.1)
    assert not membership.holds(100.0 + LEASE)


def test_the_lease_passes_once():
    membership = member()
    assert not membership.lease_has_passed(100.0 + LEASE - 0.1)
    assert membership.lease_has_passed(100.0 + LEASE)
    assert not membership.lease_has_passed(100.0 + LEASE)
    assert membership.lost


def test_a_late_ping_does_not_bring_back_a_lost_lease():
    membership = member()
    assert membership.lease_has_passed(110.0)
    assert membership.pinged(Ping(1001.0), 110.0, queued=0) is None
    assert membership.lost


def test_deadlines_are_translated_by_the_quickest_ping():
    membership = member(now=100.0, broker_now=1000.2)
    membership.pinged(Ping(1000.9), 101.0, queued=0)  # 0.1 s on its way if the clocks differ by 900
    membership.pinged(Ping(1001.5), 102.0, queued=0)  # 0.5 s on its way
    assert membership.local(1005.2) == 105.0


def test_a_deadline_that_passed_while_the_host_stood_still_has_passed_when_it_wakes():
    membership = member(now=100.0, broker_now=1000.0)
    for second in range(1, 4):  # pings that waited while the process was stopped, all read at 103.9
        membership.pinged(Ping(1000.0 + second), 103.9, queued=0)
    assert membership.local(1002.0) < 103.9


def test_a_ping_that_waited_to_be_read_prolongs_the_lease_from_when_it_was_sent():
    membership = member(now=100.0, broker_now=1000.0)
    membership.pinged(Ping(1001.0), 103.0, queued=0)
    assert not membership.lease_has_passed(101.0 + LEASE - 0.1)
    assert membership.lease_has_passed(101.0 + LEASE)


def test_a_ping_that_is_early_says_that_our_clock_stood_still_and_the_lease_is_lost():
    membership = member(now=100.0, broker_now=1000.0)
    membership.pinged(Ping(1000.5), 100.5, queued=0)
    assert membership.pinged(Ping(1021.0), 101.0, queued=0) is None  # 20 s passed, of which we know 0.5
    assert not membership.holds(101.0)
    assert membership.lease_has_passed(101.0)


def test_a_welcome_that_waited_to_be_read_makes_the_next_ping_no_jump():
    membership = member(now=103.0, broker_now=1000.0)
    assert membership.pinged(Ping(1003.5), 103.5, queued=0) == Pong(1003.5, 0)
    assert membership.holds(104.0)
