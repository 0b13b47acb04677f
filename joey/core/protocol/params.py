"""Network parameters, as the network names them, and the two sets we start chains with.

Every field has the name and, in its comment, the number of its proto field. Amounts are upokt.
What the network stores as `double` is a `Fraction` made from the shortest decimal text of that
double, which is how the network itself computes with it: 0.975 is 39/40.

Which height's parameters apply: windows and the divisor of budgets take those at a session's end
height; prices those at its start height; proof and tokenomics parameters those at the executing
block.

What a network has and we have no name for is kept as it came: `unknown` of every class are the bytes
of such fields, and they are written back with the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from joey.core.units import Upokt

__all__ = [
    "NetworkParams",
    "SharedParams",
    "SessionParams",
    "ProofParams",
    "TokenomicsParams",
    "Shares",
    "ServiceParams",
    "ApplicationParams",
    "SupplierParams",
    "GatewayParams",
    "MINIMAL",
    "MAINNET",
    "PRESETS",
    "format_decimal",
    "read_decimal",
]


def read_decimal(text: str) -> Fraction:
    """Return the exact value of a decimal text such as `"0.975"` or of a double's `repr`.

    Raises `ValueError` for anything but a plain decimal.
    """
    if "/" in text:
        raise ValueError(f"{text!r} is not a decimal")
    return Fraction(text)


def format_decimal(value: Fraction) -> str:
    """Return the shortest decimal text of a value that has one: `39/40` is `0.975`, one is `1`.

    Raises `ValueError` when the value has no finite decimal expansion.
    """
    scale, denominator = 0, value.denominator
    while 10**scale % denominator:
        scale += 1
        if scale > denominator.bit_length():
            raise ValueError(f"{value} is not a finite decimal")
    digits = str(abs(value.numerator) * (10**scale // denominator)).rjust(scale + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + digits[: len(digits) - scale] + ("." + digits[len(digits) - scale :] if scale else "")


@dataclass(frozen=True, slots=True)
class SharedParams:
    """Source: pocket.shared.Params. Offsets are blocks, periods sessions."""

    num_blocks_per_session: int  # 1
    grace_period_end_offset_blocks: int  # 2
    claim_window_open_offset_blocks: int  # 3
    claim_window_close_offset_blocks: int  # 4
    proof_window_open_offset_blocks: int  # 5
    proof_window_close_offset_blocks: int  # 6
    supplier_unbonding_period_sessions: int  # 7
    application_unbonding_period_sessions: int  # 8
    gateway_unbonding_period_sessions: int  # 10
    compute_units_to_tokens_multiplier: int  # 9: price of a compute unit in 1/granularity upokt
    compute_unit_cost_granularity: int  # 11
    session_grid_anchor_height: int = 0  # 12: 0 means that the grid begins at height 1
    session_number_at_anchor: int = 0  # 13
    unknown: bytes = b""


@dataclass(frozen=True, slots=True)
class SessionParams:
    """Source: pocket.session.Params."""

    num_suppliers_per_session: int  # 3
    unknown: bytes = b""


@dataclass(frozen=True, slots=True)
class ProofParams:
    """Source: pocket.proof.Params. A claim of at least the threshold always needs a proof."""

    proof_request_probability: Fraction  # 2
    proof_requirement_threshold: Upokt  # 3
    proof_missing_penalty: Upokt  # 4
    proof_submission_fee: Upokt  # 5
    unknown: bytes = b""


@dataclass(frozen=True, slots=True)
class Shares:
    """How an amount is split; the five sum to 1.

    Source: pocket.tokenomics.MintAllocationPercentages and MintEqualsBurnClaimDistribution.
    """

    dao: Fraction  # 1
    proposer: Fraction  # 2: shared among all bonded validators
    supplier: Fraction  # 3
    source_owner: Fraction  # 4
    application: Fraction  # 5
    unknown: bytes = b""

    def __post_init__(self) -> None:
        shares = (self.dao, self.proposer, self.supplier, self.source_owner, self.application)
        if sum(shares) != 1 or min(shares) < 0:
            texts = ", ".join(map(str, shares))
            raise ValueError(f"shares must be at least 0 and sum to 1, these are {texts}")


@dataclass(frozen=True, slots=True)
class TokenomicsParams:
    """Source: pocket.tokenomics.Params."""

    mint_allocation_percentages: Shares  # 1: of the global mint
    dao_reward_address: str  # 6
    global_inflation_per_claim: Fraction  # 7
    mint_equals_burn_claim_distribution: Shares  # 8: of what a claim mints
    mint_ratio: Fraction  # 9: minted for each upokt burned
    overservicing_bonus_multiplier: int  # 10: 0 and 1 mean that no unused budget is passed on
    unknown: bytes = b""


@dataclass(frozen=True, slots=True)
class ServiceParams:
    """Source: pocket.service.Params."""

    add_service_fee: Upokt  # 1
    target_num_relays: int  # 2: mined relays per block of settlement that difficulty aims at
    unknown: bytes = b""


@dataclass(frozen=True, slots=True)
class ApplicationParams:
    """Source: pocket.application.Params."""

    max_delegated_gateways: int  # 1
    min_stake: Upokt  # 2
    unknown: bytes = b""


@dataclass(frozen=True, slots=True)
class SupplierParams:
    """Source: pocket.supplier.Params."""

    min_stake: Upokt  # 1
    staking_fee: Upokt  # 2: charged to the signer
    unknown: bytes = b""


@dataclass(frozen=True, slots=True)
class GatewayParams:
    """Source: pocket.gateway.Params."""

    min_stake: Upokt  # 1
    unknown: bytes = b""


@dataclass(frozen=True, slots=True)
class NetworkParams:
    """The parameters of all modules in force at one height."""

    shared: SharedParams
    session: SessionParams
    proof: ProofParams
    tokenomics: TokenomicsParams
    service: ServiceParams
    application: ApplicationParams
    supplier: SupplierParams
    gateway: GatewayParams


def _shares(dao: str, proposer: str, supplier: str, source_owner: str, application: str) -> Shares:
    return Shares(
        dao=read_decimal(dao),
        proposer=read_decimal(proposer),
        supplier=read_decimal(supplier),
        source_owner=read_decimal(source_owner),
        application=read_decimal(application),
    )


_DAO_ADDRESS = "pokt1dr5jtqaaz4wk8wevl33e7vkxsjlphljnjhyq2l"

MAINNET = NetworkParams(
    shared=SharedParams(
        num_blocks_per_session=20,
        grace_period_end_offset_blocks=10,
        claim_window_open_offset_blocks=11,
        claim_window_close_offset_blocks=10,
        proof_window_open_offset_blocks=1,
        proof_window_close_offset_blocks=10,
        supplier_unbonding_period_sessions=1429,
        application_unbonding_period_sessions=3,
        gateway_unbonding_period_sessions=3,
        compute_units_to_tokens_multiplier=145_990,
        compute_unit_cost_granularity=1_000_000,
    ),
    session=SessionParams(num_suppliers_per_session=50),
    proof=ProofParams(
        proof_request_probability=read_decimal("0.01"),
        proof_requirement_threshold=Upokt(100),
        proof_missing_penalty=Upokt(1),
        proof_submission_fee=Upokt(1),
    ),
    tokenomics=TokenomicsParams(
        mint_allocation_percentages=_shares("0.1", "0", "0.8", "0.1", "0"),
        dao_reward_address=_DAO_ADDRESS,
        global_inflation_per_claim=read_decimal("0.000001"),
        mint_equals_burn_claim_distribution=_shares("0.045", "0.14", "0.79", "0.025", "0"),
        mint_ratio=read_decimal("0.975"),
        overservicing_bonus_multiplier=1,
    ),
    service=ServiceParams(add_service_fee=Upokt(3_500_000_000), target_num_relays=100_000),
    application=ApplicationParams(max_delegated_gateways=7, min_stake=Upokt(1_000_000_000)),
    supplier=SupplierParams(min_stake=Upokt(59_500_000_000), staking_fee=Upokt(1)),
    gateway=GatewayParams(min_stake=Upokt(5_000_000_000)),
)
"""Main-net as of 2026-08-17. Source: poktroll, tools/scripts/params/bulk_params_main."""

MINIMAL = NetworkParams(
    shared=SharedParams(
        num_blocks_per_session=4,
        grace_period_end_offset_blocks=8,
        claim_window_open_offset_blocks=9,
        claim_window_close_offset_blocks=2,
        proof_window_open_offset_blocks=0,
        proof_window_close_offset_blocks=1,
        supplier_unbonding_period_sessions=4,
        application_unbonding_period_sessions=4,
        gateway_unbonding_period_sessions=4,
        compute_units_to_tokens_multiplier=1_000_000,
        compute_unit_cost_granularity=1_000_000,
    ),
    session=SessionParams(num_suppliers_per_session=5),
    proof=ProofParams(
        proof_request_probability=read_decimal("0.25"),
        proof_requirement_threshold=Upokt(20_000_000),
        proof_missing_penalty=Upokt(1_000_000),
        proof_submission_fee=Upokt(0),
    ),
    tokenomics=TokenomicsParams(
        mint_allocation_percentages=_shares("0.1", "0.05", "0.7", "0.15", "0"),
        dao_reward_address=_DAO_ADDRESS,
        global_inflation_per_claim=read_decimal("0"),
        mint_equals_burn_claim_distribution=_shares("0.045", "0.14", "0.79", "0.025", "0"),
        mint_ratio=read_decimal("1"),
        overservicing_bonus_multiplier=1,
    ),
    service=ServiceParams(add_service_fee=Upokt(1_000_000), target_num_relays=100_000),
    application=ApplicationParams(max_delegated_gateways=7, min_stake=Upokt(1_000_000)),
    supplier=SupplierParams(min_stake=Upokt(1_000_000), staking_fee=Upokt(1)),
    gateway=GatewayParams(min_stake=Upokt(100)),
)
"""Sessions of four blocks for the embedded chain: one compute unit costs one upokt, what is burned is
minted, and nothing is inflated. The grace period lets an answer that takes several short sessions
still be paid.
"""

PRESETS = {"minimal": MINIMAL, "mainnet": MAINNET}
"""The sets by the name that the configuration uses."""
