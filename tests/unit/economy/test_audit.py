import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from joey.adapters.stores.sqlite.ledger import SqliteLedger
from joey.core.errors import SupplyMismatch
from joey.core.ledger.agreements import AgreedPrice
from joey.core.ledger.journal import Entry, EntryKind, decode_entry, encode_entry
from joey.core.protocol.events import ClaimDiscarded, ClaimExpired, ClaimSettled, SupplyChanged
from joey.core.protocol.params import MAINNET
from joey.core.units import ComputeUnits, Height, NanoUsd, Upokt
from joey.economy.audit import audit_books, audit_chain, check_report
from joey.economy.collector import Collector
from joey.testing.settlements import make_header

pytestmark = pytest.mark.anyio

MakeChain = Callable[..., Any]
SUPPLY = 10**15
PRICE = AgreedPrice("text", Height(1), "2026-W47", NanoUsd(750_000), NanoUsd(250_000_000), ComputeUnits(3000))


async def collect(chain: Any, ledger: SqliteLedger) -> None:
    await ledger.save_price(PRICE)
    collector = Collector(chain=chain, journal=ledger, prices=ledger, operators={"app": "portal"})
    async with anyio.create_task_group() as tasks:
        await tasks.start(collector.run)
        tasks.cancel_scope.cancel()


def push_reference(chain: Any) -> None:
    for number in (1, 2):
        chain.push_session(number, {"s0": 10, "s1": 20})
    chain.push_session(1, {"s0": 7}, application="other")


async def test_clean_books_at_ratio_one(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain()
    push_reference(chain)
    await collect(chain, ledger)
    for report in (await audit_books(ledger), await audit_chain(ledger, ledger, chain)):
        check_report(report)
        assert report.is_clean
        assert report.height == 6
        assert [(t.application_address, t.claims, t.burned, t.minted) for t in report.totals] == [
            ("app", 4, 180_000, 180_000),
            ("other", 1, 21_000, 21_000),
        ]
        assert (report.burned, report.minted, report.supply_change) == (201_000, 201_000, 0)
        assert report.supply == SUPPLY


async def test_clean_books_at_mainnet(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain(params=MAINNET)
    chain.push_session(1, {"s0": 1000}, units=2600)
    await collect(chain, ledger)
    report = await audit_chain(ledger, ledger, chain)
    assert report.is_clean
    (total,) = report.totals
    assert (total.burned, total.minted, total.inflation, total.reimbursed) == (379_574, 370_084, 1, 1)
    assert report.supply_change == 370_084 + 1 - 379_574
    assert report.supply == SUPPLY + report.supply_change


async def test_audit_leaves_out_what_is_not_booked_yet(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain(params=MAINNET)
    chain.push_session(1, {"s0": 1000}, units=2600)
    await collect(chain, ledger)
    chain.push_session(2, {"s0": 1000}, units=2600)
    report = await audit_chain(ledger, ledger, chain)
    assert report.is_clean
    assert report.height == 2


async def test_expired_and_discarded_claims_are_ends(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain()
    header = make_header("app", "text")
    chain.push(
        ClaimExpired(header, "s0", Upokt(30), "PROOF_MISSING", Upokt(0)),
        ClaimDiscarded(header, "s1", Upokt(30), "no config"),
    )
    await collect(chain, ledger)
    assert (await audit_chain(ledger, ledger, chain)).is_clean


def texts(report: Any) -> list[str]:
    return [str(difference) for difference in report.differences]


async def test_slash_is_part_of_the_supply(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain()
    expired = ClaimExpired(make_header("app", "text"), "s0", Upokt(30), "PROOF_MISSING", Upokt(4))
    chain.push(expired, SupplyChanged(Height(1), Upokt(0), Upokt(4), Upokt(SUPPLY - 4)))
    chain.told_supply = Upokt(SUPPLY - 4)
    await collect(chain, ledger)
    report = await audit_chain(ledger, ledger, chain)
    assert texts(report) == []
    assert (report.slashed, report.supply_change) == (4, -4)


async def test_slash_the_chain_did_not_burn_is_a_difference(
    make_chain: MakeChain, ledger: SqliteLedger
) -> None:
    chain = make_chain()
    chain.push(ClaimExpired(make_header("app", "text"), "s0", Upokt(30), "PROOF_MISSING", Upokt(4)))
    await collect(chain, ledger)
    assert texts(await audit_books(ledger)) == ["block 1: upokt burned should be 0, is 4"]


async def test_chain_that_mints_more_than_it_says(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain()
    push_reference(chain)
    await collect(chain, ledger)
    chain.told_supply = Upokt(chain.told_supply + 1)
    report = await audit_chain(ledger, ledger, chain)
    assert texts(report) == [f"block 6: the chain's supply should be {SUPPLY}, is {SUPPLY + 1}"]
    with pytest.raises(SupplyMismatch, match="the chain's supply") as caught:
        check_report(report)
    assert caught.value.fields["differences"] == report.differences


async def test_claim_that_never_ended(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain()
    chain.push_session(1, {"s0": 10})
    block, events = chain.blocks[1]
    chain.blocks[1] = (block, ())
    while len(chain.blocks) < 17:
        chain.push()
    await collect(chain, ledger)
    session = make_header("app", "text").session_id
    # The session ends at 4 and settles at 4 + 9 + 2 + 0 + 1 + 1 = 17.
    assert texts(await audit_chain(ledger, ledger, chain)) == [
        f"claim {session} of s0: the number of its ends should be 1, is 0"
    ]
    assert any(isinstance(event, ClaimSettled) for event in events)


async def test_claim_that_ended_twice(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain()
    chain.push_session(1, {"s0": 10})
    await collect(chain, ledger)
    block, events = chain.blocks[0]
    chain.blocks[0] = (block, (*events, *chain.blocks[1][1][:1]))
    found = texts(await audit_chain(ledger, ledger, chain))
    assert any("the number of its ends should be 1, is 2" in text for text in found)


class Tampered:
    """A journal with one entry replaced or left out."""

    def __init__(self, ledger: SqliteLedger, change: Callable[[Entry], Entry | None]) -> None:
        self._ledger = ledger
        self._change = change

    async def height(self) -> Height:
        return await self._ledger.height()

    async def entries(self, *, since_id: int = 0) -> list[Entry]:
        changed = [self._change(entry) for entry in await self._ledger.entries(since_id=since_id)]
        return [entry for entry in changed if entry is not None]


def raise_amounts(entry: Entry) -> Entry:
    """Mint one more to the DAO than the claim did."""
    if entry.kind is not EntryKind.SETTLEMENT:
        return entry
    postings = tuple(
        replace(p, amount=p.amount + {"supply:mint": -1, "dao": 1}.get(p.account, 0)) for p in entry.postings
    )
    return replace(entry, postings=postings)


async def test_journal_that_grows_meanwhile_is_audited_up_to_where_it_was(
    make_chain: MakeChain, ledger: SqliteLedger
) -> None:
    class Growing(Tampered):
        async def height(self) -> Height:
            return Height(2)

    chain = make_chain()
    chain.push_session(1, {"s0": 10})
    chain.push_session(2, {"s0": 10})
    await collect(chain, ledger)
    growing: Any = Growing(ledger, lambda entry: entry)
    for report in (await audit_books(growing), await audit_chain(growing, ledger, chain)):
        assert texts(report) == []
        assert report.burned == 30_000


@pytest.mark.parametrize(
    ("change", "within", "against"),
    [
        pytest.param(
            raise_amounts,
            ["minted should be at most 30000, is 30001", "block 2: upokt minted should be 30000, is 30001"],
            ["its entry should be what the chain says, is another"],
            id="more minted",
        ),
        pytest.param(
            lambda entry: None if entry.kind is EntryKind.SETTLEMENT else entry,
            ["the settlement it is linked to", "block 2: upokt burned should be 30000, is 0"],
            ["its entry should be in the journal, is missing"],
            id="settlement left out",
        ),
        pytest.param(
            lambda entry: None if entry.kind is EntryKind.SALE else entry,
            ["its sale should be booked, is missing"],
            ["its entry should be in the journal, is missing"],
            id="sale left out",
        ),
        pytest.param(
            lambda entry: None if entry.kind is EntryKind.SUPPLY else entry,
            ["block 2: upokt burned should be 0, is 30000"],
            ["supply:2: its entry should be in the journal, is missing"],
            id="supply left out",
        ),
        pytest.param(
            lambda entry: (
                replace(entry, id="settlement:made:up") if entry.kind is EntryKind.SETTLEMENT else entry
            ),
            ["its sale should be booked, is missing"],
            ["settlement:made:up: its event should be on the chain, is missing"],
            id="settlement made up",
        ),
        pytest.param(
            lambda entry: replace(
                entry, memo=tuple((k, "0.5" if k == "mint_ratio" else v) for k, v in entry.memo)
            ),
            ["upokt minted should be 15000, is 30000"],
            ["its entry should be what the chain says, is another"],
            id="another mint ratio",
        ),
        pytest.param(
            lambda entry: replace(
                entry, memo=tuple((k, v + 1 if k == "relays" else v) for k, v in entry.memo)
            ),  # type: ignore[operator]
            ["femto-dollars sold should be 8250000000000, is 7500000000000"],
            ["its entry should be what the chain says, is another"],
            id="relays changed",
        ),
    ],
)
async def test_tampered_books_are_found(
    make_chain: MakeChain,
    ledger: SqliteLedger,
    change: Callable[[Entry], Entry | None],
    within: list[str],
    against: list[str],
) -> None:
    chain = make_chain()
    chain.push_session(1, {"s0": 10})
    await collect(chain, ledger)
    tampered: Any = Tampered(ledger, change)
    alone = texts(await audit_books(tampered))
    assert all(any(part in text for text in alone) for part in within), alone
    found = texts(await audit_chain(tampered, ledger, chain))
    assert all(any(part in text for text in found) for part in within + against), found


async def test_supply_must_follow_from_block_to_block(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain()
    chain.push_session(1, {"s0": 10})
    chain.told_supply = Upokt(chain.told_supply + 5)
    chain.push_session(2, {"s0": 10})
    await collect(chain, ledger)
    assert texts(await audit_books(ledger)) == [
        f"block 4: the supply after it should be {SUPPLY}, is {SUPPLY + 5}"
    ]


async def test_edited_file_is_found(make_chain: MakeChain, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path)
    chain = make_chain()
    chain.push_session(1, {"s0": 10})
    await collect(chain, ledger)
    ledger.close()
    connection = sqlite3.connect(path)
    (content,) = connection.execute("SELECT content FROM entries WHERE sequence = 1").fetchone()
    edited = encode_entry(raise_amounts(decode_entry(content)))
    connection.execute("UPDATE entries SET content = ? WHERE sequence = 1", (edited,))
    connection.commit()
    connection.close()
    ledger = SqliteLedger(path)
    report = await audit_books(ledger)
    assert not report.is_clean
    ledger.close()
