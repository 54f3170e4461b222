"""Requests wait by device while it moves, and not for long."""

from plcmq.broker.routing.parked import PARK_TIME, Parked
from plcmq.broker.routing.pending import Pending
from plcmq.client.protocol.bodies import Codec
from plcmq.devices.protocol.messages import Job


def waiting(job: int, device: int, deadline: float = 100.0) -> tuple[Pending, Job]:
    pending = Pending(b"c", (b"c",), job, Codec.JSON, 0.0, deadline, job=job, device=device)
    return pending, Job(job, device, "read", {}, deadline)


def test_what_waits_for_one_device_is_taken_without_the_others():
    parked = Parked()
    first, other = waiting(1, 7), waiting(2, 8)
    parked.add(*first)
    parked.add(*other)
    assert parked.take(7) == [first]
    assert parked.take(7) == []
    assert len(parked) == 1


def test_a_request_waits_for_its_park_time_or_its_deadline():
    parked = Parked()
    patient, hasty = waiting(1, 7), waiting(2, 7, deadline=0.5)
    parked.add(*patient)
    parked.add(*hasty)
    assert list(parked.expired(0.6)) == [hasty[0]]
    assert list(parked.expired(PARK_TIME + 0.1)) == [patient[0]]
    assert len(parked) == 0


def test_who_was_taken_or_removed_does_not_expire():
    parked = Parked()
    taken, removed = waiting(1, 7), waiting(2, 8)
    parked.add(*taken)
    parked.add(*removed)
    parked.take(7)
    parked.remove(removed[0])
    assert list(parked.expired(1000.0)) == []
