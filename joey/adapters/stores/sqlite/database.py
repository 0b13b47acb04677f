"""One SQLite file: a writer thread that commits in groups, and reads beside it that hold up no write.

A write returns only when its group is committed with `synchronous = FULL`: it then survives a
power cut. Whatever is queued while a commit runs goes into the next one, so a hundred writers share
one `fsync`. Reads have a connection of their own: the log of SQLite (WAL) shows them what was
committed when they began. Files are readable by their owner only, and what is deleted is
overwritten.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread

from joey.core.errors import Busy, ConfigError

__all__ = ["Database", "Migration"]

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]
Migration = Callable[[sqlite3.Connection], None]


@dataclass(slots=True)
class _Job:
    """One work, and the future of whoever waits for it, on that waiter's loop."""

    work: Work
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    erases: bool
    result: Any = None
    error: BaseException | None = None

    def resolve(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def _resolve_all(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        job.resolve()


_GROUP_MAX = 512
_QUEUE_MAX = 10_000
_LOCKED_S = 5.0
"""How long a write waits for another process that writes to the same file."""
_ERASE_AGAIN_S = 1.0
_ASKED_WRONGLY = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.ProgrammingError)
"""What is the fault of the statement, not of the disk or the file."""


class Database:
    """A SQLite file, or a private one in memory when `path` is `None`.

    `migrations` are applied once each, in order; how many were is kept in `user_version`.
    Raises `ConfigError` when the file cannot be opened, is no database or is newer than this code.
    """

    def __init__(self, path: Path | None, migrations: Sequence[Migration]) -> None:
        self._path = path
        self._name = ":memory:" if path is None else str(path)
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._is_closed = False
        self._is_erasure_due = False
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._writer, self._reader = self._open(migrations)
        if self._reader is self._writer:
            self._reading = self._writing
        self._thread = threading.Thread(target=self._write_groups, name=f"sqlite {path}", daemon=True)
        self._thread.start()

    def _open(self, migrations: Sequence[Migration]) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        """Return the connections to write and to read with; what is in memory has but one."""
        try:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                # SQLite gives the files beside it the mode of this one.
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            writer = self._connect()
            try:
                self._prepare(writer, migrations)
                reader = writer if self._path is None else self._connect()
            except BaseException:
                writer.close()
                raise
            if reader is not writer:
                reader.execute("PRAGMA query_only = ON")
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"cannot use {self._name} as a database: {error}; name another folder"
            ) from None
        return writer, reader

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._name, timeout=_LOCKED_S, check_same_thread=False, isolation_level=None)

    def _prepare(self, connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(migrations):
            raise ConfigError(
                f"{self._name} was written by a newer version of Joey: update, or use another folder"
            )
        for number, migrate in enumerate(migrations[version:], version + 1):
            connection.execute("BEGIN IMMEDIATE")
            migrate(connection)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        # A process that was killed may have left in the log what it had deleted.
        _empty_log(connection)

    def _write_groups(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._take_group()
            with self._writing:
                if group:
                    self._commit(group)
                if self._is_erasure_due:
                    self._is_erasure_due = not _empty_log(self._writer)
            _answer(group)

    def _take_group(self) -> tuple[list[_Job], bool]:
        """Wait for work and return all there is, and whether more may come."""
        group: list[_Job] = []
        with suppress(queue.Empty):
            item = self._queue.get(timeout=_ERASE_AGAIN_S if self._is_erasure_due else None)
            while item is not None:
                group.append(item)
                self._is_erasure_due |= item.erases
                if len(group) == _GROUP_MAX:
                    return group, True
                item = self._queue.get_nowait()
            return group, False
        return group, True

    def _commit(self, group: list[_Job]) -> None:
        """Run a group in one transaction; one work that fails is undone alone."""
        # Nearly always all goes well, and a savepoint around each work costs as much as the work.
        if not self._try_group(group, with_savepoints=False):
            self._try_group(group, with_savepoints=True)

    def _try_group(self, group: list[_Job], *, with_savepoints: bool) -> bool:
        """Run and commit a group; without savepoints, undo all of it when one work fails."""
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for job in group:
                if with_savepoints:
                    self._run_alone(job)
                else:
                    job.result = job.work(self._writer)
            self._writer.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for the work
            # Nothing of the group is on disk, whether or not there is anything left to undo.
            with suppress(sqlite3.Error):
                self._writer.execute("ROLLBACK")
            for job in group:
                job.error = error
            return False
        return True

    def _run_alone(self, job: _Job) -> None:
        job.error = None
        self._writer.execute("SAVEPOINT work")
        try:
            job.result = job.work(self._writer)
        except Exception as error:
            if not self._writer.in_transaction:
                raise  # a disk that is full may have undone the whole group
            self._writer.execute("ROLLBACK TO work")
            job.error = error
        self._writer.execute("RELEASE work")

    async def write(self, work: Callable[[sqlite3.Connection], T], *, erases: bool = False) -> T:
        """Run `work` in the writer thread; return its result once it is on disk.

        With `erases`, what it deletes is on return in no file any more, or will be as soon as those
        who read it have ended. What `work` raises is raised here and undoes that work alone; it may
        be run twice for that. A disk that is full or broken, a file that is damaged or closed raise
        `OSError`: nothing was kept then. Cancelling the wait does not cancel the work. A full queue
        raises `Busy` at once.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._gate:
            if self._is_closed:
                raise OSError(f"{self._name} is closed")
            if self._queue.qsize() >= _QUEUE_MAX:
                raise Busy(f"{_QUEUE_MAX} writes are waiting for {self._name}; the disk is too slow")
            self._queue.put(_Job(work, future, loop, erases))
        try:
            return await future
        except _ASKED_WRONGLY:
            raise
        except sqlite3.DatabaseError as error:
            raise OSError(f"cannot write {self._name}: {error}") from None

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, which only reads, in a thread; it sees every write that has returned.

        Reads wait for one another, but no write waits for them. Raises `OSError` when the file
        cannot be read, is damaged or closed.
        """

        def locked() -> T:
            with self._reading:
                if self._is_closed:
                    raise OSError(f"{self._name} is closed")
                return work(self._reader)

        try:
            return await anyio.to_thread.run_sync(locked)
        except _ASKED_WRONGLY:
            raise
        except sqlite3.DatabaseError as error:
            raise OSError(f"cannot read {self._name}: {error}") from None

    def close(self) -> None:
        """Commit what is queued and close the file. Blocks until then; may be called twice."""
        with self._gate:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(None)
        self._thread.join()
        with self._reading:
            self._reader.close()
            self._writer.close()


def _empty_log(connection: sqlite3.Connection) -> bool:
    """Move all of the log into the file and cut it to nothing, unless somebody reads from it."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error:
        return False
    finally:
        connection.execute(f"PRAGMA busy_timeout = {_LOCKED_S * 1000:.0f}")
    return not is_busy


def _answer(group: Sequence[_Job]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in group:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, jobs in by_loop.items():
        # A loop that is closed has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve_all, jobs)
