"""Which sets of parameters a chain takes: the network's own rules, module by module.

Each function returns what is wrong, or `None`. The network refuses a set with the code of its module:
see `joey.core.protocol.governance`.

Two departures keep a set from halting the chain or paying where nobody looks: lengths and offsets are
bounded, so that every height that comes of them is an int64 (the network takes any uint64 and wraps
around), and addresses are in lower case, as the chain writes them (the network reads either).
Source: ValidateBasic in poktroll x/*/types/params.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from joey.core.protocol.checks import is_chain_address
from joey.core.protocol.params import (
    ApplicationParams,
    GatewayParams,
    ProofParams,
    ServiceParams,
    SessionParams,
    SharedParams,
    SupplierParams,
    TokenomicsParams,
)
from joey.core.protocol.params_codec import ModuleParams

__all__ = ["BLOCKS_MAX", "OVERSERVICING_BONUS_MULTIPLIER_MAX", "find_fault", "find_grace_fault"]

OVERSERVICING_BONUS_MULTIPLIER_MAX = 1000
BLOCKS_MAX = 2**31
"""The most that a length or an offset may be, in blocks or in sessions."""


_BOUNDED = (
    "num_blocks_per_session",
    "grace_period_end_offset_blocks",
    "claim_window_open_offset_blocks",
    "claim_window_close_offset_blocks",
    "proof_window_open_offset_blocks",
    "proof_window_close_offset_blocks",
    "supplier_unbonding_period_sessions",
    "application_unbonding_period_sessions",
    "gateway_unbonding_period_sessions",
)


def find_fault(params: ModuleParams) -> str | None:
    """Return what is wrong with a module's parameters, taken by themselves.

    One rule of the shared parameters stands apart: see `find_grace_fault`.
    """
    return _RULES[type(params)](params)


def find_grace_fault(params: SharedParams) -> str | None:
    """Tell when the grace period is as long as a session or longer.

    The network refuses that at any time and never begins with it. Our short sessions do begin with it;
    on a chain that has it already, a change need not take it back.
    """
    if params.grace_period_end_offset_blocks >= params.num_blocks_per_session:
        return (
            f"GracePeriodEndOffsetBlocks ({params.grace_period_end_offset_blocks}) must be less than"
            f" NumBlocksPerSession ({params.num_blocks_per_session})"
        )
    return None


def _find_shared_fault(params: SharedParams) -> str | None:
    for name in (
        "num_blocks_per_session",
        "supplier_unbonding_period_sessions",
        "application_unbonding_period_sessions",
        "gateway_unbonding_period_sessions",
        "compute_units_to_tokens_multiplier",
        "compute_unit_cost_granularity",
    ):
        if getattr(params, name) < 1:
            return f"{name} must be at least 1"
    for name in _BOUNDED:
        if getattr(params, name) > BLOCKS_MAX:
            return f"{name} must be at most {BLOCKS_MAX}"
    if params.claim_window_open_offset_blocks < params.grace_period_end_offset_blocks:
        return (
            f"ClaimWindowOpenOffsetBlocks ({params.claim_window_open_offset_blocks}) must be at least"
            f" GracePeriodEndOffsetBlocks ({params.grace_period_end_offset_blocks})"
        )
    settled_after = (
        params.claim_window_open_offset_blocks
        + params.claim_window_close_offset_blocks
        + params.proof_window_open_offset_blocks
        + params.proof_window_close_offset_blocks
    )
    if settled_after < 1:
        return "the four window offsets must sum to at least 1"
    for whose in ("supplier", "application"):
        period = getattr(params, f"{whose}_unbonding_period_sessions")
        if period * params.num_blocks_per_session < settled_after:
            return (
                f"{whose}_unbonding_period_sessions ({period}) must last for the {settled_after} blocks"
                " until a session is settled"
            )
    return None


def _find_session_fault(params: SessionParams) -> str | None:
    return None if params.num_suppliers_per_session >= 1 else "num_suppliers_per_session must be at least 1"


def _find_proof_fault(params: ProofParams) -> str | None:
    if not 0 <= params.proof_request_probability <= 1:
        return f"proof_request_probability must be 0 to 1, not {params.proof_request_probability}"
    return None


def _find_tokenomics_fault(params: TokenomicsParams) -> str | None:
    if not is_chain_address(params.dao_reward_address):
        return f"invalid dao reward address {params.dao_reward_address!r}"
    if params.global_inflation_per_claim < 0:
        return "global_inflation_per_claim must be at least 0"
    if not 0 < params.mint_ratio <= 1:
        return f"mint_ratio must be in range (0, 1], not {params.mint_ratio}"
    if params.overservicing_bonus_multiplier > OVERSERVICING_BONUS_MULTIPLIER_MAX:
        return f"overservicing_bonus_multiplier must be at most {OVERSERVICING_BONUS_MULTIPLIER_MAX}"
    if params.mint_ratio * params.mint_equals_burn_claim_distribution.supplier >= 1:
        return "mint_ratio x the supplier's share must be below 1: an application could pay itself"
    return None


def _find_service_fault(params: ServiceParams) -> str | None:
    if params.add_service_fee < 1:
        return "add_service_fee must be at least 1 upokt"
    return None if params.target_num_relays >= 1 else "target_num_relays must be at least 1"


def _find_application_fault(params: ApplicationParams) -> str | None:
    if params.max_delegated_gateways < 1:
        return "max_delegated_gateways must be at least 1"
    return None if params.min_stake >= 1 else "min_stake must be positive"


def _find_supplier_fault(params: SupplierParams) -> str | None:
    return None if params.min_stake >= 1 else "min_stake must be positive"


def _find_gateway_fault(params: GatewayParams) -> str | None:
    return None if params.min_stake >= 1 else "min_stake must be positive"


_RULES: dict[type, Callable[[Any], str | None]] = {
    SharedParams: _find_shared_fault,
    SessionParams: _find_session_fault,
    ProofParams: _find_proof_fault,
    TokenomicsParams: _find_tokenomics_fault,
    ServiceParams: _find_service_fault,
    ApplicationParams: _find_application_fault,
    SupplierParams: _find_supplier_fault,
    GatewayParams: _find_gateway_fault,
}
