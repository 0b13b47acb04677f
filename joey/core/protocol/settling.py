"""The settlement of a block: which claims are due, what moves, and what the chain says of it.

The arithmetic is in `joey.core.protocol.settlement`; here its results are applied to accounts and
stakes, in the network's order: every claim is settled first, then validators get their part, then the
sums move, then suppliers without their proof are slashed.
Source: poktroll x/tokenomics/keeper/settle_pending_claims.go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from joey.core.crypto.keys import compute_module_address
from joey.core.protocol.applications import begin_unbonding
from joey.core.protocol.bank import burn, mint, read_totals, transfer
from joey.core.protocol.block import BlockContext
from joey.core.protocol.claims import Claim, ProofRequirement, compute_claimed
from joey.core.protocol.distribution import GLOBAL_MINTING, RELAY_MINTING, split_by_stake
from joey.core.protocol.events import (
    ChainEvent,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    SettlementBatch,
    SupplierSlashed,
    SupplyChanged,
    ValidatorsRewarded,
)
from joey.core.protocol.movements import TOKENOMICS_MODULE, Movement, Operation, sum_movements
from joey.core.protocol.queries import difficulty_target_at, live_params, params_at, supplier_config_at
from joey.core.protocol.settlement import DueClaim, Settlement, SettlementTerms, compute_settlements
from joey.core.protocol.state import State, claim_key
from joey.core.protocol.suppliers import slash_supplier
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import Height, Upokt
from joey.core.wire.session import Application

__all__ = ["Judge", "ask_no_proof", "settle_claims"]

Judge = Callable[[Claim], ProofRequirement]
"""Tells of a due claim whether it needed a proof."""


def ask_no_proof(_claim: Claim) -> ProofRequirement:
    """Judge as a chain that asks for no proofs."""
    return ProofRequirement.NOT_REQUIRED


def settle_claims(state: State, block: BlockContext, judge: Judge = ask_no_proof) -> list[ChainEvent]:
    """Settle and remove every claim that is due with this block; say so as the network does.

    First comes each claim's end, session by session, after what the network says of it on the way;
    then what validators get, the sums that moved, and the slashes. The block's minted and burned
    upokt close the list, when there were any.
    """
    groups = _collect_due(state, block.height)
    results = _Settler(state, block, judge).settle(groups)
    events: list[ChainEvent] = []
    for result in results:
        if result.overserviced is not None:
            events.append(result.overserviced)
        events += [*result.fallbacks, result.event]
    events += _move(state, results)
    events += _slash(state, results, block)
    minted, burned = _sum_supply_moved(results)
    if minted or burned:
        supply = read_totals(state).supply
        events.append(SupplyChanged(block.height, minted, burned, supply))
    return events


class _Settler:
    """The claims of one block: stakes are what they were before it, less what it took already."""

    def __init__(self, state: State, block: BlockContext, judge: Judge) -> None:
        self._state = state
        self._block = block
        self._judge = judge
        self._live = live_params(state)
        self._stakes: dict[str, Upokt] = {}
        self._slashed: defaultdict[str, int] = defaultdict(int)

    def settle(self, groups: Sequence[Sequence[Claim]]) -> list[Settlement]:
        """Settle groups of claims, each of one application and session, and forget them."""
        for group in groups:
            application = self._state.applications.get(group[0].header.application_address)
            if application is not None:
                self._stakes[application.address] = application.stake
        results: list[Settlement] = []
        for group in groups:
            results += self._settle_group(group)
            for claim in group:
                self._state.claims.remove(claim_key(claim.header.session_id, claim.supplier_address))
        return results

    def _settle_group(self, group: Sequence[Claim]) -> tuple[Settlement, ...]:
        """Settle one application's claims of one session: its stake moves at once."""
        state, header = self._state, group[0].header
        application = state.applications.get(header.application_address)
        shared_start = params_at(state, header.height_start).shared
        target = difficulty_target_at(state, header.service_id, header.height_start)
        if application is None:
            error = f"there is no application {header.application_address}"
            return tuple(
                Settlement(
                    ClaimDiscarded(
                        claim.header,
                        claim.supplier_address,
                        compute_claimed(claim.root, target, shared_start),
                        error,
                        claim.proof_status,
                    )
                )
                for claim in group
            )
        service = state.services.get(header.service_id)
        assert service is not None, "a service that was staked for is never removed"
        terms = SettlementTerms(
            application_stake_start=self._stakes[application.address],
            application_stake=application.stake,
            spend_limit_per_session=application.spend_limit_per_session,
            service_owner_address=service.owner_address,
            target=target,
            shared_start=shared_start,
            shared_end=params_at(state, header.height_end).shared,
            tokenomics=self._live.tokenomics,
            proof_missing_penalty=self._live.proof.proof_missing_penalty,
        )
        results = compute_settlements([self._make_due(claim) for claim in group], terms)
        self._debit(application, results)
        for result in results:
            if isinstance(result.event, ClaimExpired):
                self._slashed[result.event.supplier_address] += result.event.slashed
        return results

    def _make_due(self, claim: Claim) -> DueClaim:
        requirement = self._judge(claim)
        supplier = self._state.suppliers.get(claim.supplier_address)
        if supplier is None:
            return DueClaim(claim, requirement, "", Upokt(0), None)
        config = supplier_config_at(supplier, claim.header.service_id, self._block.height)
        shares = None if config is None else config.revenue_shares
        stake = Upokt(supplier.stake - self._slashed[supplier.operator_address])
        return DueClaim(claim, requirement, supplier.owner_address, stake, shares)

    def _debit(self, application: Application, results: Sequence[Settlement]) -> None:
        """Take from an application's stake what its claims cost; below the least stake it leaves."""
        settled = [result.event for result in results if isinstance(result.event, ClaimSettled)]
        cost = sum(event.settled + event.reimbursed for event in settled)
        if cost == 0:
            return
        debited = replace(application, stake=Upokt(application.stake - cost))
        if debited.stake < self._live.application.min_stake:
            debited = begin_unbonding(self._state, debited, self._block)
        self._state.applications.put(debited.address, debited)


def _collect_due(state: State, height: Height) -> list[list[Claim]]:
    """Return the claims that are due, one list per application and session, by session and supplier.

    Sessions that ended under the newest shared parameters come first, as the network looks them up.
    """
    settlement_heights: dict[Height, Height] = {}
    groups: defaultdict[tuple[str, str], list[Claim]] = defaultdict(list)
    for _, claim in state.claims.items():
        end = claim.header.height_end
        if end not in settlement_heights:
            settlement_heights[end] = compute_settlement_height(end, params_at(state, end).shared)
        if settlement_heights[end] <= height:
            groups[claim.header.session_id, claim.header.application_address].append(claim)
    return sorted(groups.values(), key=lambda group: -group[0].header.height_end)


def _move(state: State, results: Sequence[Settlement]) -> list[ChainEvent]:
    """Carry out what the claims of a block move, in sums, and say so."""
    ends = [result.event.header.height_end for result in results if isinstance(result.event, ClaimSettled)]
    if not ends:
        return []
    events: list[ChainEvent] = []
    movements = [movement for result in results for movement in result.movements]
    for rewarded in _reward_validators(state, results, ends[0]):
        events.append(rewarded)
        movements.append(
            Movement(
                Operation.TO_ACCOUNT,
                TOKENOMICS_MODULE,
                rewarded.validator_address,
                rewarded.reason,
                rewarded.amount,
            )
        )
    for batch in sum_movements(movements, ends[0]):
        _carry_out(state, batch)
        events.append(batch)
    return events


def _reward_validators(
    state: State, results: Sequence[Settlement], height_session_end: Height
) -> Iterator[ValidatorsRewarded]:
    """Split what is the validators' by stake: the sum of a block by reason, not claim by claim."""
    pools: dict[str, int] = {}
    for result in results:
        for reason, amount in result.validator_pools:
            pools[reason] = pools.get(reason, 0) + amount
    stakes = {address: validator.stake for address, validator in state.validators.items()}
    for minting in (RELAY_MINTING, GLOBAL_MINTING):
        pool = Upokt(pools.get(minting.validators, 0))
        for address, part in split_by_stake(pool, list(stakes.items())):
            yield ValidatorsRewarded(height_session_end, minting.validators, address, part, stakes[address])


def _carry_out(state: State, batch: SettlementBatch) -> None:
    sender = compute_module_address(batch.sender)
    match Operation(batch.operation):
        case Operation.MINT:
            mint(state, sender, batch.amount)
        case Operation.TO_MODULE:
            transfer(state, sender, compute_module_address(batch.recipient), batch.amount)
        case Operation.TO_ACCOUNT:
            transfer(state, sender, batch.recipient, batch.amount)
        case Operation.BURN:
            burn(state, sender, batch.amount)


def _slash(state: State, results: Sequence[Settlement], block: BlockContext) -> list[ChainEvent]:
    """Take from suppliers what their missing and invalid proofs cost them, claim by claim."""
    events: list[ChainEvent] = []
    for result in results:
        event = result.event
        if not isinstance(event, ClaimExpired):
            continue
        slash_supplier(state, event.supplier_address, event.slashed, block)
        supplier = state.suppliers.get(event.supplier_address)
        assert supplier is not None, "a slashed supplier is still staked"
        events.append(
            SupplierSlashed(
                event.header, event.supplier_address, event.slashed, supplier.stake, event.proof_status
            )
        )
    return events


def _sum_supply_moved(results: Sequence[Settlement]) -> tuple[Upokt, Upokt]:
    """Return what the claims minted and burned, slashes included."""
    settled = [result.event for result in results if isinstance(result.event, ClaimSettled)]
    slashed = sum(result.event.slashed for result in results if isinstance(result.event, ClaimExpired))
    minted = sum(event.minted + event.inflation for event in settled)
    return Upokt(minted), Upokt(sum(event.settled for event in settled) + slashed)
