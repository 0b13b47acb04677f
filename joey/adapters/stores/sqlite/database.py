"""One SQLite file with one writer thread that commits in groups, and reads beside it.

A write returns only when its group is committed with `synchronous = FULL`: it then survives a
power cut. Whatever is queued while a commit runs goes into the next one, so a hundred writers share
one `fsync`.
"""

from __future__ import annotations

import asyncio
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

__all__ = ["Database"]

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]
Migration = Callable[[sqlite3.Connection], None]


@dataclass(slots=True)
class _Job:
    """One work, and the future of whoever waits for it, on that waiter's loop."""

    work: Work
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
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


class Database:
    """A SQLite file, or a private one in memory when `path` is `None`.

    `migrations` are applied once each, in order; how many were is kept in `user_version`.
    Raises `ConfigError` when the file cannot be opened, is no database or is newer than this code.
    """

    def __init__(self, path: Path | None, migrations: Sequence[Migration]) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._queue: queue.Queue[_Job | None] = queue.Queue(_QUEUE_MAX)
        self._connection = self._open(migrations)
        self._thread = threading.Thread(target=self._write_groups, name=f"sqlite {path}", daemon=True)
        self._thread.start()

    def _open(self, migrations: Sequence[Migration]) -> sqlite3.Connection:
        name = ":memory:" if self._path is None else str(self._path)
        try:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(name, check_same_thread=False, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(migrations):
                connection.close()
                raise ConfigError(
                    f"{name} was written by a newer version of Joey: update, or use another folder"
                )
            for number, migrate in enumerate(migrations[version:], version + 1):
                connection.execute("BEGIN IMMEDIATE")
                migrate(connection)
                connection.execute(f"PRAGMA user_version = {number}")
                connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(f"cannot use {name} as a database: {error}; name another folder") from None
        return connection

    def _write_groups(self) -> None:
        while True:
            item = self._queue.get()
            if item is None:
                return
            group = [item]
            while len(group) < _GROUP_MAX:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    self._commit(group)
                    return
                group.append(more)
            self._commit(group)

    def _commit(self, group: list[_Job]) -> None:
        """Run a group in one transaction; one work that fails is undone alone."""
        with self._lock:
            # Nearly always all goes well, and a savepoint around each work costs as much as the work.
            if not self._try_group(group, with_savepoints=False):
                self._try_group(group, with_savepoints=True)
        by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in group:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, jobs in by_loop.items():
            # A loop that is closed has nobody left who waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_resolve_all, jobs)

    def _try_group(self, group: list[_Job], *, with_savepoints: bool) -> bool:
        """Run and commit a group; without savepoints, undo all of it when one work fails."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in group:
                if with_savepoints:
                    self._run_alone(job)
                else:
                    job.result = job.work(self._connection)
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for the work
            # Nothing of the group is on disk, whether or not there is anything left to undo.
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            for job in group:
                job.error = error
            return False
        return True

    def _run_alone(self, job: _Job) -> None:
        job.error = None
        self._connection.execute("SAVEPOINT work")
        try:
            job.result = job.work(self._connection)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for the work
            self._connection.execute("ROLLBACK TO work")
            job.error = error
        self._connection.execute("RELEASE work")

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the writer thread; return its result once it is on disk.

        What `work` raises is raised here and undoes that work alone; it may be run twice for that.
        Cancelling the wait does not cancel the work. A full queue raises `Busy` at once.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        try:
            self._queue.put_nowait(_Job(work, future, loop))
        except queue.Full:
            raise Busy(f"{_QUEUE_MAX} writes are waiting for {self._path}; the disk is too slow") from None
        return await future

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, which only reads, in a thread, against what is committed."""

        def locked() -> T:
            with self._lock:
                return work(self._connection)

        return await anyio.to_thread.run_sync(locked)

    def close(self) -> None:
        """Commit what is queued and close the file. May be called twice."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
            self._connection.close()
