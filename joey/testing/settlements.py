"""Claims paid by the rulebook, for tests of books and explorers: events as a chain would emit them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from joey.core.protocol.claims import Claim, ProofRequirement, ProofStatus
from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.events import ChainEvent, ClaimSettled, SupplyChanged
from joey.core.protocol.params import NetworkParams
from joey.core.protocol.settlement import DueClaim, ProofVerdict, SettlementTerms, compute_settlements
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.session import RevenueShare, SessionHeader

__all__ = ["make_header", "make_root", "make_supply_changed", "settle_session"]

_STAKE = Upokt(10**12)
_PROOFS = {
    ProofVerdict.NOT_REQUIRED: (ProofRequirement.NOT_REQUIRED, ProofStatus.PENDING),
    ProofVerdict.VALIDATED: (ProofRequirement.THRESHOLD, ProofStatus.VALIDATED),
    ProofVerdict.MISSING: (ProofRequirement.THRESHOLD, ProofStatus.PENDING),
    ProofVerdict.INVALID: (ProofRequirement.PROBABILISTIC, ProofStatus.INVALID),
}


def make_header(
    application: str, service_id: str, *, number: int = 1, blocks_per_session: int = 4
) -> SessionHeader:
    """Return the header of the session with a number, on the grid that begins at height 1."""
    height_start = 1 + (number - 1) * blocks_per_session
    return SessionHeader(
        application_address=application,
        service_id=service_id,
        session_id=sha256(f"{application} {service_id} {number}".encode()).hexdigest(),
        height_start=Height(height_start),
        height_end=Height(height_start + blocks_per_session - 1),
    )


def make_root(compute_units: ComputeUnits, relays: int) -> bytes:
    """Return the 48-byte root of a trie of equally heavy relays; its digest is made up."""
    total = compute_units * relays
    digest = sha256(f"{compute_units} {relays}".encode()).digest()
    return digest + total.to_bytes(8, "big") + relays.to_bytes(8, "big")


def settle_session(
    header: SessionHeader,
    relays: Mapping[str, int],
    *,
    compute_units: ComputeUnits,
    params: NetworkParams,
    application_stake: Upokt = _STAKE,
    verdicts: Mapping[str, ProofVerdict] | None = None,
    target: bytes = BASE_TARGET,
    owner_percentage: int = 80,
) -> tuple[ChainEvent, ...]:
    """Return the events of one session's settlement.

    `relays`: supplier operator address -> mined relays of its claim. Each supplier's owner is
    `OPERATOR-owner`, listed first with `owner_percentage`, the operator having the rest. `verdicts`
    name the claims that needed a proof; the service's owner is `service-owner`.
    """
    outcomes = compute_settlements(
        [
            DueClaim(
                claim=Claim(supplier, header, make_root(compute_units, count), status),
                requirement=requirement,
                supplier_owner_address=f"{supplier}-owner",
                supplier_stake=params.supplier.min_stake,
                revenue_shares=(
                    RevenueShare(f"{supplier}-owner", owner_percentage),
                    RevenueShare(supplier, 100 - owner_percentage),
                ),
            )
            for supplier, count in relays.items()
            for requirement, status in (_PROOFS[(verdicts or {}).get(supplier, ProofVerdict.NOT_REQUIRED)],)
        ],
        SettlementTerms(
            application_stake_start=application_stake,
            application_stake=application_stake,
            spend_limit_per_session=None,
            service_owner_address="service-owner",
            target=target,
            shared_start=params.shared,
            shared_end=params.shared,
            tokenomics=params.tokenomics,
            proof_missing_penalty=params.proof.proof_missing_penalty,
        ),
    )
    events: list[ChainEvent] = []
    for outcome in outcomes:
        if outcome.overserviced is not None:
            events.append(outcome.overserviced)
        events += [*outcome.fallbacks, outcome.event]
    return tuple(events)


def make_supply_changed(
    height: Height, events: tuple[ChainEvent, ...], supply_before: Upokt
) -> SupplyChanged:
    """Return what a block with these settlements, and no slash, does to the supply."""
    paid = [event for event in events if isinstance(event, ClaimSettled)]
    minted = sum(event.minted + event.inflation for event in paid)
    burned = sum(event.settled for event in paid)
    return SupplyChanged(height, Upokt(minted), Upokt(burned), Upokt(supply_before + minted - burned))
