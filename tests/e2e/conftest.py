"""`joey up` as a user runs it: a process of its own, on a free port, stopped by its process id."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

import pytest

START_TIMEOUT_S = 120


def _find_descendants(pid: int) -> set[int]:
    """The processes below `pid`, by /proc."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def _is_alive(pid: int) -> bool:
    """Whether a process runs, zombies not counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Up:
    """A running `joey up`, or another command that runs until it is stopped."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news = threading.Condition()
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(stream,)) for stream in (process.stdout, process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self.lines.append("(end)")
            self._news.notify_all()

    def wait_for_line(
        self, pattern: str, timeout_s: float = START_TIMEOUT_S, count: int = 1
    ) -> re.Match[str]:
        """Return the `count`-th line that matches, as soon as it is printed."""

        def find() -> list[re.Match[str]]:
            return [match for line in self.lines if (match := re.search(pattern, line))]

        with self._news:
            done = self._news.wait_for(
                lambda: len(find()) >= count or self.lines.count("(end)") == 2, timeout_s
            )
            found = find()
        assert done, f"no line {pattern!r} within {timeout_s} s:\n" + "\n".join(self.lines)
        assert len(found) >= count, f"ended without a line {pattern!r}:\n" + "\n".join(self.lines)
        return found[count - 1]

    def find_children(self) -> set[int]:
        """The processes below this one."""
        return _find_descendants(self.process.pid)

    def find_survivors(self, children: set[int], patience_s: float = 10) -> set[int]:
        """Those of `children` that still run after `patience_s`: a killed process takes a moment to end."""
        survivors = set()
        for pid in children:
            try:
                handle = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            with os.fdopen(handle, "rb"):
                if not select.select([handle], [], [], patience_s)[0]:
                    survivors.add(pid)
        return survivors

    @property
    def base_url(self) -> str:
        return self.wait_for_line(r"^  URL +(\S+)")[1]

    @property
    def api_key(self) -> str:
        return self.wait_for_line(r"^  API key +(\S+)")[1]

    def stop(self, number: int = signal.SIGINT, timeout_s: float = 30) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(timeout_s)
        for reader in self._readers:
            reader.join(timeout_s)
        return status


def _run_up(
    *arguments: str, environment: dict[str, str] | None = None, cwd: Path | None = None
) -> AbstractContextManager[Up]:
    return _start_joey("up", "--listen", "127.0.0.1:0", *arguments, environment=environment, cwd=cwd)


@contextmanager
def _start_joey(
    *arguments: str, environment: dict[str, str] | None = None, cwd: Path | None = None
) -> Iterator[Up]:
    """Start a command that runs until it is stopped; whatever happens, nothing of it is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "joey", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )
    up = Up(process)
    try:
        yield up
    finally:
        below = _find_descendants(process.pid)
        up.stop(signal.SIGKILL)
        for pid in below:
            if _is_alive(pid):
                os.kill(pid, signal.SIGKILL)


def _run_joey(
    *arguments: str, timeout_s: float = 120, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "joey", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="session")
def run_up() -> Callable[..., AbstractContextManager[Up]]:
    return _run_up


@pytest.fixture(scope="session")
def start_joey() -> Callable[..., AbstractContextManager[Up]]:
    return _start_joey


@pytest.fixture(scope="session")
def run_joey() -> Callable[..., subprocess.CompletedProcess[str]]:
    return _run_joey


@pytest.fixture(scope="session")
def shared_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One network for all tests that only ask."""
    with _run_up("--data", str(tmp_path_factory.mktemp("shared"))) as up:
        assert up.base_url
        yield up
