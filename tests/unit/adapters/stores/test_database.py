from __future__ import annotations

import sqlite3
from pathlib import Path

import anyio
import pytest

from joey.adapters.stores.sqlite.database import Database
from joey.core.errors import ConfigError

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
    with pytest.raises(sqlite3.Error):
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
