"""The books under any settlements: they balance, lose nothing to rounding, and invoice everything once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from joey.adapters.stores.sqlite.ledger import SqliteLedger
from joey.core.errors import ConfigError
from joey.core.ledger.accounts import Unit
from joey.core.ledger.agreements import AgreedPrice, Terms
from joey.core.ledger.checks import compare_entries, sum_mint_burn
from joey.core.ledger.invoice_codec import decode_invoice, encode_invoice
from joey.core.ledger.invoices import Fixing, Invoice, book_invoice, compute_invoice
from joey.core.ledger.journal import Entry, EntryKind, compute_balances, decode_entry, encode_entry
from joey.core.ledger.rules import book_event, read_paid_claim
from joey.core.ledger.weeks import compute_week, compute_week_end, compute_week_start
from joey.core.offers.offer import ServiceOffer
from joey.core.offers.pricing import compute_offer_price
from joey.core.protocol.events import ChainEvent, ClaimSettled
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams, Shares
from joey.core.protocol.settlement import ProofVerdict
from joey.core.units import ComputeUnits, Height, NanoUsd, Upokt
from joey.testing.settlements import make_header, settle_session

START = compute_week_start("2026-W47")
OPERATORS = {"app0": "portal", "app1": "portal", "app2": "rival", "app3": "app3"}


@dataclass(frozen=True)
class Block:
    height: Height
    events: tuple[ChainEvent, ...]
    agreement: AgreedPrice | None

    def book(self) -> list[Entry]:
        entries: list[Entry] = []
        for event in self.events:
            terms = None
            if isinstance(event, ClaimSettled):
                terms = Terms(OPERATORS[event.header.application_address], self.agreement)
            time = START + timedelta(hours=40 * self.height)
            entries += book_event(event, height=self.height, time=time, terms=terms)
        return entries


@st.composite
def any_params(draw: st.DrawFn) -> NetworkParams:
    """Main-net or minimal rules with any ratio, inflation and shares."""
    params = draw(st.sampled_from([MAINNET, MINIMAL]))
    cuts = sorted(draw(st.lists(st.integers(0, 1000), min_size=4, max_size=4)))
    parts = [b - a for a, b in zip([0, *cuts], [*cuts, 1000], strict=True)]
    tokenomics = replace(
        params.tokenomics,
        mint_ratio=Fraction(draw(st.integers(1, 1000)), 1000),
        global_inflation_per_claim=Fraction(draw(st.integers(0, 1000)), 10**4),
        mint_equals_burn_claim_distribution=Shares(*(Fraction(part, 1000) for part in parts)),
        overservicing_bonus_multiplier=draw(st.integers(0, 3)),
    )
    return replace(params, tokenomics=tokenomics)


@st.composite
def any_block(draw: st.DrawFn, params: NetworkParams, number: int) -> Block:
    """One session of one application, settled; each block has a session of its own."""
    units = ComputeUnits(draw(st.integers(1, 30_000)))
    suppliers = draw(st.dictionaries(st.sampled_from(["s0", "s1", "s2"]), st.integers(1, 5000), min_size=1))
    service = draw(st.sampled_from(["text", "code"]))
    events = settle_session(
        make_header(draw(st.sampled_from(sorted(OPERATORS))), service, number=number),
        suppliers,
        compute_units=units,
        params=params,
        application_stake=Upokt(draw(st.integers(0, 10**9))),
        verdicts={supplier: draw(st.sampled_from(ProofVerdict)) for supplier in suppliers},
        target=draw(st.integers(2**240, 2**256 - 1)).to_bytes(32, "big"),
        owner_percentage=draw(st.integers(1, 99)),
    )
    agreement = AgreedPrice(
        service,
        Height(1),
        "2026-W47",
        NanoUsd(draw(st.integers(1, 10**9))),
        NanoUsd(draw(st.integers(1, 10**10))),
        units,
    )
    return Block(Height(number), events, draw(st.sampled_from([agreement, None])))


@st.composite
def any_blocks(draw: st.DrawFn) -> list[Block]:
    params = draw(any_params())
    return [draw(any_block(params, number)) for number in range(1, draw(st.integers(2, 7)))]


def book_all(blocks: list[Block]) -> list[Entry]:
    return [entry for block in blocks for entry in block.book()]


@given(any_blocks())
def test_journal_balances_and_agrees_with_itself(blocks: list[Block]) -> None:
    entries = book_all(blocks)
    balances = compute_balances(entries)
    for unit in Unit:
        assert sum(amount for (_, u), amount in balances.items() if u is unit) == 0
    assert [d for d in compare_entries(entries) if not d.subject.startswith("block ")] == []
    assert all(decode_entry(encode_entry(entry)) == entry for entry in entries)


@given(any_blocks())
def test_supply_follows_from_the_events(blocks: list[Block]) -> None:
    entries = book_all(blocks)
    paid = [event for block in blocks for event in block.events if isinstance(event, ClaimSettled)]
    totals = sum_mint_burn(entries)
    assert sum(total.burned for total in totals) == sum(event.settled for event in paid)
    assert sum(total.minted for total in totals) == sum(event.minted for event in paid)
    balances = compute_balances(entries)
    supply = sum(amount for (account, _), amount in balances.items() if account.startswith("supply:"))
    slashed = sum(entry.number("slashed") for entry in entries if entry.kind is EntryKind.EXPIRY)
    assert supply == sum(event.settled - event.minted - event.inflation for event in paid) + slashed


@given(any_blocks())
def test_nothing_is_lost_to_rounding(blocks: list[Block]) -> None:
    entries = book_all(blocks)
    rounding: Fraction = Fraction(0)
    for entry in entries:
        if entry.kind is not EntryKind.SETTLEMENT:
            continue
        paid = read_paid_claim(entry)
        assert paid.agreed == paid.burned + paid.overservicing_loss + paid.residue
        if paid.rate:
            assert paid.agreed == Fraction(paid.relays * paid.price * 10**6, paid.rate)
            rounding += paid.residue * paid.rate
    assert compute_balances(entries).get(("rounding", Unit.FEMTO_USD), 0) == rounding


@given(any_blocks(), st.integers(1, 10**10), st.data())
def test_invoices_partition_the_settlements(blocks: list[Block], rate: int, data: st.DataObject) -> None:
    """Weeks are closed at any moments while blocks come; at last every settlement is on one invoice."""
    entries: list[Entry] = []
    invoices: list[Invoice] = []
    weeks = ["2026-W47", "2026-W48"]

    def close() -> None:
        for week in weeks:
            for operator in sorted(set(OPERATORS.values())):
                fixing = Fixing(week, NanoUsd(rate), "any", START)
                invoice = compute_invoice(
                    entries, operator=operator, week=week, fixing=fixing, earlier=invoices, time=START
                )
                if invoice is not None:
                    invoices.append(invoice)

    for block in blocks:
        entries += block.book()
        if data.draw(st.booleans()):
            close()
    close()
    settled = {entry.id: entry for entry in entries if entry.kind is EntryKind.SETTLEMENT}
    covered = [entry_id for invoice in invoices for entry_id in invoice.entry_ids]
    assert sorted(covered) == sorted(settled)
    assert len({invoice.number for invoice in invoices}) == len(invoices)
    for invoice in invoices:
        paid = [read_paid_claim(settled[entry_id]) for entry_id in invoice.entry_ids]
        assert {claim.operator for claim in paid} == {invoice.operator}
        assert {compute_week(settled[entry_id].time) for entry_id in invoice.entry_ids} == {invoice.week}
        assert invoice.burned == sum(claim.burned for claim in paid)
        assert invoice.residue == sum((claim.residue for claim in paid), Fraction(0))
        exact = Fraction((invoice.burned + invoice.reimbursed) * rate, 10**6)
        assert abs(invoice.dollars - exact) <= Fraction(len(invoice.lines), 2)
        assert decode_invoice(encode_invoice(invoice)) == invoice
        dollars, upokt = book_invoice(invoice)
        assert dollars.sum_of("conversion") == -rate * upokt.sum_of("conversion")


@settings(max_examples=30)
@given(any_blocks(), st.randoms(use_true_random=False), st.integers(0, 20))
def test_order_and_repetition_of_delivery_do_not_matter(
    blocks: list[Block], random: object, again: int
) -> None:
    async def deliver(delivery: list[Block]) -> tuple[dict[str, Entry], int]:
        ledger = SqliteLedger(None)
        for block in delivery:
            await ledger.append(block.book(), height=block.height)
        entries, height = await ledger.entries(), await ledger.height()
        ledger.close()
        assert len({entry.id for entry in entries}) == len(entries)
        return {entry.id: entry for entry in entries}, height

    delivery = blocks + [random.choice(blocks) for _ in range(again)]  # type: ignore[attr-defined]
    random.shuffle(delivery)  # type: ignore[attr-defined]
    straight, shuffled = anyio.run(deliver, blocks), anyio.run(deliver, delivery)
    assert straight == shuffled
    one, other = straight[0].values(), shuffled[0].values()
    assert compute_balances(one) == compute_balances(other)


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.sampled_from([MINIMAL, MAINNET]))
def test_price_is_within_half_a_unit_of_what_was_agreed(price: int, rate: int, params: NetworkParams) -> None:
    shared = params.shared
    unit = Fraction(shared.compute_units_to_tokens_multiplier, shared.compute_unit_cost_granularity)
    offer = ServiceOffer("text", "Text", ("smol",), NanoUsd(price))
    try:
        result = compute_offer_price(offer, NanoUsd(rate), shared)
    except ConfigError:
        units = Fraction(price * 10**6, rate) / unit
        assert units <= Fraction(1, 2) or units > 2**21 + Fraction(1, 2)
        return
    assert result.charged == result.compute_units * unit
    assert result.agreed - result.charged == result.residue
    assert abs(result.residue) <= unit / 2
    assert 1 <= result.compute_units <= 2**21


@given(st.datetimes(min_value=START.replace(tzinfo=None, year=1990)))
def test_every_instant_is_in_one_week(moment: object) -> None:
    time = moment.replace(tzinfo=START.tzinfo)  # type: ignore[attr-defined]
    week = compute_week(time)
    if week < "9999-W52":
        assert compute_week_start(week) <= time < compute_week_end(week)
