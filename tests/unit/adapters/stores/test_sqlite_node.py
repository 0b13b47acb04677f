from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from joey.adapters.stores.sqlite import database as database_module
from joey.adapters.stores.sqlite import node as node_module
from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.node import SqliteClaims, SqliteRelayLog, open_node_database
from joey.core.errors import ConfigError
from joey.core.units import ComputeUnits, Height, Upokt
from joey.ports.chain import TransactionTerms
from joey.ports.stores import ClaimRecord, LoggedRelay, LoggedSession
from joey.testing.settlements import make_header

pytestmark = pytest.mark.anyio

FIRST, SECOND = make_header("application", "text", number=1), make_header("application", "text", number=2)


def make_relay(text: str) -> LoggedRelay:
    return LoggedRelay(sha256(text.encode()).digest(), text.encode())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "node.db"


async def test_relays_come_back_in_the_order_they_were_served(path: Path) -> None:
    relays = [make_relay(f"relay {number}") for number in range(20)]
    database = open_node_database(path)
    log = SqliteRelayLog(database)
    for relay in relays:
        await log.append(FIRST, "supplier", relay)
    await log.append(SECOND, "supplier", relays[0])
    await log.append(FIRST, "another", relays[0])
    database.close()
    database = open_node_database(path)
    log = SqliteRelayLog(database)
    assert await log.relays(FIRST.session_id, "supplier") == relays
    assert await log.relays(FIRST.session_id, "nobody") == []
    assert await log.sessions() == [
        LoggedSession(FIRST, "another", 1),
        LoggedSession(FIRST, "supplier", 20),
        LoggedSession(SECOND, "supplier", 1),
    ]
    database.close()


async def test_appending_again_changes_nothing() -> None:
    database = open_node_database(None)
    log = SqliteRelayLog(database)
    for _ in range(3):
        await log.append(FIRST, "supplier", make_relay("once"))
    assert await log.relays(FIRST.session_id, "supplier") == [make_relay("once")]
    database.close()


async def test_what_is_appended_at_once_is_all_there(path: Path) -> None:
    database = open_node_database(path)
    log = SqliteRelayLog(database)
    async with anyio.create_task_group() as tasks:
        for number in range(300):
            tasks.start_soon(log.append, FIRST, "supplier", make_relay(f"relay {number}"))
    # A second connection sees it: it is in the file, not only in this process.
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM relay").fetchone() == (300,)
    other.close()
    database.close()


async def test_forgetting_drops_one_session_and_is_no_error_twice() -> None:
    database = open_node_database(None)
    log = SqliteRelayLog(database)
    await log.append(FIRST, "supplier", make_relay("a"))
    await log.append(SECOND, "supplier", make_relay("b"))
    for _ in range(2):
        await log.forget(FIRST.session_id, "supplier")
    assert [session.header for session in await log.sessions()] == [SECOND]
    assert await log.relays(FIRST.session_id, "supplier") == []
    database.close()


async def test_claims_are_replaced_and_kept(path: Path) -> None:
    record = ClaimRecord(FIRST, "supplier", b"\x07" * 48, 3, ComputeUnits(9000), "due")
    later = ClaimRecord(SECOND, "supplier", b"\x08" * 48, 1, ComputeUnits(3000), "due")
    claimed = replace(
        record,
        state="proved",
        tx_hash="AB" * 32,
        height=Height(15),
        note="well",
        proof_tx_hash="CD" * 32,
        proof_height=Height(21),
        terms=TransactionTerms(7, 100_001, Upokt(3), Height(30)),
    )
    at = datetime(2026, 1, 5, 0, 10, 20, 123456, tzinfo=UTC)
    later = replace(later, terms=TransactionTerms(0, 1, Upokt(0), Height(0), at))
    database = open_node_database(path)
    claims = SqliteClaims(database)
    await claims.save(later)
    await claims.save(record)
    await claims.save(claimed)
    database.close()
    database = open_node_database(path)
    claims = SqliteClaims(database)
    assert await claims.get(FIRST.session_id, "supplier") == claimed
    assert await claims.get(FIRST.session_id, "another") is None
    assert await claims.all() == [claimed, later]
    database.close()


def find_in_files(folder: Path, text: bytes) -> set[str]:
    return {path.name for path in folder.iterdir() if text in path.read_bytes()}


async def test_what_is_forgotten_is_in_no_file_any_more(path: Path) -> None:
    database = open_node_database(path)
    log = SqliteRelayLog(database)
    for number in range(40):
        # Of all sizes, and mixed with relays of a session that stays.
        await log.append(FIRST, "supplier", make_relay(f"canary {number} " + "x" * (number * 397)))
        await log.append(SECOND, "supplier", make_relay(f"kept {number} " + "y" * (number * 211)))
    assert find_in_files(path.parent, b"canary") == {"node.db-wal"}
    await log.forget(FIRST.session_id, "supplier")
    assert find_in_files(path.parent, b"canary") == set()
    assert len(await log.relays(SECOND.session_id, "supplier")) == 40
    assert find_in_files(path.parent, b"kept") == {"node.db"}
    database.close()


async def test_what_is_forgotten_while_it_is_read_goes_when_the_read_has_ended(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_ERASE_AGAIN_S", 0.01)
    database = open_node_database(path)
    log = SqliteRelayLog(database)
    await log.append(FIRST, "supplier", make_relay("canary"))
    begun, end = threading.Event(), threading.Event()

    def read_long(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")
        assert connection.execute("SELECT count(*) FROM relay").fetchone() == (1,)
        begun.set()
        assert end.wait(10)
        connection.execute("COMMIT")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(database.read, read_long)
        assert await anyio.to_thread.run_sync(begun.wait, 10)
        with anyio.fail_after(5):
            await log.forget(FIRST.session_id, "supplier")
        assert find_in_files(path.parent, b"canary") != set()
        end.set()
    with anyio.fail_after(10):
        while find_in_files(path.parent, b"canary"):
            await anyio.lowlevel.checkpoint()
    database.close()


async def test_what_a_killed_process_had_deleted_is_erased_when_it_starts_again(path: Path) -> None:
    open_node_database(path).close()
    killed = sqlite3.connect(path, isolation_level=None)
    killed.execute("PRAGMA secure_delete = ON")
    killed.execute("INSERT INTO relay VALUES (1, 1, x'00', CAST('canary' AS BLOB))")
    killed.execute("DELETE FROM relay")
    assert find_in_files(path.parent, b"canary") == {"node.db-wal"}
    database = open_node_database(path)
    assert find_in_files(path.parent, b"canary") == set()
    database.close()
    killed.close()


@pytest.mark.parametrize("pragma", ["PRAGMA query_only = ON", "PRAGMA max_page_count = 1"])
async def test_a_disk_that_fails_is_an_os_error_and_keeps_nothing(pragma: str, path: Path) -> None:
    database = open_node_database(path)
    log, claims = SqliteRelayLog(database), SqliteClaims(database)
    await log.append(FIRST, "supplier", make_relay("kept"))
    await database.write(lambda connection: connection.execute(pragma).fetchall())
    big = LoggedRelay(b"\x01" * 32, b"x" * 100_000)
    with pytest.raises(OSError, match=r"cannot write .*node\.db: "):
        await log.append(FIRST, "supplier", big)
    record = ClaimRecord(FIRST, "supplier", b"x" * 100_000, 1, ComputeUnits(1), "due")
    with pytest.raises(OSError, match=r"cannot write .*node\.db: "):
        await claims.save(record)
    assert await log.relays(FIRST.session_id, "supplier") == [make_relay("kept")]
    assert await claims.all() == []
    database.close()


def test_a_file_of_a_newer_version_and_one_that_is_no_database(path: Path) -> None:
    open_node_database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigError, match="newer version"):
        open_node_database(path)
    path.write_bytes(b"this is no database " * 100)
    with pytest.raises(ConfigError, match="cannot use"):
        open_node_database(path)


async def test_migrations_run_once(path: Path) -> None:
    ran: list[int] = []
    migrations = [lambda connection: ran.append(1), lambda connection: ran.append(2)]
    Database(path, migrations[:1]).close()
    Database(path, migrations).close()
    Database(path, migrations).close()
    assert ran == [1, 2]


async def test_a_file_of_the_first_version_is_read_on(path: Path) -> None:
    database = Database(path, node_module._MIGRATIONS[:1])
    record = ClaimRecord(FIRST, "supplier", b"\x07" * 48, 3, ComputeUnits(9000), "due")
    row = ("application", "text", FIRST.session_id, FIRST.height_start, FIRST.height_end, "supplier")
    await database.write(
        lambda connection: connection.execute(
            "INSERT INTO claim (application, service, session_id, height_start, height_end, supplier, root,"
            " relays, compute_units, state, tx_hash, height, note)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 3, 9000, 'due', '', 0, '')",
            (*row, b"\x07" * 48),
        )
    )
    database.close()
    database = open_node_database(path)
    (kept,) = await SqliteClaims(database).all()
    assert replace(kept, header=FIRST) == record
    database.close()


async def test_values_come_by_their_hashes_in_the_order_asked_for() -> None:
    database = open_node_database(None)
    log = SqliteRelayLog(database)
    relays = [make_relay(f"relay {number}") for number in range(5)]
    for relay in relays:
        await log.append(FIRST, "supplier", relay)
    await log.append(SECOND, "supplier", make_relay("another"))
    assert await log.hashes(FIRST.session_id, "supplier") == [relay.relay_hash for relay in relays]
    asked = [relays[3], relays[0], relays[3]]
    values = await log.values(FIRST.session_id, "supplier", [relay.relay_hash for relay in asked])
    assert values == [relay.relay_bytes for relay in asked]
    for session_id in (SECOND.session_id, "unknown"):
        with pytest.raises(OSError, match="not there any more"):
            await log.values(session_id, "supplier", [relays[0].relay_hash])
    assert await log.hashes("unknown", "supplier") == []
    database.close()
