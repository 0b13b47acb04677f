from datetime import UTC, datetime, timedelta, timezone

import pytest

from joey.core.ledger.weeks import compute_week, compute_week_end, compute_week_start


def test_week_of_an_instant() -> None:
    assert compute_week(datetime(2026, 11, 22, 12, tzinfo=UTC)) == "2026-W47"


def test_week_begins_on_monday_at_midnight_utc() -> None:
    start = datetime(2026, 11, 16, tzinfo=UTC)
    assert compute_week_start("2026-W47") == start
    assert compute_week(start) == "2026-W47"
    assert compute_week(start - timedelta(microseconds=1)) == "2026-W46"
    assert compute_week_end("2026-W47") == compute_week_start("2026-W48") == start + timedelta(days=7)


def test_zone_is_taken_into_account() -> None:
    east = timezone(timedelta(hours=5))
    assert compute_week(datetime(2026, 11, 16, 2, tzinfo=east)) == "2026-W46"


@pytest.mark.parametrize(
    ("time", "week"),
    [
        (datetime(2027, 1, 3, tzinfo=UTC), "2026-W53"),
        (datetime(2027, 1, 4, tzinfo=UTC), "2027-W01"),
        (datetime(2024, 12, 30, tzinfo=UTC), "2025-W01"),
    ],
)
def test_year_is_that_of_the_thursday(time: datetime, week: str) -> None:
    assert compute_week(time) == week
    assert compute_week_start(week) <= time < compute_week_end(week)


@pytest.mark.parametrize("text", ["2026-47", "2026-W7", "2026-W00", "2025-W53", "W47", "2026-W477", ""])
def test_what_is_no_week(text: str) -> None:
    with pytest.raises(ValueError, match="is not a week"):
        compute_week_start(text)


def test_time_without_a_zone_has_no_week() -> None:
    with pytest.raises(ValueError, match="zone"):
        compute_week(datetime(2026, 11, 16))  # noqa: DTZ001 - what is tested
