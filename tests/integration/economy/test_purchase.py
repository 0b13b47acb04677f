"""Offers are published, relays claimed and settled on the embedded chain, booked, invoiced and audited."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from click.testing import CliRunner

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.rates.fixed import FixedRate
from joey.adapters.stores.sqlite.ledger import SqliteLedger
from joey.cli.economy import economy
from joey.core.crypto.keys import PrivateKey
from joey.core.ledger.invoices import Fixing
from joey.core.ledger.weeks import compute_week
from joey.core.offers.offer import ServiceOffer
from joey.core.protocol.checks import compute_next_session_start
from joey.core.protocol.genesis import Genesis
from joey.core.protocol.params import MAINNET, NetworkParams
from joey.core.protocol.state import Validator
from joey.core.protocol.windows import compute_claim_window, compute_settlement_height
from joey.core.units import Height, NanoUsd, Upokt, read_usd
from joey.core.wire.messages import CreateClaim, StakeApplication, StakeSupplier
from joey.core.wire.session import RevenueShare, ServiceConfig, SessionHeader, SupplierEndpoint
from joey.economy.audit import audit_chain, check_report
from joey.economy.collector import Collector
from joey.economy.fixings import require_fixing
from joey.economy.invoicing import close_week
from joey.economy.turning import WeekTurner
from joey.testing.settlements import make_root
from joey.testing.worlds import WITHOUT_PROOFS, without_proofs

pytestmark = pytest.mark.anyio

START = datetime(2026, 11, 18, 12, tzinfo=UTC)
OFFER = ServiceOffer("text", "Text", ("smol",), read_usd("0.00075"))


def make_key(number: int) -> PrivateKey:
    return PrivateKey.from_bytes(number.to_bytes(32, "big"))


OWNER, VALIDATOR, APPLICATION = make_key(1), make_key(2), make_key(3)
SUPPLIERS = tuple(make_key(number) for number in range(10, 15))


class ChainClock:
    """Stands where the test puts it."""

    def __init__(self, time: datetime) -> None:
        self.time = time

    def now(self) -> datetime:
        return self.time


@dataclass
class Market:
    """A chain with five suppliers and the books beside it."""

    chain: LocalChain
    ledger: SqliteLedger
    clock: ChainClock
    rate: NanoUsd = NanoUsd(250_000_000)  # noqa: RUF009 - an integer

    @property
    def turner(self) -> WeekTurner:
        return WeekTurner(
            chain=self.chain,
            journal=self.ledger,
            invoices=self.ledger,
            prices=self.ledger,
            source=FixedRate(self.rate, self.clock),
            clock=self.clock,
            offers=[OFFER],
            owner=OWNER,
        )

    async def publish(self) -> Fixing:
        week = compute_week(self.clock.now())
        await self.turner.begin(week)
        return await require_fixing(week, invoices=self.ledger)

    async def stake(self) -> None:
        # A stake that covers what settles at once: caps divide it by suppliers and pending sessions.
        await self.chain.submit([StakeApplication(APPLICATION.address, Upokt(10**11), "text")], APPLICATION)
        for key in SUPPLIERS:
            config = ServiceConfig(
                "text", (SupplierEndpoint("http://127.0.0.1:1"),), (RevenueShare(key.address, 100),)
            )
            stake = (await self.chain.params_at((await self.chain.head()).height)).supplier.min_stake
            message = StakeSupplier(key.address, key.address, key.address, stake, (config,))
            await self.chain.submit([message], key)

    async def advance_to(self, height: int) -> None:
        while (await self.chain.head()).height < height:
            await self.chain.make_block()

    async def begin_session(self) -> SessionHeader:
        """Go to the first block of the next session; return its header."""
        height = (await self.chain.head()).height
        params = await self.chain.params_at(height)
        start = compute_next_session_start(height, params.shared)
        await self.advance_to(start)
        session = await self.chain.session(APPLICATION.address, "text", start)
        assert session is not None
        assert len(session.suppliers) == 5
        return session.header

    async def claim(self, header: SessionHeader, relays_each: int) -> Height:
        """Let each supplier claim relays of a session; return the height that settles them."""
        shared = (await self.chain.params_at(header.height_end)).shared
        units = await self.chain.compute_units_at("text", header.height_start)
        assert units is not None
        # One block early: what is submitted goes into the next.
        await self.advance_to(compute_claim_window(header.height_end, shared).open - 1)
        async with anyio.create_task_group() as tasks:
            for key in SUPPLIERS:
                claim = CreateClaim(key.address, header, make_root(units, relays_each))
                tasks.start_soon(self.chain.submit, [claim], key)
        return compute_settlement_height(header.height_end, shared)

    async def sell(self, relays_each: int) -> Height:
        """Claim relays of the next session, by each supplier; return the height that settles them."""
        return await self.claim(await self.begin_session(), relays_each)

    async def collect(self) -> None:
        collector = Collector(
            chain=self.chain,
            journal=self.ledger,
            prices=self.ledger,
            operators={APPLICATION.address: "portal"},
            turn_week=self.turner.turn,
        )
        async with anyio.create_task_group() as tasks:
            await tasks.start(collector.run)
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def open_market(params: NetworkParams, path: Path | None = None) -> AsyncIterator[Market]:
    balances = {key.address: Upokt(10**12) for key in (OWNER, APPLICATION, *SUPPLIERS)}
    clock = ChainClock(START)
    validators = (Validator(VALIDATOR.address, Upokt(10**9)),)
    genesis = Genesis("books", START, params, balances, validators)
    chain = await LocalChain.open(path and path / "chain.db", genesis, clock=clock, instant=True)
    ledger = SqliteLedger(path and path / "ledger.db")
    try:
        yield Market(chain, ledger, clock)
    finally:
        ledger.close()
        await chain.aclose()


async def test_reference_purchase_on_the_embedded_chain() -> None:
    async with open_market(WITHOUT_PROOFS) as market:
        fixing = await market.publish()
        await market.stake()
        supply = await market.chain.supply()
        assert await market.chain.compute_units_at("text", Height(1)) == 3000
        for _ in range(4):
            settled_at = await market.sell(5000)
        await market.advance_to(settled_at)
        await market.collect()
        (invoice,) = await close_week(
            fixing.week, journal=market.ledger, invoices=market.ledger, time=market.clock.now()
        )
        assert invoice.number == "JOEY-2026-W47-portal-1"
        assert (invoice.relays, invoice.burned, invoice.minted) == (100_000, 300_000_000, 300_000_000)
        assert (invoice.dollars, invoice.residue) == (75 * 10**9, 0)
        report = await audit_chain(market.ledger, market.ledger, market.chain)
        check_report(report)
        assert (report.burned, report.minted, report.supply_change) == (300_000_000, 300_000_000, 0)
        assert await market.chain.supply() == supply == report.supply
        application = await market.chain.application(APPLICATION.address)
        assert application is not None
        assert application.stake == 10**11 - 300_000_000


async def test_mainnet_rules_reconcile_to_the_last_upokt() -> None:
    # Main-net rules, with sessions as short as a test wants them and all five suppliers drawn.
    shared = replace(
        WITHOUT_PROOFS.shared,
        compute_units_to_tokens_multiplier=145_990,
        compute_unit_cost_granularity=1_000_000,
    )
    async with open_market(replace(without_proofs(MAINNET), shared=shared)) as market:
        fixing = await market.publish()
        await market.stake()
        supply = await market.chain.supply()
        settled_at = await market.sell(20_000)
        await market.advance_to(settled_at)
        await market.collect()
        (invoice,) = await close_week(
            fixing.week, journal=market.ledger, invoices=market.ledger, time=market.clock.now()
        )
        claimed = 20_000 * 20_549 * 145_990 // 10**6
        assert invoice.burned == 5 * claimed
        assert invoice.burned + invoice.residue == 300_000_000
        report = await audit_chain(market.ledger, market.ledger, market.chain)
        check_report(report)
        assert report.minted == 5 * (claimed * 39 // 40)
        assert await market.chain.supply() == supply + report.supply_change == report.supply


async def test_new_rate_reprices_and_each_session_keeps_its_own() -> None:
    async with open_market(WITHOUT_PROOFS) as market:
        await market.publish()
        await market.stake()
        old = await market.begin_session()
        market.clock.time += timedelta(days=7)
        market.rate = NanoUsd(500_000_000)
        fixing = await market.publish()
        assert fixing.week == "2026-W48"
        new = await market.begin_session()
        assert [
            await market.chain.compute_units_at("text", header.height_start) for header in (old, new)
        ] == [3000, 1500]
        await market.claim(old, 100)
        await market.advance_to(await market.claim(new, 100))
        await market.collect()
        (invoice,) = await close_week(
            "2026-W48", journal=market.ledger, invoices=market.ledger, time=market.clock.now()
        )
        assert (invoice.relays, invoice.burned) == (1000, 500 * 3000 + 500 * 1500)
        assert invoice.residue == 0
        check_report(await audit_chain(market.ledger, market.ledger, market.chain))


async def test_collector_that_catches_up_closes_the_weeks_it_passes() -> None:
    async with open_market(WITHOUT_PROOFS) as market:
        await market.publish()
        await market.stake()
        await market.advance_to(await market.sell(100))
        market.clock.time += timedelta(days=7)
        await market.advance_to(await market.sell(10))
        market.clock.time += timedelta(days=7)
        market.rate = NanoUsd(500_000_000)
        await market.chain.make_block()
        await market.collect()
        invoices = await market.ledger.invoices()
        assert [(invoice.number, invoice.relays, invoice.fixing.price) for invoice in invoices] == [
            ("JOEY-2026-W47-portal-1", 500, 250_000_000),
            ("JOEY-2026-W48-portal-1", 50, 500_000_000),
        ]
        # Only the week that it is now was listed at the new rate.
        assert (await market.ledger.price_at("text", Height(10**9))).week == "2026-W49"  # type: ignore[union-attr]
        check_report(await audit_chain(market.ledger, market.ledger, market.chain))


async def test_publishing_again_changes_nothing() -> None:
    async with open_market(WITHOUT_PROOFS) as market:
        await market.publish()
        head = await market.chain.head()
        price = await market.ledger.price_at("text", Height(1))
        await market.publish()
        assert await market.chain.head() == head
        assert await market.ledger.price_at("text", Height(10**9)) == price


async def test_books_and_chain_reopened_go_on(tmp_path: Path) -> None:
    async with open_market(WITHOUT_PROOFS, tmp_path) as market:
        await market.publish()
        await market.stake()
        settled_at = await market.sell(10)
        await market.collect()
    async with open_market(WITHOUT_PROOFS, tmp_path) as market:
        await market.publish()
        await market.advance_to(settled_at)
        await market.collect()
        (invoice,) = await close_week(
            "2026-W47", journal=market.ledger, invoices=market.ledger, time=market.clock.now()
        )
        assert invoice.relays == 50
        check_report(await audit_chain(market.ledger, market.ledger, market.chain))


async def test_command_line_audits_against_the_chain_of_the_folder(tmp_path: Path) -> None:
    async with open_market(WITHOUT_PROOFS, tmp_path) as market:
        await market.publish()
        await market.stake()
        await market.advance_to(await market.sell(10))
        await market.collect()
    # The command has a loop of its own.
    result = await anyio.to_thread.run_sync(
        CliRunner().invoke, economy, ["audit", "--data", str(tmp_path), "--json"]
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert (report["clean"], report["against_chain"], report["burned_upokt"]) == (True, True, 150_000)
