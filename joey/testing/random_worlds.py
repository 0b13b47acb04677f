"""Random claims, parameters and stakes for the settlement of a block, from one seed.

Sampled where rounding and caps bite: amounts of a few upokt and of many POKT, stakes that are used
up, shares that leave odd remainders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from random import Random

from joey.core.protocol.claims import Claim, ProofRequirement, ProofStatus
from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams, Shares
from joey.core.protocol.settlement import DueClaim, SettlementTerms
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.session import RevenueShare, SessionHeader
from joey.testing.settlements import make_root

__all__ = ["draw_group", "draw_params"]

_DENOMINATOR = 10**6


def draw_params(chance: Random) -> NetworkParams:
    """Return parameters that a network could have."""
    params = chance.choice([MAINNET, MINIMAL])
    if chance.random() < 0.5:
        return params
    shared = replace(
        params.shared,
        num_blocks_per_session=chance.choice([1, 4, 10, 20, 60]),
        compute_units_to_tokens_multiplier=chance.choice([1, 42, 145_990, 1_000_000, 7_654_321]),
        proof_window_close_offset_blocks=chance.randint(1, 40),
    )
    tokenomics = replace(
        params.tokenomics,
        mint_equals_burn_claim_distribution=_draw_shares(chance),
        mint_allocation_percentages=_draw_shares(chance),
        mint_ratio=Fraction(chance.choice([1, 333_333, 975_000, 999_999, 1_000_000]), _DENOMINATOR),
        global_inflation_per_claim=Fraction(chance.choice([0, 0, 1, 1_000, 100_000, 999_999]), _DENOMINATOR),
        overservicing_bonus_multiplier=chance.choice([0, 1, 2, 3, 50]),
    )
    penalty = Upokt(chance.choice([0, 1, 320, 10**9]))
    proof = replace(params.proof, proof_missing_penalty=penalty)
    return replace(params, shared=shared, tokenomics=tokenomics, proof=proof)


def draw_group(
    chance: Random, params: NetworkParams, claims: int
) -> tuple[Sequence[DueClaim], SettlementTerms]:
    """Return so many claims of one application and session, and the terms they are settled by."""
    units = ComputeUnits(chance.choice([1, 7, 2600, 3000, 2**21]))
    stake = chance.choice([0, 10**3, 10**6, 10**9, 10**12, 10**15]) + chance.randrange(1000)
    target = int.from_bytes(BASE_TARGET, "big") // chance.choice([1, 1, 1, 4, 1000, 123_457])
    terms = SettlementTerms(
        application_stake_start=Upokt(stake),
        application_stake=Upokt(chance.choice([stake, stake, stake // 2])),
        spend_limit_per_session=chance.choice([None, None, Upokt(chance.randrange(10**9))]),
        service_owner_address="source owner",
        target=target.to_bytes(32, "big"),
        shared_start=params.shared,
        shared_end=params.shared,
        tokenomics=params.tokenomics,
        proof_missing_penalty=params.proof.proof_missing_penalty,
    )
    return [_draw_due(chance, number, units) for number in range(claims)], terms


def _draw_due(chance: Random, number: int, units: ComputeUnits) -> DueClaim:
    header = SessionHeader("application", "service", "session", Height(1), Height(4))
    relays = chance.choice([1, 2, chance.randint(1, 100), chance.randint(1, 10**6)])
    status = chance.choice([ProofStatus.VALIDATED, *ProofStatus])
    claim = Claim(f"supplier {number}", header, make_root(units, relays), status)
    is_gone = chance.random() < 0.02
    return DueClaim(
        claim,
        chance.choice(list(ProofRequirement)),
        "" if is_gone else f"owner {number}",
        Upokt(chance.choice([0, 1, 10**6, 10**12])),
        None if is_gone else _draw_revenue_shares(chance),
    )


def _draw_revenue_shares(chance: Random) -> tuple[RevenueShare, ...] | None:
    if chance.random() < 0.05:
        return chance.choice([None, ()])
    count = chance.randint(1, 4)
    percentages = [chance.randint(1, 100 // count) for _ in range(count - 1)]
    percentages.append(100 - sum(percentages))
    if chance.random() < 0.1:
        percentages[0] += 1
    names = [f"share {chance.randrange(40)}" for _ in range(count)]
    return tuple(map(RevenueShare, names, percentages))


def _draw_shares(chance: Random) -> Shares:
    cuts = sorted(chance.randint(0, _DENOMINATOR) for _ in range(4))
    edges = pairwise([0, *cuts, _DENOMINATOR])
    parts = [Fraction(after - before, _DENOMINATOR) for before, after in edges]
    chance.shuffle(parts)
    dao, proposer, supplier, source_owner, application = parts
    return Shares(dao, proposer, supplier, source_owner, application)
