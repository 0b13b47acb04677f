"""The chart of accounts: every place an amount can be, and the units it is counted in.

An account is a name of parts joined by colons. A posting adds its amount to the account, so a
balance is the sum of postings: what is held is positive, where it came from negative, and each
entry sums to zero in each unit.

In upokt (the network's side):

- `stake:application:ADDRESS`, `stake:supplier:ADDRESS`: stakes, by their changes since the books began
- `supplier:OPERATOR:operator | owner | share:ADDRESS`: what a supplier earned, and who was paid it
- `owner:ADDRESS`: owners of services; `application:ADDRESS`: rewards paid to applications
- `dao`, `validators`: the treasury, and all validators with their delegators
- `supply:burn`, `supply:mint`, `supply:inflation`, `supply:slash`: where POKT goes to and comes from;
  together they are minus the change of the supply
- `restore:OPERATOR`: POKT that left stakes and was invoiced, until the operator restores it
- `conversion`: the POKT side of what was invoiced

In femto-dollars (the customers' side):

- `sales:SERVICE`: what settled relays are worth at the agreed price (negative: income)
- `consumed:SERVICE`: of it, what was burned; `overservicing:SERVICE`: of it, what the network did not
  pay; `rounding`: of it, what whole compute units and whole upokt and nano-dollars leave
- `receivable:OPERATOR`: what a portal operator was invoiced
- `conversion`: the dollar side of what was invoiced
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "CONVERSION",
    "DAO",
    "FEMTO_USD_PER_NANO_USD",
    "ROUNDING",
    "SUPPLY_BURN",
    "SUPPLY_INFLATION",
    "SUPPLY_MINT",
    "SUPPLY_SLASH",
    "Unit",
    "VALIDATORS",
    "name_application_reward",
    "name_application_stake",
    "name_consumed",
    "name_overservicing",
    "name_receivable",
    "name_restore",
    "name_sales",
    "name_service_owner",
    "name_supplier_reward",
    "name_supplier_stake",
]


class Unit(StrEnum):
    """What an amount counts.

    A femto-dollar is 10^-15 dollars: upokt (10^-6 POKT) times a rate in nano-dollars (10^-9) per POKT
    is a whole number of them, so the books never round between the two.
    """

    UPOKT = "upokt"
    FEMTO_USD = "femto-usd"


FEMTO_USD_PER_NANO_USD = 10**6

SUPPLY_BURN = "supply:burn"
SUPPLY_MINT = "supply:mint"
SUPPLY_INFLATION = "supply:inflation"
SUPPLY_SLASH = "supply:slash"
DAO = "dao"
VALIDATORS = "validators"
CONVERSION = "conversion"
ROUNDING = "rounding"


def name_application_stake(address: str) -> str:
    """Return the account of an application's stake."""
    return f"stake:application:{address}"


def name_supplier_stake(operator_address: str) -> str:
    """Return the account of a supplier's stake."""
    return f"stake:supplier:{operator_address}"


def name_supplier_reward(operator_address: str, owner_address: str, recipient: str) -> str:
    """Return the account of what a supplier's work paid to its operator, its owner or a shareholder."""
    if recipient == operator_address:
        return f"supplier:{operator_address}:operator"
    if recipient == owner_address:
        return f"supplier:{operator_address}:owner"
    return f"supplier:{operator_address}:share:{recipient}"


def name_service_owner(address: str) -> str:
    """Return the account of what the owner of services was paid."""
    return f"owner:{address}"


def name_application_reward(address: str) -> str:
    """Return the account of what an application was paid, where the network shares with them."""
    return f"application:{address}"


def name_receivable(operator: str) -> str:
    """Return the account of what a portal operator was invoiced, in dollars."""
    return f"receivable:{operator}"


def name_restore(operator: str) -> str:
    """Return the account of the POKT a portal operator was invoiced for."""
    return f"restore:{operator}"


def name_sales(service_id: str) -> str:
    """Return the account of what a service's settled relays are worth at the agreed price."""
    return f"sales:{service_id}"


def name_consumed(service_id: str) -> str:
    """Return the account of what was burned for a service, in dollars at the agreed rate."""
    return f"consumed:{service_id}"


def name_overservicing(service_id: str) -> str:
    """Return the account of what a service did beyond budgets, in dollars at the agreed rate."""
    return f"overservicing:{service_id}"
