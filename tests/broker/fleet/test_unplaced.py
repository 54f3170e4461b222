"""A device is tried when something has changed for it, and not before."""

from plcmq.broker.fleet.unplaced import Unplaced


def test_a_new_device_is_due_once():
    unplaced = Unplaced()
    unplaced.add(2)
    unplaced.add(1)
    assert unplaced.take_due(0.0) == [1, 2]
    assert unplaced.take_due(0.0) == []
    assert len(unplaced) == 2


def test_a_device_behind_a_fence_is_due_when_the_fence_ends():
    unplaced = Unplaced()
    unplaced.add(1)
    unplaced.take_due(0.0)
    unplaced.retry_at(1, 8.0)
    assert unplaced.take_due(7.9) == []
    assert unplaced.take_due(8.0) == [1]


def test_a_new_host_makes_all_due():
    unplaced = Unplaced()
    for device in range(3):
        unplaced.add(device)
    unplaced.take_due(0.0)
    unplaced.retry_all()
    assert unplaced.take_due(0.0) == [0, 1, 2]


def test_who_has_a_place_is_not_due_any_more():
    unplaced = Unplaced()
    unplaced.add(1)
    unplaced.retry_at(1, 1.0)
    unplaced.discard(1)
    unplaced.retry(1)
    assert unplaced.take_due(2.0) == []
