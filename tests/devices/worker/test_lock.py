"""The lock of a device: who gets it, who is let through, and how it ends."""

import itertools

import pytest
from plcmq.client.protocol.errors import Code, Outcome, PlcmqError
from plcmq.devices.worker.lock import DeviceLock, random_token

TTL = 10.0


@pytest.fixture
def lock():
    numbers = itertools.count(1)
    return DeviceLock("press-7", lambda: f"t{next(numbers)}")


def refusal(call, *args):
    with pytest.raises(PlcmqError) as caught:
        call(*args)
    assert (caught.value.code, caught.value.outcome) == (Code.LOCKED, Outcome.NOT_EXECUTED)
    assert caught.value.retry_after
    return caught.value


def test_a_free_device_admits_those_without_a_token(lock):
    lock.admit(None, 0.0)
    assert lock.left(0.0) is None


def test_a_locked_device_admits_the_holder_only(lock):
    token = lock.take(None, TTL, 0.0)
    lock.admit(token, 5.0)
    assert refusal(lock.admit, None, 5.0).details["left"] == 5.0
    refusal(lock.admit, "guess", 5.0)
    refusal(lock.take, None, TTL, 5.0)


def test_nobody_is_told_to_wait_longer_than_the_lock_lasts(lock):
    lock.take(None, TTL, 0.0)
    assert refusal(lock.admit, None, TTL - 0.1).retry_after == pytest.approx(0.1)


def test_a_lock_dies_with_its_time(lock):
    lock.take(None, TTL, 0.0)
    lock.admit(None, TTL)
    assert lock.take(None, TTL, TTL) == "t2"


def test_the_holder_renews_it_by_its_token(lock):
    token = lock.take(None, TTL, 0.0)
    assert lock.take(token, TTL, 8.0) == token
    assert lock.left(10.0) == 8.0


def test_a_token_whose_lock_has_ended_does_not_admit_any_more(lock):
    token = lock.take(None, TTL, 0.0)
    assert "has ended" in str(refusal(lock.admit, token, TTL))
    assert "has ended" in str(refusal(lock.take, token, TTL, TTL))
    lock.take(None, TTL, TTL)
    refusal(lock.admit, token, TTL)


def test_only_the_holder_unlocks(lock):
    token = lock.take(None, TTL, 0.0)
    refusal(lock.release, None, 1.0)
    refusal(lock.release, "guess", 1.0)
    lock.release(token, 1.0)
    lock.admit(None, 1.0)


def test_unlocking_what_is_free_does_nothing(lock):
    token = lock.take(None, TTL, 0.0)
    lock.release(token, TTL)
    lock.release(None, TTL)


def test_a_broken_lock_is_over(lock):
    token = lock.take(None, TTL, 0.0)
    lock.end()
    lock.admit(None, 1.0)
    refusal(lock.admit, token, 1.0)


def test_tokens_cannot_be_guessed():
    assert len({random_token() for _ in range(100)}) == 100
    assert len(random_token()) == 32
