"""What a settlement moves between modules and accounts, and how the network sums it up.

Each claim queues its movements; a block carries out the sums, one per operation, modules or account,
and reason: mints first, then transfers between modules, then to accounts, then burns. Within an
operation the order is that of a text of modules, recipient and the reason's number, as the network
sorts it.
Source: poktroll x/tokenomics/keeper/{settle_pending_claims,settle_pending_claims_aggregation}.go;
the numbers are those of pocket.tokenomics.SettlementOpReason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from joey.core.protocol.events import SettlementBatch
from joey.core.units import Height, Upokt

__all__ = [
    "APPLICATION_MODULE",
    "GLOBAL_MINT",
    "REIMBURSEMENT",
    "RELAY_MINT",
    "SUPPLIER_MODULE",
    "TOKENOMICS_MODULE",
    "Movement",
    "Operation",
    "sum_movements",
]

APPLICATION_MODULE = "application"
SUPPLIER_MODULE = "supplier"
TOKENOMICS_MODULE = "tokenomics"

RELAY_MINT = "TLM_RELAY_BURN_EQUALS_MINT_"
"""What the names of all reasons begin with that have to do with a claim's own burn and mint."""
GLOBAL_MINT = "TLM_GLOBAL_MINT_"
"""The same for inflation and its reimbursement."""
REIMBURSEMENT = f"{GLOBAL_MINT}REIMBURSEMENT_REQUEST_ESCROW_DAO_TRANSFER"
"""The reason of what the DAO gets of the application's stake, to reimburse it off the chain."""

_REASON_NUMBERS = {
    f"{RELAY_MINT}APPLICATION_STAKE_BURN": 2,
    f"{RELAY_MINT}SUPPLIER_SHAREHOLDER_REWARD_DISTRIBUTION": 4,
    f"{RELAY_MINT}DAO_REWARD_DISTRIBUTION": 15,
    f"{RELAY_MINT}SOURCE_OWNER_REWARD_DISTRIBUTION": 17,
    f"{RELAY_MINT}APPLICATION_REWARD_DISTRIBUTION": 18,
    f"{RELAY_MINT}TOKENOMICS_CLAIM_DISTRIBUTION_MINT": 19,
    f"{RELAY_MINT}VALIDATOR_REWARD_DISTRIBUTION": 20,
    f"{GLOBAL_MINT}INFLATION": 3,
    f"{GLOBAL_MINT}DAO_REWARD_DISTRIBUTION": 5,
    f"{GLOBAL_MINT}SUPPLIER_SHAREHOLDER_REWARD_DISTRIBUTION": 7,
    f"{GLOBAL_MINT}SOURCE_OWNER_REWARD_DISTRIBUTION": 8,
    f"{GLOBAL_MINT}APPLICATION_REWARD_DISTRIBUTION": 9,
    REIMBURSEMENT: 10,
    f"{GLOBAL_MINT}REIMBURSEMENT_REQUEST_ESCROW_MODULE_TRANSFER": 14,
    f"{GLOBAL_MINT}VALIDATOR_REWARD_DISTRIBUTION": 21,
}


class Operation(Enum):
    """What is done with upokt, in the order in which a block does it."""

    MINT = "mint"
    TO_MODULE = "mod_to_mod"
    TO_ACCOUNT = "mod_to_acct"
    BURN = "burn"


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement for one claim. `sender` is the module; a mint and a burn have no `recipient`."""

    operation: Operation
    sender: str
    recipient: str
    reason: str
    amount: Upokt


def sum_movements(movements: Iterable[Movement], height_session_end: Height) -> list[SettlementBatch]:
    """Return the sums of a block's movements in the order in which they are carried out.

    `height_session_end` is that of the first claim that was paid: the network puts it on all of them.
    """
    sums: defaultdict[tuple[Operation, str, str, str], list[Upokt]] = defaultdict(list)
    for movement in movements:
        key = (movement.operation, movement.sender, movement.recipient, movement.reason)
        sums[key].append(movement.amount)
    places = {operation: place for place, operation in enumerate(Operation)}
    return [
        SettlementBatch(
            height_session_end,
            sender,
            recipient,
            reason,
            Upokt(sum(amounts)),
            num_claims=len(amounts),
            operation=operation.value,
        )
        for (operation, sender, recipient, reason), amounts in sorted(
            sums.items(), key=lambda item: (places[item[0][0]], _write_key(*item[0][1:]))
        )
    ]


def _write_key(sender: str, recipient: str, reason: str) -> str:
    names = [sender, recipient] if recipient else [sender]
    return "|".join([*names, str(_REASON_NUMBERS[reason])])
