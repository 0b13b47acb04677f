"""Gas: what a transaction uses, what it may use, and what that costs.

Exact are the parts that the network charges by rule: every byte of a transaction and every signature,
at main-net's prices, and the surcharge of an unordered one. What a message uses depends on the
network's storage engine; here every kind of message has a flat price of our own choosing, of the
magnitude that the network shows. So an estimate made here holds here, and one made there holds there.
Source: cosmos-sdk x/auth/ante/{basic,sigverify}.go; poktroll
tools/scripts/params/bulk_params_main/auth_params.json.
"""

from __future__ import annotations

from fractions import Fraction

from joey.core.protocol.checks import refuse
from joey.core.units import Upokt
from joey.core.wire.messages import (
    AddService,
    CreateClaim,
    DelegateToGateway,
    Message,
    Send,
    StakeApplication,
    StakeGateway,
    StakeSupplier,
    SubmitProof,
    TransferApplication,
    TransferService,
    UndelegateFromGateway,
    UnstakeApplication,
    UnstakeGateway,
    UnstakeSupplier,
    UpdateGatewayMetadata,
    UpdateParam,
    UpdateParams,
)

__all__ = [
    "GAS_LIMIT_MAX",
    "MESSAGE_GAS",
    "OUT_OF_GAS",
    "SIGNATURE_GAS",
    "SIMULATED_SIGNATURE_BYTES",
    "SIZE_GAS_PER_BYTE",
    "UNORDERED_GAS",
    "GasMeter",
    "compute_fee_min",
]

SIZE_GAS_PER_BYTE = 1
SIGNATURE_GAS = 1
UNORDERED_GAS = 2240
"""Source: cosmos-sdk x/auth/ante/sigverify.go, DefaultUnorderedTxGasCost."""
SIMULATED_SIGNATURE_BYTES = 112
"""What a simulation reckons for a signature that is left empty: 106 bytes of amino and 6 to spare.

Source: cosmos-sdk x/auth/ante/basic.go, ConsumeTxSizeGasDecorator.
"""
GAS_LIMIT_MAX = 2**63 - 1
"""Source: cosmos-sdk x/auth/tx/builder.go, MaxGasWanted."""
OUT_OF_GAS = ("sdk", 11)
"""Codespace and code of a transaction that needs more gas than it named."""

MESSAGE_GAS: dict[type[Message], int] = {
    Send: 40_000,
    AddService: 60_000,
    TransferService: 40_000,
    StakeApplication: 60_000,
    UnstakeApplication: 40_000,
    DelegateToGateway: 45_000,
    UndelegateFromGateway: 45_000,
    TransferApplication: 45_000,
    StakeGateway: 50_000,
    UnstakeGateway: 40_000,
    UpdateGatewayMetadata: 40_000,
    StakeSupplier: 80_000,
    UnstakeSupplier: 50_000,
    CreateClaim: 60_000,
    SubmitProof: 90_000,
    UpdateParams: 40_000,
    UpdateParam: 40_000,
}
"""What each kind of message uses: our own figures, see above."""


class GasMeter:
    """Counts gas up to a limit. `limit` `None`: it only counts.

    A limit of zero is without limit too: a chain that asks for no fee takes transactions that name
    neither, see `joey.core.protocol.ante`.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit or None
        self.used = 0

    def use(self, gas: int, what: str) -> None:
        """Count gas. Raises `TransactionRejected` once there is more than the limit."""
        self.used += gas
        if self.limit is not None and self.used > self.limit:
            codespace, code = OUT_OF_GAS
            text = (
                f"out of gas in location: {what}; gasWanted: {self.limit}, gasUsed: {self.used}: out of gas"
            )
            raise refuse(codespace, code, text)


def compute_fee_min(gas_limit: int, gas_price: Fraction) -> Upokt:
    """Return the least fee for a gas limit at a price in upokt per unit of gas, rounded up.

    Source: cosmos-sdk x/auth/ante/validator_tx_fee.go.
    """
    exact = gas_limit * gas_price
    return Upokt(-(-exact.numerator // exact.denominator))
