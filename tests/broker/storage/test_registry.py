"""The registry in real SQLite files and a real PostgreSQL."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from plcmq.broker.storage.migrations import MIGRATIONS, Migration
from plcmq.broker.storage.registry import Marks, Registry, RegistryError, UnknownDevice
from plcmq.devices.model.tags import Table
from plcmq.devices.planning.learned import Learned
from plcmq.devices.planning.reads import Hole
from plcmq.devices.site.definitions.content import Definition, SiteContent
from plcmq.devices.site.definitions.export import site_text
from plcmq.devices.site.definitions.problems import SiteError
from plcmq.devices.site.load import parse_site

NOBODY = 65534


def device(number: int, name: str, **fields: object) -> Definition:
    return {"id": number, "name": name, "host": "h", "profile": "p", **fields}


PROFILE: Definition = {"actions": {"go": {"steps": [{"write": {"z": 1, "a": 2}}]}}, "tags": {}}
SITE = SiteContent({"p": PROFILE}, (device(1, "a"), device(2, "b")))


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    with Registry(url) as registry:
        yield registry


def content(registry: Registry) -> SiteContent:
    snapshot = registry.snapshot()
    return SiteContent(snapshot.profiles, snapshot.devices)


def test_a_new_registry_is_empty(registry: Registry) -> None:
    assert content(registry) == SiteContent()
    assert registry.revision() == 0


def test_what_is_applied_is_there_when_it_is_opened_again(url: str) -> None:
    with Registry(url) as registry:
        assert len(registry.apply(SITE).added) == 3
    with Registry(url) as registry:
        assert content(registry) == SITE
        assert list(registry.snapshot().profiles["p"]["actions"]["go"]["steps"][0]["write"]) == ["z", "a"]


def test_the_same_site_again_is_no_change_and_no_revision(registry: Registry) -> None:
    registry.apply(SITE)
    assert not registry.apply(SITE)
    assert registry.revision() == registry.snapshot().revision == 1


def test_a_dry_run_tells_and_changes_nothing(registry: Registry) -> None:
    assert registry.apply(SITE, dry_run=True)
    assert registry.revision() == 0
    assert content(registry) == SiteContent()


def test_only_pruning_removes(registry: Registry) -> None:
    registry.apply(SITE)
    smaller = SiteContent(SITE.profiles, SITE.devices[:1])
    assert not registry.apply(smaller)
    assert [change.name for change in registry.apply(smaller, prune=True).removed] == ["b"]
    assert content(registry) == smaller


def test_devices_may_swap_their_names(registry: Registry) -> None:
    registry.apply(SITE)
    registry.apply(SiteContent(SITE.profiles, (device(1, "b"), device(2, "a"))))
    assert [form["name"] for form in registry.snapshot().devices] == ["b", "a"]


def test_a_refused_site_changes_nothing(registry: Registry) -> None:
    registry.apply(SITE)
    with pytest.raises(SiteError, match="give it that id"):
        registry.apply(SiteContent({"q": {}}, (device(9, "a"),)))
    assert content(registry) == SITE
    assert registry.revision() == 1


def test_a_disabled_device_stays_so_until_it_is_enabled(registry: Registry) -> None:
    registry.apply(SITE)
    assert registry.set_enabled("a", False)
    assert not registry.set_enabled(1, False)
    assert registry.revision() == 2
    assert registry.snapshot().devices[0]["enabled"] is False
    assert not registry.apply(SITE, prune=True)
    assert registry.apply(SiteContent({}, (device(1, "a", enabled=True),))).changed
    assert content(registry) == SITE


def test_a_device_is_found_by_name_id_and_id_as_text(registry: Registry) -> None:
    registry.apply(SiteContent({}, tuple(device(number, f"d{number}") for number in range(3))))
    registry.remove("d0")
    registry.remove(1)
    registry.remove("2")
    assert registry.snapshot().devices == ()
    assert registry.revision() == 4


def test_an_unknown_device_is_refused_with_what_comes_close(registry: Registry) -> None:
    registry.apply(SiteContent({}, (device(1, "press-1"),)))
    with pytest.raises(UnknownDevice, match=r"no device 'pres-1'; did you mean `press-1`\?"):
        registry.remove("pres-1")
    with pytest.raises(UnknownDevice, match="no device 7"):
        registry.set_enabled(7, True)
    assert registry.revision() == 1


def test_an_exported_registry_applies_to_no_change(registry: Registry) -> None:
    tags = {"z": {"address": "coil:0", "type": "bool", "access": "rw"}}
    profile = {"tags": tags, "actions": {"go": {"steps": [{"write": {"z": True}}]}}}
    registry.apply(SiteContent({"p": profile}, SITE.devices))
    registry.set_enabled("b", False)
    exported = parse_site(site_text(registry.snapshot()))
    assert not registry.apply(exported, prune=True)


def test_many_devices_go_in_and_out_in_one_piece(registry: Registry) -> None:
    many = SiteContent(SITE.profiles, tuple(device(number, f"d{number}") for number in range(2000)))
    assert len(registry.apply(many).added) == 2001
    assert content(registry) == many


def test_ids_up_to_the_limit_are_kept(registry: Registry) -> None:
    registry.apply(SiteContent({}, (device(2**53 - 1, "last"),)))
    assert registry.snapshot().devices[0]["id"] == 2**53 - 1


def test_two_programs_see_each_others_changes(url: str, registry: Registry) -> None:
    with Registry(url) as other:
        other.apply(SITE)
        assert registry.revision() == 1
        registry.remove("a")
        assert other.revision() == 2


def test_programs_that_apply_at_once_take_turns(url: str) -> None:
    start = threading.Barrier(4)

    def apply(number: int) -> None:
        start.wait()
        with Registry(url, timeout=30) as registry:
            registry.apply(SiteContent({}, (device(number, f"d{number}"),)))

    threads = [threading.Thread(target=apply, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Registry(url) as registry:
        assert len(registry.snapshot().devices) == registry.revision() == 4


NEXT = Migration(MIGRATIONS[-1].number + 1, ("CREATE TABLE plcmq_next (id INTEGER NOT NULL PRIMARY KEY)",))


def test_an_older_registry_is_migrated_and_keeps_what_it_holds(url: str) -> None:
    with Registry(url, migrations=MIGRATIONS[:1]) as registry:
        registry.apply(SITE)
    with Registry(url, migrations=(*MIGRATIONS, NEXT)) as registry:
        assert content(registry) == SITE
        assert registry.revision() == 1
    with Registry(url, migrations=(*MIGRATIONS, NEXT)) as registry:
        assert content(registry) == SITE


def test_a_newer_registry_is_refused_and_left_alone(url: str) -> None:
    with Registry(url, migrations=(*MIGRATIONS, NEXT)) as registry:
        registry.apply(SITE)
    with pytest.raises(RegistryError, match=r"made by a newer plcmq .* use that version"):
        Registry(url).open()
    with Registry(url, migrations=(*MIGRATIONS, NEXT)) as registry:
        assert content(registry) == SITE


def test_a_migration_that_fails_leaves_the_old_schema(url: str) -> None:
    with Registry(url) as registry:
        registry.apply(SITE)
    statements = (*NEXT.statements, "CREATE TABLE plcmq_meta (id INTEGER)")
    broken = dataclasses.replace(NEXT, statements=statements)
    with pytest.raises(RegistryError, match="already exists"):
        Registry(url, migrations=(*MIGRATIONS, broken)).open()
    with Registry(url, migrations=(*MIGRATIONS, NEXT)) as registry:
        assert content(registry) == SITE


def refusal(url: str, **options: float | bool) -> str:
    registry = Registry(url, **options)
    with pytest.raises(RegistryError) as caught:
        registry.open()
    registry.close()
    return str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "plcmq.db", "sqlite://plcmq.db", "sqlite:///", "mysql://h/x", "postgres:h"]
)
def test_a_wrong_url_is_refused_with_right_ones(url: str) -> None:
    with pytest.raises(RegistryError, match="is no URL of a registry"):
        Registry(url)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(RegistryError) as caught:
        Registry("mysql://me:geheim@h/x")
    assert "geheim" not in str(caught.value)
    said = refusal("postgresql://me:geheim@127.0.0.1:1/x")
    assert "geheim" not in said
    assert "is PostgreSQL running there" in said


def test_a_wrong_postgresql_url_is_told_from_a_missing_server() -> None:
    assert "wrong URL" in refusal("postgresql://h/x?nonsense=1")


def test_a_database_that_postgresql_does_not_have_is_named(postgresql: str) -> None:
    assert 'database "nowhere" does not exist' in refusal(postgresql.replace("/postgres?", "/nowhere?"))


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    assert f"the directory {tmp_path}/no does not exist" in refusal(f"sqlite:///{tmp_path}/no/registry.db")


def test_a_directory_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    assert "is a directory" in refusal(f"sqlite:///{tmp_path}")


def test_a_file_is_not_made_unless_wanted(tmp_path: Path) -> None:
    assert "does not exist; `plcmq apply` makes it" in refusal(f"sqlite:///{tmp_path}/x.db", create=False)
    assert not list(tmp_path.iterdir())


def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(b"something else entirely\n" * 100)
    assert "is no SQLite database" in refusal(f"sqlite:///{file}")
    assert file.read_bytes() == b"something else entirely\n" * 100


def test_a_database_with_other_tables_keeps_them(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE devices (x)")
        connection.execute("INSERT INTO devices VALUES (1)")
        connection.commit()
    with Registry(f"sqlite:///{file}") as registry:
        registry.apply(SITE)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT x FROM devices").fetchall() == [(1,)]


def test_a_locked_file_is_refused_after_its_time_and_works_again_after_that(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with Registry(f"sqlite:///{file}", timeout=0.05) as registry:
        registry.apply(SITE)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(RegistryError, match=r"is locked by another program for more than 0\.05 s"):
                registry.remove("a")
            assert content(registry) == SITE, "reading goes on"
            other.execute("ROLLBACK")
        registry.remove("a")
        assert registry.revision() == 2


def test_a_locked_postgresql_registry_is_refused_after_its_time(postgresql_url: str) -> None:
    url = postgresql_url
    with Registry(url, timeout=0.05) as registry, closing(psycopg.connect(url)) as other:
        registry.apply(SITE)
        other.execute("SELECT * FROM plcmq_meta FOR UPDATE")
        with pytest.raises(RegistryError, match=r"is locked by another program for more than 0\.05 s"):
            registry.remove("a")
        assert registry.revision() == 1, "reading goes on"


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user whom file permissions bind, which they do not for root."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user can reach, which pytest's own are not."""
    directory = Path(tempfile.mkdtemp(prefix="plcmq-registry-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def test_a_file_that_may_not_be_written_is_refused(open_directory: Path) -> None:
    file = open_directory / "x.db"
    with Registry(f"sqlite:///{file}") as registry:
        registry.apply(SITE)
    file.chmod(0o444)
    with as_nobody():
        said = refusal(f"sqlite:///{file}")
    assert "cannot be written; this user needs write access" in said
    file.chmod(0o644)
    with Registry(f"sqlite:///{file}") as registry:
        assert content(registry) == SITE


def test_a_directory_that_may_not_be_written_is_refused(open_directory: Path) -> None:
    open_directory.chmod(0o555)
    with as_nobody():
        said = refusal(f"sqlite:///{open_directory}/x.db")
    assert "may this user read and write the file and its directory?" in said
    open_directory.chmod(0o755)


def test_a_lost_connection_to_postgresql_is_one_error_and_then_opened_again(
    postgresql: str, postgresql_url: str
) -> None:
    url = postgresql_url
    with Registry(url) as registry:
        registry.apply(SITE)
        with closing(psycopg.connect(postgresql, autocommit=True)) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'plcmq'")
        with pytest.raises(RegistryError, match="is PostgreSQL running there"):
            registry.revision()
        assert registry.revision() == 1


async def test_a_call_on_the_event_loops_thread_is_refused(url: str) -> None:
    registry = Registry(url)
    with pytest.raises(RuntimeError, match="use DatabaseThread"):
        registry.open()
    with pytest.raises(RuntimeError, match="use DatabaseThread"):
        registry.close()


HOLE = Hole(Table.HOLDING, 12, 2)
LEARNED = Learned(1, "h:502/1", 0, frozenset({HOLE}))


def test_what_is_learned_is_kept_and_is_no_new_revision(registry: Registry) -> None:
    registry.apply(SITE)
    registry.learn([LEARNED])
    registry.learn([dataclasses.replace(LEARNED, holes=frozenset({Hole(Table.INPUT, 1, 1, gap=True)}))])
    assert registry.learned()[1].holes == {HOLE, Hole(Table.INPUT, 1, 1, gap=True)}
    assert registry.marks() == Marks(1, 0)


def test_what_was_learned_before_relearn_counts_no_more_however_late_it_comes(registry: Registry) -> None:
    registry.apply(SITE)
    registry.learn([LEARNED])
    assert registry.relearn("a") == ["a"]
    registry.learn([LEARNED])
    assert registry.learned() == {1: Learned(1, "h:502/1", 1)}
    assert registry.marks() == Marks(1, 1)


def test_all_devices_can_be_learned_anew_and_an_unknown_one_not(registry: Registry) -> None:
    registry.apply(SITE)
    assert registry.relearn(None) == ["a", "b"]
    with pytest.raises(UnknownDevice):
        registry.relearn("c")


def test_other_tags_keep_what_was_learned_and_another_place_forgets_it(registry: Registry) -> None:
    registry.apply(SITE)
    registry.learn([LEARNED])
    registry.apply(SiteContent(SITE.profiles, (device(1, "a", link={"max_gap": 0}),)))
    assert registry.learned() == {1: LEARNED}
    registry.apply(SiteContent(SITE.profiles, (device(1, "a", unit=2),)))
    registry.learn([LEARNED])
    assert registry.learned() == {}


def test_a_device_that_is_removed_is_forgotten(registry: Registry) -> None:
    registry.apply(SITE)
    registry.learn([LEARNED])
    registry.remove("a")
    assert registry.learned() == {}
    registry.learn([LEARNED])
    assert registry.learned() == {}
