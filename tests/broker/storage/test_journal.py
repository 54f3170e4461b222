"""The journal of keyed commands, on SQLite and on PostgreSQL."""

import pytest
from plcmq.broker.routing.idempotency import Begin, Finish, Forget, KeyId, LookUp, Record
from plcmq.broker.storage.journal import Journal
from plcmq.broker.storage.registry import Registry

KEY = KeyId("", "order-4711")
REPLY = {"ok": True, "result": {"batch_no": 7, "text": "höhe", "half": 0.5}}


@pytest.fixture
def journal(url):
    with Registry(url):
        journal = Journal(url)
        yield journal
        journal.close()


def one(journal, order, now=0.0):
    ((_order, record),) = journal.carry_out([order], now)
    return record


def test_a_new_key_is_put_on_record(journal):
    assert one(journal, Begin(KEY, "d1")) is None
    assert one(journal, Begin(KEY, "d2")) == Record("d1", None)


def test_a_reply_is_kept_as_it_was(journal):
    one(journal, Begin(KEY, "d1"))
    one(journal, Finish(KEY, REPLY))
    assert one(journal, Begin(KEY, "d1")) == Record("d1", REPLY)


def test_a_forgotten_key_is_new_again(journal):
    journal.carry_out([Begin(KEY, "d1"), Forget(KEY)], 0.0)
    assert one(journal, Begin(KEY, "d2")) is None


def test_keys_of_different_clients_are_different(journal):
    one(journal, Begin(KEY, "d1"))
    assert one(journal, Begin(KeyId("other", KEY.key), "d2")) is None


def test_a_batch_is_carried_out_in_order(journal):
    other = KeyId("", "order-4712")
    done = journal.carry_out([Begin(KEY, "a"), Begin(other, "b"), Begin(KEY, "c"), Finish(other, REPLY)], 0.0)
    assert [record for _order, record in done] == [None, None, Record("a", None), None]


def test_old_keys_expire(journal):
    one(journal, Begin(KEY, "d1"), now=100.0)
    one(journal, Begin(KeyId("", "young"), "d1"), now=200.0)
    assert journal.expire(before=150.0) == 1
    assert one(journal, Begin(KEY, "d2")) is None


def test_what_was_written_is_there_after_a_new_start(url, journal):
    one(journal, Begin(KEY, "d1"))
    again = Journal(url)
    assert one(again, Begin(KEY, "d1")) == Record("d1", None)
    again.close()


@pytest.mark.parametrize("text", ["\0", "\\0", "\\", "ключ ✓", "'; drop table x; --", "k" * 128])
def test_every_text_is_a_key_of_its_own(journal, text):
    others = [KeyId("", other) for other in ("\0", "\\0", "\\", "\\\\0") if other != text]
    journal.carry_out([Begin(other, "other") for other in others], 0.0)
    assert one(journal, Begin(KeyId("", text), "d1")) is None
    assert one(journal, Begin(KeyId("", text), "d2")) == Record("d1", None)


def test_what_is_on_record_can_be_looked_up_and_nothing_is_changed(journal):
    key = KeyId("a", "k")
    look = LookUp(key, None)
    assert one(journal, look) is None
    one(journal, Begin(key, "digest"))
    assert one(journal, look) == Record("digest", None)
    one(journal, Finish(key, {"ok": True}))
    assert one(journal, look) == Record("digest", {"ok": True})
