from datetime import UTC, datetime

import pytest

from joey.adapters.rates.fixed import FixedRate
from joey.core.errors import ConfigError
from joey.core.units import NanoUsd
from joey.ports.rates import Quote

NOW = datetime(2026, 11, 18, tzinfo=UTC)


class StoppedClock:
    def now(self) -> datetime:
        return NOW


@pytest.mark.anyio
async def test_quotes_what_it_was_given() -> None:
    assert await FixedRate(NanoUsd(250_000_000), StoppedClock()).quote() == Quote(250_000_000, "fixed", NOW)


def test_refuses_a_rate_that_is_not_positive() -> None:
    with pytest.raises(ConfigError, match="more than 0"):
        FixedRate(NanoUsd(0), StoppedClock())
