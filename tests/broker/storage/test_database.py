"""Connections to the database: which URLs name one, and what is said of those that do not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from plcmq.broker.storage.database import Connection, RegistryError


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///", "mysql://db/plcmq", "plcmq.db"])
def test_a_url_of_something_else_is_answered_with_examples(url):
    with pytest.raises(RegistryError, match=r"write sqlite:///plcmq\.db"):
        Connection(url, timeout=1)


def test_a_database_in_memory_is_refused_since_each_connection_would_have_its_own():
    with pytest.raises(RegistryError, match="belongs to one connection"):
        Connection("sqlite:///:memory:", timeout=1)


def test_a_wrong_url_is_told_without_its_password():
    with pytest.raises(RegistryError) as caught:
        Connection("mysql://joe:secret@db/plcmq", timeout=1)
    assert "secret" not in str(caught.value)


async def test_a_loops_thread_is_refused_and_another_is_not(tmp_path):
    connection = Connection(f"sqlite:///{tmp_path}/x.db", timeout=1)
    with pytest.raises(RuntimeError, match="event loop"), connection.transaction(write=False):
        pass
    with ThreadPoolExecutor(1) as other:
        other.submit(connection.close).result()


def test_what_failed_is_undone_and_the_connection_goes_on(tmp_path):
    connection = Connection(f"sqlite:///{tmp_path}/x.db", timeout=1)
    with connection.transaction(write=True) as db:
        db.execute_sql("CREATE TABLE t (n INTEGER)")
    with pytest.raises(RegistryError, match="no such table"):
        insert_into(connection, "t", "nowhere")
    with connection.transaction(write=False) as db:
        assert list(db.execute_sql("SELECT n FROM t")) == []
    connection.close()


def insert_into(connection, *tables):
    with connection.transaction(write=True) as db:
        for table in tables:
            db.execute_sql(f"INSERT INTO {table} VALUES (1)")
