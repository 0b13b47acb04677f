"""The settlement of a block: which claims are due, what moves, what becomes of difficulty.

The arithmetic is in `joey.core.protocol.settlement`; here its results are applied to accounts and
stakes. In this version no claim needs a proof: a proof phase passes its own `judge` to
`settle_claims` and changes nothing else here.
Source: x/tokenomics/keeper/settle_pending_claims.go, x/service/keeper/update_relay_mining_difficulty.go.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from joey.core.protocol.applications import begin_unbonding
from joey.core.protocol.bank import APPLICATION_POOL, burn, mint, read_totals, transfer
from joey.core.protocol.block import BlockContext
from joey.core.protocol.checks import compute_next_session_start
from joey.core.protocol.claims import Claim, compute_claimed
from joey.core.protocol.difficulty import BASE_TARGET, compute_new_target
from joey.core.protocol.events import (
    ChainEvent,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    SupplyChanged,
)
from joey.core.protocol.queries import difficulty_target_at, params_at, supplier_config_at
from joey.core.protocol.settlement import (
    DueClaim,
    ProofVerdict,
    Settlement,
    SettlementTerms,
    compute_settlements,
    split_by_stake,
)
from joey.core.protocol.state import Difficulty, DifficultyHistory, State, claim_key
from joey.core.protocol.suppliers import slash_supplier
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import Height, Upokt
from joey.core.wire.session import Application

__all__ = ["ask_no_proof", "settle_claims", "update_difficulties"]


Judge = Callable[[Claim], ProofVerdict]


def ask_no_proof(_claim: Claim) -> ProofVerdict:
    """Give the verdict of a chain that asks for no proofs."""
    return ProofVerdict.NOT_REQUIRED


def settle_claims(state: State, block: BlockContext, judge: Judge = ask_no_proof) -> list[ChainEvent]:
    """Settle and remove every claim that is due with this block; say so, session by session.

    `judge` tells of a due claim whether it needed a proof and got it. The block's minted and burned
    upokt close the list, when there were any.
    """
    groups = _collect_due(state, block.height)
    stakes = {
        address: application.stake
        for address in dict.fromkeys(group[0].header.application_address for group in groups)
        if (application := state.applications.get(address)) is not None
    }
    supply_before = read_totals(state).supply
    book = _Book()
    burned = 0
    events: list[ChainEvent] = []
    for group in groups:
        for result in _settle_group(state, group, stakes, block, judge):
            if result.overserviced is not None:
                events.append(result.overserviced)
            events.append(result.event)
            book.add(result)
            if isinstance(result.event, ClaimSettled):
                burned += result.event.settled
            elif isinstance(result.event, ClaimExpired):
                burned += result.event.slashed
        for claim in group:
            state.claims.remove(claim_key(claim.header.session_id, claim.supplier_address))
    book.apply(state, block)
    supply = read_totals(state).supply
    minted = supply - supply_before + burned
    if minted or burned:
        events.append(SupplyChanged(block.height, Upokt(minted), Upokt(burned), supply))
    return events


def update_difficulties(state: State, events: Sequence[ChainEvent], block: BlockContext) -> None:
    """Move the targets of the services whose claims this block settled, from the next session on.

    The average is exact here; the network computes it with big floats and may differ by one.
    """
    relays: Counter[str] = Counter()
    for event in events:
        if isinstance(event, ClaimSettled):
            relays[event.header.service_id] += event.num_relays
    params = params_at(state, block.height)
    next_start = compute_next_session_start(block.height, params.shared)
    for service_id, num_relays in sorted(relays.items()):
        history = state.difficulties.get(service_id)
        changes = () if history is None else history.changes
        average = (num_relays + 9 * changes[-1].num_relays_ema) // 10 if changes else num_relays
        target = compute_new_target(BASE_TARGET, params.service.target_num_relays, average)
        latest = Difficulty(next_start, target, average)
        if changes and changes[-1].height == next_start:
            changes = changes[:-1]
        elif changes and changes[-1].target == target:
            # Only the average moved: the target holds from when it did.
            latest = replace(latest, height=changes[-1].height)
            changes = changes[:-1]
        state.difficulties.put(service_id, DifficultyHistory((*changes, latest)))


class _Book:
    """What the claims of a block move, summed by account: one row is then written once."""

    def __init__(self) -> None:
        self._rewards: defaultdict[str, int] = defaultdict(int)
        self._pools: defaultdict[str, int] = defaultdict(int)
        self._settled = 0
        self._reimbursed = 0

    def add(self, result: Settlement) -> None:
        """Note one claim's outcome."""
        event = result.event
        if isinstance(event, ClaimSettled):
            self._settled += event.settled
            self._reimbursed += event.reimbursed
            for reward in event.rewards:
                self._rewards[reward.recipient] += reward.amount
            for reason, amount in result.validator_pools:
                self._pools[reason] += amount

    def apply(self, state: State, block: BlockContext) -> None:
        """Move it all. Validators share the sum of a block by reason, not claim by claim."""
        dao = params_at(state, block.height).tokenomics.dao_reward_address
        validators = [(address, validator.stake) for address, validator in state.validators.items()]
        for _, amount in sorted(self._pools.items()):
            for address, part in split_by_stake(Upokt(amount), validators):
                self._rewards[address] += part
        for recipient, amount in sorted(self._rewards.items()):
            mint(state, recipient, Upokt(amount))
        transfer(state, APPLICATION_POOL, dao, Upokt(self._reimbursed))
        burn(state, APPLICATION_POOL, Upokt(self._settled))


def _collect_due(state: State, height: Height) -> list[list[Claim]]:
    """Return the claims that are due, one list per application and session, by session and supplier."""
    settlement_heights: dict[Height, Height] = {}
    groups: defaultdict[tuple[str, str], list[Claim]] = defaultdict(list)
    for _, claim in state.claims.items():
        end = claim.header.height_end
        if end not in settlement_heights:
            settlement_heights[end] = compute_settlement_height(end, params_at(state, end).shared)
        if settlement_heights[end] <= height:
            groups[claim.header.session_id, claim.header.application_address].append(claim)
    return list(groups.values())


def _settle_group(
    state: State, group: Sequence[Claim], stakes: Mapping[str, Upokt], block: BlockContext, judge: Judge
) -> tuple[Settlement, ...]:
    """Settle one application's claims of one session: its stake and its suppliers' move at once."""
    header = group[0].header
    application = state.applications.get(header.application_address)
    start, end = params_at(state, header.height_start), params_at(state, header.height_end)
    target = difficulty_target_at(state, header.service_id, header.height_start)
    if application is None:
        return tuple(
            Settlement(
                ClaimDiscarded(
                    claim.header,
                    claim.supplier_address,
                    compute_claimed(claim.root, target, start.shared),
                    f"there is no application {header.application_address}",
                )
            )
            for claim in group
        )
    service = state.services.get(header.service_id)
    assert service is not None, "a service that was staked for is never removed"
    live = params_at(state, block.height)
    terms = SettlementTerms(
        application_stake_start=stakes[application.address],
        application_stake=application.stake,
        spend_limit_per_session=application.spend_limit_per_session,
        service_owner_address=service.owner_address,
        target=target,
        shared_start=start.shared,
        shared_end=end.shared,
        tokenomics=live.tokenomics,
        proof_missing_penalty=live.proof.proof_missing_penalty,
    )
    due = [_make_due(state, claim, judge(claim), block.height) for claim in group]
    results = compute_settlements(due, terms)
    _debit(state, application, results, block)
    for result in results:
        if isinstance(result.event, ClaimExpired) and result.event.slashed > 0:
            slash_supplier(state, result.event.supplier_address, result.event.slashed, block)
    return results


def _make_due(state: State, claim: Claim, verdict: ProofVerdict, height: Height) -> DueClaim:
    supplier = state.suppliers.get(claim.supplier_address)
    if supplier is None:
        return DueClaim(claim, verdict, "", Upokt(0), None)
    config = supplier_config_at(supplier, claim.header.service_id, height)
    shares = None if config is None else config.revenue_shares
    return DueClaim(claim, verdict, supplier.owner_address, supplier.stake, shares)


def _debit(
    state: State, application: Application, results: Sequence[Settlement], block: BlockContext
) -> None:
    """Take from an application's stake what its claims cost; below the least stake it leaves."""
    settled = [result.event for result in results if isinstance(result.event, ClaimSettled)]
    cost = sum(event.settled + event.reimbursed for event in settled)
    if cost == 0:
        return
    debited = replace(application, stake=Upokt(application.stake - cost))
    if debited.stake < params_at(state, block.height).application.min_stake:
        debited = begin_unbonding(state, debited, block)
    state.applications.put(debited.address, debited)
