"""Upokt on accounts: moved, minted, burned; and the accounts that the chain's modules hold.

Stakes lie on module accounts, as on the network: the `stake` of an application, gateway, supplier or
validator is its part of a pool. So the supply is the sum of all balances, always.
"""

from __future__ import annotations

from dataclasses import replace

from joey.core.crypto.keys import compute_module_address
from joey.core.errors import TransactionRejected
from joey.core.protocol.state import Account, State, Totals
from joey.core.units import Upokt

__all__ = [
    "APPLICATION_POOL",
    "FEE_COLLECTOR",
    "GATEWAY_POOL",
    "PROOF_FEES",
    "SERVICE_FEES",
    "SUPPLIER_POOL",
    "VALIDATOR_POOL",
    "burn",
    "mint",
    "read_totals",
    "transfer",
]

APPLICATION_POOL = compute_module_address("application")
GATEWAY_POOL = compute_module_address("gateway")
SUPPLIER_POOL = compute_module_address("supplier")
"""Holds the stakes and, as on the network, the staking fees of suppliers."""
VALIDATOR_POOL = compute_module_address("bonded_tokens_pool")
SERVICE_FEES = compute_module_address("service")
"""Holds the fees paid for adding services."""
PROOF_FEES = compute_module_address("proof")
"""Holds the fees paid for submitting proofs."""
FEE_COLLECTOR = compute_module_address("fee_collector")
"""Holds the fees of transactions. Nothing here passes them on."""


def read_totals(state: State) -> Totals:
    """Return the supply and the number of accounts."""
    return state.totals.get("") or Totals(Upokt(0), 0)


def transfer(state: State, sender: str, recipient: str, amount: Upokt) -> None:
    """Move upokt. Raises `TransactionRejected` when the sender has less."""
    if amount == 0:
        return
    _subtract(state, sender, amount)
    _add(state, recipient, amount)


def mint(state: State, recipient: str, amount: Upokt) -> None:
    """Create upokt, at least one."""
    _add(state, recipient, amount)
    totals = read_totals(state)
    state.totals.put("", replace(totals, supply=Upokt(totals.supply + amount)))


def burn(state: State, holder: str, amount: Upokt) -> None:
    """Destroy upokt. Raises `TransactionRejected` when the holder has less."""
    if amount == 0:
        return
    _subtract(state, holder, amount)
    totals = read_totals(state)
    state.totals.put("", replace(totals, supply=Upokt(totals.supply - amount)))


def _add(state: State, address: str, amount: Upokt) -> None:
    assert amount > 0, "amounts are moved one way, by positive numbers"
    account = state.accounts.get(address)
    if account is None:
        totals = read_totals(state)
        account = Account(number=totals.accounts)
        state.totals.put("", replace(totals, accounts=totals.accounts + 1))
    state.accounts.put(address, replace(account, balance=Upokt(account.balance + amount)))


def _subtract(state: State, address: str, amount: Upokt) -> None:
    assert amount > 0, "amounts are moved one way, by positive numbers"
    account = state.accounts.get(address)
    balance = 0 if account is None else account.balance
    if account is None or balance < amount:
        raise TransactionRejected(
            f"{address} has {balance} upokt, {amount} are needed", codespace="sdk", tx_code=5
        )
    state.accounts.put(address, replace(account, balance=Upokt(account.balance - amount)))
