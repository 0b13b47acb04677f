"""ISO weeks: `2026-W47` begins on Monday 2026-11-16 at 00:00 UTC and ends where the next begins."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

__all__ = ["compute_week", "compute_week_end", "compute_week_start"]

_PATTERN = re.compile(r"([0-9]{4})-W([0-9]{2})")


def compute_week(time: datetime) -> str:
    """Return the week an instant lies in. The year is that of the week's Thursday, as ISO 8601 has it.

    Raises `ValueError` for a time without a zone.
    """
    if time.tzinfo is None:
        raise ValueError("a week needs a time with a zone")
    year, week, _ = time.astimezone(UTC).isocalendar()
    return f"{year:04d}-W{week:02d}"


def compute_week_start(week: str) -> datetime:
    """Return the first instant of a week, in UTC. Raises `ValueError` when there is no such week."""
    match = _PATTERN.fullmatch(week)
    if match is None:
        raise ValueError(f"{week!r} is not a week such as 2026-W47")
    try:
        monday = datetime.fromisocalendar(int(match[1]), int(match[2]), 1)
    except ValueError:
        raise ValueError(f"{week!r} is not a week of its year") from None
    return monday.replace(tzinfo=UTC)


def compute_week_end(week: str) -> datetime:
    """Return the first instant after a week, in UTC. Raises `ValueError` when there is no such week."""
    return compute_week_start(week) + timedelta(weeks=1)
