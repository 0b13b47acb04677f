from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from joey.adapters.stores.sqlite.ledger import SqliteLedger
from joey.core.errors import MissingFixing
from joey.core.ledger.invoices import Fixing
from joey.core.units import NanoUsd
from joey.economy.fixings import fix_week, require_fixing
from joey.ports.rates import Quote

NOW = datetime(2026, 11, 16, 0, 0, 5, tzinfo=UTC)

pytestmark = pytest.mark.anyio


@dataclass
class MovingRate:
    """A rate that is another one at every call."""

    price: int
    calls: int = 0

    async def quote(self) -> Quote:
        self.calls += 1
        self.price += 1
        return Quote(NanoUsd(self.price), "market", NOW)


async def test_week_is_fixed_once(ledger: SqliteLedger) -> None:
    source = MovingRate(249_999_999)
    first = await fix_week("2026-W47", source=source, invoices=ledger)
    assert first == Fixing("2026-W47", NanoUsd(250_000_000), "market", NOW)
    assert await fix_week("2026-W47", source=source, invoices=ledger) == first
    assert source.calls == 1
    assert (await fix_week("2026-W48", source=source, invoices=ledger)).price == 250_000_001
    assert await require_fixing("2026-W47", invoices=ledger) == first


async def test_of_two_that_race_the_first_kept_stands(ledger: SqliteLedger) -> None:
    class RacedRate(MovingRate):
        async def quote(self) -> Quote:
            await ledger.save_fixing(Fixing("2026-W47", NanoUsd(7), "rival", NOW))
            return await super().quote()

    fixing = await fix_week("2026-W47", source=RacedRate(1), invoices=ledger)
    assert (fixing.price, fixing.source) == (7, "rival")


async def test_quote_of_nothing_is_no_fixing(ledger: SqliteLedger) -> None:
    with pytest.raises(MissingFixing, match=r"quotes 0\.00 dollars"):
        await fix_week("2026-W47", source=MovingRate(-1), invoices=ledger)
    assert await ledger.fixing("2026-W47") is None


async def test_missing_fixing_names_the_week(ledger: SqliteLedger) -> None:
    with pytest.raises(MissingFixing, match="2026-W47") as caught:
        await require_fixing("2026-W47", invoices=ledger)
    assert caught.value.fields == {"week": "2026-W47"}
