from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import anyio
import pytest

from joey.adapters.stores.sqlite import database as module
from joey.adapters.stores.sqlite.database import Database
from joey.core.errors import Busy, ConfigError

pytestmark = pytest.mark.anyio


def create(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE thing (name TEXT PRIMARY KEY) STRICT")


def insert(name: str) -> object:
    return lambda connection: connection.execute("INSERT INTO thing VALUES (?)", (name,)).rowcount


def count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM thing").fetchone()[0])


async def test_writes_share_commits_and_one_that_fails_is_undone_alone() -> None:
    database = Database(None, (create,))
    failed: list[str] = []

    async def write(name: str) -> None:
        try:
            await database.write(insert(name))  # type: ignore[arg-type]
        except sqlite3.IntegrityError:
            failed.append(name)

    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(write, str(number % 90))
    assert len(failed) == 10
    assert await database.read(count) == 90
    database.close()


async def test_the_writer_survives_a_transaction_that_ends_under_it() -> None:
    database = Database(None, (create,))
    with pytest.raises(OSError, match="cannot write :memory:"):
        await database.write(lambda connection: connection.execute("ROLLBACK"))
    await database.write(insert("after"))  # type: ignore[arg-type]
    assert await database.read(count) == 1
    database.close()


async def test_what_was_written_is_there_for_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "things.db"
    first = Database(path, (create,))
    await first.write(insert("kept"))  # type: ignore[arg-type]
    second = Database(path, (create,))
    assert await second.read(count) == 1
    first.close()
    first.close()
    second.close()


async def test_a_newer_file_no_database_and_no_folder_are_refused_in_one_line(tmp_path: Path) -> None:
    newer = Database(tmp_path / "newer.db", (create, lambda _: None))
    newer.close()
    with pytest.raises(ConfigError, match="newer version"):
        Database(tmp_path / "newer.db", (create,))
    (tmp_path / "text.db").write_text("this is no database, it only looks like a file of some length" * 20)
    with pytest.raises(ConfigError, match="cannot use"):
        Database(tmp_path / "text.db", (create,))
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot use"):
        Database(tmp_path / "file" / "x.db", (create,))


def limit_pages(connection: sqlite3.Connection) -> None:
    """Fill the disk: the file cannot grow any more."""
    connection.execute("PRAGMA max_page_count = 1").fetchall()


async def test_a_full_disk_is_an_os_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    database = Database(path, (create,))
    await database.write(limit_pages)
    errors: list[str] = []

    async def write(name: str) -> None:
        with pytest.raises(OSError, match="database or disk is full") as caught:
            await database.write(insert(name))  # type: ignore[arg-type]
        errors.append(str(caught.value))

    # Together in one group: a full disk undoes it all, and each hears of that and of nothing else.
    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(write, f"{number}" * 50_000)
    assert set(errors) == {f"cannot write {path}: database or disk is full"}
    assert await database.read(count) == 0
    database.close()


async def test_a_damaged_file_is_an_os_error_when_read(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    database = Database(path, (create,))
    for number in range(200):
        await database.write(insert(f"{number}" * 100))  # type: ignore[arg-type]
    database.close()
    data = path.read_bytes()
    path.write_bytes(data[:8192] + b"\xff" * (len(data) - 8192))
    database = Database(path, (create,))
    with pytest.raises(OSError, match=r"cannot read .*things\.db: .*malformed"):
        await database.read(lambda connection: connection.execute("SELECT * FROM thing").fetchall())
    database.close()


async def test_what_breaks_a_rule_of_the_tables_stays_an_integrity_error() -> None:
    database = Database(None, (create,))
    await database.write(insert("a"))  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        await database.write(insert("a"))  # type: ignore[arg-type]
    database.close()


async def test_a_long_read_holds_up_no_write_and_a_read_sees_what_was_written(tmp_path: Path) -> None:
    database = Database(tmp_path / "things.db", (create,))
    begun, end = threading.Event(), threading.Event()

    def read_long(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")
        assert count(connection) == 1
        begun.set()
        assert end.wait(10)
        assert count(connection) == 1
        connection.execute("COMMIT")

    await database.write(insert("before"))  # type: ignore[arg-type]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(database.read, read_long)
        assert await anyio.to_thread.run_sync(begun.wait, 10)
        try:
            with anyio.fail_after(5):
                for number in range(50):
                    await database.write(insert(f"during {number}"), erases=number == 0)  # type: ignore[arg-type]
        finally:
            end.set()
    assert await database.read(count) == 51
    database.close()


@pytest.mark.parametrize("in_memory", [True, False])
async def test_a_closed_database_refuses_at_once(in_memory: bool, tmp_path: Path) -> None:
    database = Database(None if in_memory else tmp_path / "things.db", (create,))
    database.close()
    with anyio.fail_after(5):
        with pytest.raises(OSError, match="is closed"):
            await database.write(insert("late"))  # type: ignore[arg-type]
        with pytest.raises(OSError, match="is closed"):
            await database.read(count)


async def test_closing_completes_what_is_queued(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    database = Database(path, (create,))
    gate = threading.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(database.write, lambda _: gate.wait(10))
        for number in range(1000):  # more than one group
            tasks.start_soon(database.write, insert(str(number)))
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(anyio.to_thread.run_sync, database.close)
        await anyio.wait_all_tasks_blocked()
        gate.set()
    with sqlite3.connect(path) as other:
        assert count(other) == 1000
    other.close()


async def test_a_full_queue_refuses_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_QUEUE_MAX", 2)
    database = Database(None, (create,))
    begun, gate = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        begun.set()
        assert gate.wait(10)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(database.write, hold)
        assert await anyio.to_thread.run_sync(begun.wait, 10)
        for name in "ab":
            tasks.start_soon(database.write, insert(name))
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(Busy, match="2 writes are waiting"):
            await database.write(insert("c"))  # type: ignore[arg-type]
        gate.set()
    assert await database.read(count) == 2
    database.close()


def read_modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    database = Database(tmp_path / "things.db", (create,))
    await database.write(insert("a"))  # type: ignore[arg-type]
    assert await database.read(count) == 1
    assert read_modes(tmp_path) == {"things.db": 0o600, "things.db-shm": 0o600, "things.db-wal": 0o600}
    database.close()


async def test_a_write_that_has_returned_survives_a_power_cut(tmp_path: Path) -> None:
    """FULL, 2, syncs the log at every commit; NORMAL, 1, the default of some builds, does not."""
    database = Database(tmp_path / "things.db", (create,))
    modes = await database.write(
        lambda connection: [
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
        ]
    )
    assert modes == [2, "wal"]
    database.close()
