"""Pinned child processes, and what they spent: the other half of every measurement.

A child is a function of a script here, run as `python SCRIPT --child NAME ARGUMENT`. It says it is
ready, and whatever else it has to say, in lines of JSON on its standard output; it ends when its
standard input does.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Child", "pin", "say", "spread", "compute_quantile"]

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Child:
    """A child process on one core (`None`: on any)."""

    def __init__(self, script: str, name: str, argument: object = None, *, core: int | None = None) -> None:
        command = [sys.executable, script, "--child", name, json.dumps(argument), json.dumps(core)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def hear(self) -> Any:
        """Return the next thing the child says."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a child ended with status {self._process.wait()}")
        return json.loads(line)

    def tell(self, value: object) -> None:
        """Send a line of JSON to the child's standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(value)}\n")
        self._process.stdin.flush()

    def cpu_s(self, *, loop_only: bool = False) -> float:
        """Return the processor time so far, user and system: of all threads, or of the first one."""
        tasks = Path(f"/proc/{self._process.pid}/task")
        chosen = [tasks / str(self._process.pid)] if loop_only else list(tasks.iterdir())
        try:
            # Nanoseconds on a core, by the scheduler: `stat` counts whole ticks of 10 ms.
            return sum(int((task / "schedstat").read_text().split()[0]) for task in chosen) / 1e9
        except OSError:
            fields = [(task / "stat").read_text().rpartition(")")[2].split() for task in chosen]
            return sum(int(field[11]) + int(field[12]) for field in fields) / _TICKS_PER_S

    def rss_mib(self) -> float:
        """Return its resident memory."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def pin(core: int | None) -> None:
    """Keep this process on one core."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def say(value: object) -> None:
    """Say something to the parent."""
    print(json.dumps(value), flush=True)


def spread(values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """Return median, least and greatest of repeated measurements."""
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }


def compute_quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
