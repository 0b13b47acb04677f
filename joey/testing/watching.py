"""A watch over a chain that no upokt comes or goes unsaid."""

from __future__ import annotations

from collections.abc import Sequence

from joey.core.crypto.keys import compute_module_address
from joey.core.protocol.bank import APPLICATION_POOL, GATEWAY_POOL, SUPPLIER_POOL, VALIDATOR_POOL
from joey.core.protocol.events import (
    ChainEvent,
    ClaimExpired,
    ClaimSettled,
    SettlementBatch,
    SupplierSlashed,
    SupplyChanged,
    ValidatorsRewarded,
)
from joey.core.units import Upokt
from joey.testing.pure_chain import PureChain

__all__ = ["SupplyWatch"]

_TOKENOMICS = compute_module_address("tokenomics")


class SupplyWatch:
    """Follows a chain; every method raises `AssertionError` for upokt that cannot be accounted for."""

    def __init__(self, chain: PureChain) -> None:
        self.chain = chain
        self.supply = chain.sum_balances()

    def see(self, events: Sequence[ChainEvent]) -> None:
        """Hold what a block said to what it did."""
        changes = [event for event in events if isinstance(event, SupplyChanged)]
        for event in changes:
            self.supply = Upokt(self.supply + event.minted - event.burned)
            assert event.supply == self.supply
        settled = [event for event in events if isinstance(event, ClaimSettled)]
        slashed = sum(event.slashed for event in events if isinstance(event, ClaimExpired))
        minted = sum(one.minted + one.inflation for one in settled)
        burned = sum(one.settled for one in settled)
        assert sum(event.burned for event in changes) == burned + slashed
        assert sum(event.minted for event in changes) == minted
        assert sum(event.penalty for event in events if isinstance(event, SupplierSlashed)) == slashed
        assert _sum_batches(events, "mint") == minted
        assert _sum_batches(events, "burn") == burned
        paid = minted + sum(one.reimbursed for one in settled)
        assert _sum_batches(events, "mod_to_acct") == paid
        validators = sum(event.amount for event in events if isinstance(event, ValidatorsRewarded))
        assert validators == sum(one.validators for one in settled)
        self.check()

    def check(self) -> None:
        """Hold the accounts to the supply and the stakes."""
        state = self.chain.state
        balances = {address: account.balance for address, account in state.accounts.items()}
        totals = state.totals.get("")
        assert totals is not None
        assert sum(balances.values()) == totals.supply == self.supply
        assert min(balances.values()) >= 0
        assert len(balances) == totals.accounts
        stakes_of = {
            APPLICATION_POOL: sum(one.stake for _, one in state.applications.items()),
            GATEWAY_POOL: sum(one.stake for _, one in state.gateways.items()),
            VALIDATOR_POOL: sum(one.stake for _, one in state.validators.items()),
            # What passes through here does not stay.
            _TOKENOMICS: 0,
        }
        for pool, stake in stakes_of.items():
            assert balances.get(pool, 0) == stake
        # The suppliers' pool holds their fees beside their stakes.
        assert balances.get(SUPPLIER_POOL, 0) >= sum(one.stake for _, one in state.suppliers.items())


def _sum_batches(events: Sequence[ChainEvent], operation: str) -> int:
    batches = [event for event in events if isinstance(event, SettlementBatch)]
    return sum(batch.amount for batch in batches if batch.operation == operation)
