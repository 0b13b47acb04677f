"""Time and its passing, replayable. Deadlines inside a process use the event loop's clock instead."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """Where roles get the time from."""

    def now(self) -> datetime:
        """Return this instant, aware, in UTC."""
        ...
