"""What happened on the chain, as entries of the journal.

Entries follow from the event, the block it is in and the terms of its session, and from nothing
else: booking a block twice gives the same entries with the same ids.

- A paid claim is a `settlement` in upokt (burn from the application's stake, mint to its
  recipients, the global mint and its reimbursement) and, where a price was agreed, a `sale` in
  femto-dollars linked to it: sales = consumed + over-servicing + rounding, exactly.
- A claim that ended unpaid is an `expiry`, with the slash if there was one, or a `discard`.
- What the chain says of a block's supply is kept, without postings, for the audit.
- The rest books nothing: claims, proofs and changes of parameters or difficulty move no upokt, and
  over-servicing, slashes, batches and validators' parts are told by the claims' ends already.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from fractions import Fraction

from joey.core.errors import LedgerError
from joey.core.ledger.accounts import (
    DAO,
    ROUNDING,
    SUPPLY_BURN,
    SUPPLY_INFLATION,
    SUPPLY_MINT,
    SUPPLY_SLASH,
    VALIDATORS,
    Unit,
    name_application_reward,
    name_application_stake,
    name_consumed,
    name_overservicing,
    name_sales,
    name_service_owner,
    name_supplier_reward,
    name_supplier_stake,
)
from joey.core.ledger.agreements import Terms
from joey.core.ledger.journal import Entry, EntryKind, Memo, make_postings
from joey.core.protocol.events import (
    ApplicationOverserviced,
    ChainEvent,
    ClaimCreated,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    DifficultyUpdated,
    ParamsUpdated,
    ProofChecked,
    ProofSubmitted,
    RevenueShareFellBack,
    Reward,
    SettlementBatch,
    SupplierSlashed,
    SupplyChanged,
    ValidatorsRewarded,
)
from joey.core.units import UPOKT_PER_POKT, ComputeUnits, Height, NanoUsd, Upokt

__all__ = ["PaidClaim", "book_event", "name_settlement", "read_paid_claim"]

_REASON_PREFIXES = ("TLM_RELAY_BURN_EQUALS_MINT_", "TLM_GLOBAL_MINT_")


@dataclass(frozen=True, slots=True)
class PaidClaim:
    """The facts of a paid claim, kept in the memo of its entry; invoices are made from these.

    `relays` and `compute_units` are what the mined relays stand for. `price` and `rate` are the
    agreed nano-dollars a relay and per POKT, both 0 where nothing was agreed. `mint_ratio` is the
    decimal text of the chain's event.
    """

    session_id: str
    supplier_address: str
    service_id: str
    application_address: str
    operator: str
    relays: int
    relays_mined: int
    compute_units: ComputeUnits
    claimed: Upokt
    burned: Upokt
    minted: Upokt
    inflation: Upokt
    reimbursed: Upokt
    overservicing_loss: Upokt
    deflation_loss: Upokt
    mint_ratio: str
    price: NanoUsd
    rate: NanoUsd

    @property
    def residue(self) -> Fraction:
        """What rounding left of this claim, in upokt: agreed less claimed; 0 where nothing was agreed.

        Exactly: relays x agreed price = burned + over-servicing loss + residue.
        """
        if self.rate == 0:
            return Fraction(0)
        return self.agreed - self.claimed

    @property
    def agreed(self) -> Fraction:
        """What the relays were worth at the agreed price, in upokt; the claim where nothing was agreed."""
        if self.rate == 0:
            return Fraction(self.claimed)
        return Fraction(self.relays * self.price * UPOKT_PER_POKT, self.rate)


def name_settlement(session_id: str, supplier_address: str) -> str:
    """Return the id of the entry of a paid claim."""
    return f"settlement:{session_id}:{supplier_address}"


def read_paid_claim(entry: Entry) -> PaidClaim:
    """Return the facts of a `settlement` entry. Raises `ValueError` for an entry of another kind."""
    if entry.kind is not EntryKind.SETTLEMENT:
        raise ValueError(f"entry {entry.id} is a {entry.kind.value}, not a settlement")
    return PaidClaim(**dict(entry.memo))  # type: ignore[arg-type]  # the memo has exactly these fields


def book_event(
    event: ChainEvent, *, height: Height, time: datetime, terms: Terms | None
) -> tuple[Entry, ...]:
    """Return the entries of one event of the block at `height`, committed at `time`.

    `terms` are those of the event's session, needed for a `ClaimSettled` only.
    Raises `LedgerError` for a reward whose reason is unknown, and `UnbalancedEntry` when the event's
    amounts contradict one another.
    """
    match event:
        case ClaimSettled():
            assert terms is not None, "a paid claim is booked under its terms"
            return _book_settlement(event, height, time, terms)
        case ClaimExpired():
            return (_book_expiry(event, height, time),)
        case ClaimDiscarded():
            return (_book_discard(event, height, time),)
        case SupplyChanged():
            return (_book_supply(event, time),)
        case ClaimCreated() | ProofSubmitted() | ProofChecked() | ApplicationOverserviced():
            return ()
        case SupplierSlashed() | RevenueShareFellBack() | SettlementBatch() | ValidatorsRewarded():
            return ()
        case ParamsUpdated() | DifficultyUpdated():
            return ()


def _book_settlement(event: ClaimSettled, height: Height, time: datetime, terms: Terms) -> tuple[Entry, ...]:
    facts = _gather_facts(event, terms)
    stake = name_application_stake(event.header.application_address)
    amounts: list[tuple[str, int]] = [
        (stake, -event.settled),
        (SUPPLY_BURN, event.settled),
        (SUPPLY_MINT, -event.minted),
        (SUPPLY_INFLATION, -event.inflation),
        *((_find_recipient(event, reward), reward.amount) for reward in event.rewards),
        (VALIDATORS, event.validators),
        (stake, -event.reimbursed),
        (DAO, event.reimbursed),
    ]
    settlement = Entry(
        id=name_settlement(event.header.session_id, event.supplier_address),
        kind=EntryKind.SETTLEMENT,
        time=time,
        height=height,
        postings=make_postings(Unit.UPOKT, amounts),
        memo=tuple(sorted((field.name, getattr(facts, field.name)) for field in fields(PaidClaim))),
    )
    if terms.agreement is None:
        return (settlement,)
    return settlement, _book_sale(settlement, facts, terms.agreement.compute_sale(facts.relays))


def _book_sale(settlement: Entry, facts: PaidClaim, sold: int) -> Entry:
    """Return the dollar side of a paid claim; `sold` is femto-dollars at the agreed price."""
    consumed = facts.burned * facts.rate
    lost = facts.overservicing_loss * facts.rate
    amounts = [
        (name_sales(facts.service_id), -sold),
        (name_consumed(facts.service_id), consumed),
        (name_overservicing(facts.service_id), lost),
        (ROUNDING, sold - consumed - lost),
    ]
    return Entry(
        id=f"sale:{facts.session_id}:{facts.supplier_address}",
        kind=EntryKind.SALE,
        time=settlement.time,
        height=settlement.height,
        postings=make_postings(Unit.FEMTO_USD, amounts),
        link=settlement.id,
    )


def _gather_facts(event: ClaimSettled, terms: Terms) -> PaidClaim:
    agreement = terms.agreement
    return PaidClaim(
        session_id=event.header.session_id,
        supplier_address=event.supplier_address,
        service_id=event.header.service_id,
        application_address=event.header.application_address,
        operator=terms.operator,
        relays=event.num_estimated_relays,
        relays_mined=event.num_relays,
        compute_units=event.estimated_compute_units,
        claimed=event.claimed,
        burned=event.settled,
        minted=event.minted,
        inflation=event.inflation,
        reimbursed=event.reimbursed,
        overservicing_loss=event.overservicing_loss,
        deflation_loss=event.deflation_loss,
        mint_ratio=event.mint_ratio,
        price=agreement.price if agreement else NanoUsd(0),
        rate=agreement.rate if agreement else NanoUsd(0),
    )


def _find_recipient(event: ClaimSettled, reward: Reward) -> str:
    """Return the account of a reward, by the network's reason for it.

    Source: pocket.tokenomics.SettlementOpReason.
    """
    role = reward.reason
    for prefix in _REASON_PREFIXES:
        role = role.removeprefix(prefix)
    if role.startswith("SUPPLIER_SHAREHOLDER_"):
        return name_supplier_reward(event.supplier_address, event.supplier_owner_address, reward.recipient)
    if role.startswith("SOURCE_OWNER_"):
        return name_service_owner(reward.recipient)
    if role.startswith("APPLICATION_"):
        return name_application_reward(reward.recipient)
    if role.startswith("DAO_"):
        return DAO
    if role.startswith(("VALIDATOR_", "DELEGATOR_")):
        return VALIDATORS
    raise LedgerError(
        f"the books know no account for a reward of reason {reward.reason}", reason=reward.reason
    )


def _book_expiry(event: ClaimExpired, height: Height, time: datetime) -> Entry:
    amounts = [(name_supplier_stake(event.supplier_address), -event.slashed), (SUPPLY_SLASH, event.slashed)]
    return Entry(
        id=f"expiry:{event.header.session_id}:{event.supplier_address}",
        kind=EntryKind.EXPIRY,
        time=time,
        height=height,
        postings=make_postings(Unit.UPOKT, amounts),
        memo=_describe_claim(event, ("reason", event.reason), ("slashed", event.slashed)),
    )


def _book_discard(event: ClaimDiscarded, height: Height, time: datetime) -> Entry:
    return Entry(
        id=f"discard:{event.header.session_id}:{event.supplier_address}",
        kind=EntryKind.DISCARD,
        time=time,
        height=height,
        memo=_describe_claim(event, ("error", event.error)),
    )


def _describe_claim(event: ClaimExpired | ClaimDiscarded, *more: tuple[str, int | str]) -> Memo:
    header = event.header
    facts: tuple[tuple[str, int | str], ...] = (
        ("session_id", header.session_id),
        ("supplier_address", event.supplier_address),
        ("service_id", header.service_id),
        ("application_address", header.application_address),
        ("claimed", event.claimed),
    )
    return tuple(sorted(facts + more))


def _book_supply(event: SupplyChanged, time: datetime) -> Entry:
    return Entry(
        id=f"supply:{event.height}",
        kind=EntryKind.SUPPLY,
        time=time,
        height=event.height,
        memo=(("burned", event.burned), ("minted", event.minted), ("supply", event.supply)),
    )
