"""A settlement computed again from what a chain published: equal when it is right, named when not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from enum import IntEnum
from fractions import Fraction
from typing import Any

import pytest

from joey.adapters.chains.local import LocalChain
from joey.core.errors import ConfigError
from joey.core.protocol.events import ChainEvent, ClaimExpired, ClaimSettled, SupplyChanged
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams
from joey.core.protocol.windows import compute_claim_window, compute_settlement_height
from joey.core.units import Height, Upokt
from joey.core.wire.messages import CreateClaim, StakeApplication, StakeSupplier
from joey.core.wire.session import Session, SessionHeader
from joey.economy.recompute import check_settlement, find_settled_session
from joey.testing.settlements import make_root
from joey.testing.worlds import World, make_genesis, make_key, without_proofs

pytestmark = pytest.mark.anyio

WORLD = World.of_service(suppliers=3)


class Retold:
    """A chain that tells of one kind of event something else than what happened."""

    def __init__(self, chain: LocalChain, change: Callable[[ChainEvent], ChainEvent]) -> None:
        self._chain = chain
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    async def events(self, height: Height) -> tuple[ChainEvent, ...]:
        return tuple(self._change(event) for event in await self._chain.events(height))


async def go_to(chain: LocalChain, height: int) -> None:
    while (await chain.head()).height < height:
        await chain.make_block()


async def settle_one(
    chain: LocalChain, before_end: Callable[[], Awaitable[object]] | None = None
) -> tuple[Session, Height]:
    """Stake the world, claim a session by all of its suppliers and go to its settlement."""
    await WORLD.stake(chain.submit)
    head = (await chain.head()).height
    shared = (await chain.params_at(head)).shared
    start = head + shared.num_blocks_per_session - (head - 1) % shared.num_blocks_per_session
    await go_to(chain, start)
    session = await chain.session(make_key(WORLD.application).address, WORLD.service.id)
    assert session is not None
    end = session.header.height_end
    await go_to(chain, compute_claim_window(end, shared).open - 1)
    for number, name in enumerate(WORLD.suppliers):
        key = make_key(name)
        root = make_root(WORLD.service.compute_units_per_relay, 10 ** (number + 1))
        await chain.submit([CreateClaim(key.address, session.header, root)], key)
    settlement = compute_settlement_height(end, shared)
    await go_to(chain, settlement - 1)
    if before_end is not None:
        await before_end()
    await go_to(chain, settlement)
    return session, settlement


async def open_chain(params: NetworkParams) -> LocalChain:
    return await LocalChain.open(None, make_genesis(WORLD.names, params=params), instant=True)


HARD = replace(
    without_proofs(MINIMAL),
    tokenomics=replace(
        MINIMAL.tokenomics,
        global_inflation_per_claim=Fraction(1, 3),
        mint_ratio=Fraction(39, 40),
        overservicing_bonus_multiplier=3,
    ),
)


@pytest.mark.parametrize("params", [without_proofs(MINIMAL), HARD, without_proofs(MAINNET)])
async def test_a_right_settlement_is_found_right(params: NetworkParams) -> None:
    chain = await open_chain(params)
    _, height = await settle_one(chain)
    report = await check_settlement(chain, height)
    assert report.differences == ()
    assert {type(end) for end in report.computed} == {ClaimSettled}
    assert len(report.computed) == len(WORLD.suppliers)
    await chain.aclose()


async def test_claims_without_their_proofs_expire() -> None:
    proof = replace(
        MINIMAL.proof, proof_requirement_threshold=Upokt(200_000), proof_request_probability=Fraction(0)
    )
    chain = await open_chain(replace(MINIMAL, proof=proof))
    _, height = await settle_one(chain)
    report = await check_settlement(chain, height)
    assert report.differences == ()
    kinds = sorted(type(end).__name__ for end in report.computed)
    assert kinds == ["ClaimExpired", "ClaimExpired", "ClaimSettled"]
    await chain.aclose()


async def test_what_the_settling_block_itself_changed_counts() -> None:
    chain = await open_chain(HARD)

    async def restake() -> None:
        application, supplier = make_key(WORLD.application), make_key(WORLD.suppliers[0])
        more = Upokt(WORLD.application_stake + 12_345_678)
        await chain.submit([StakeApplication(application.address, more, WORLD.service.id)], application)
        address = supplier.address
        stake = Upokt(WORLD.supplier_stake + 5)
        await chain.submit([StakeSupplier(address, address, address, stake)], supplier)

    _, height = await settle_one(chain, restake)
    for each in (height, (await chain.head()).height):
        assert (await check_settlement(chain, each)).differences == ()
    await chain.aclose()


async def test_the_first_difference_is_named() -> None:
    chain = await open_chain(HARD)
    _, height = await settle_one(chain)

    def pay_one_more(event: ChainEvent) -> ChainEvent:
        if isinstance(event, ClaimSettled):
            first, *others = event.rewards
            dearer = replace(first, amount=Upokt(first.amount + 1))
            return replace(event, rewards=(dearer, *others))
        return event

    report = await check_settlement(Retold(chain, pay_one_more), height)
    assert len(report.differences) == len(WORLD.suppliers)
    first = report.first_difference
    assert first is not None
    assert first.what == "rewards"
    assert report.computed[0].supplier_address in first.subject
    await chain.aclose()


async def test_what_is_missing_too_much_or_otherwise_is_seen() -> None:
    chain = await open_chain(HARD)
    session, height = await settle_one(chain)
    victim = session.suppliers[0].operator_address

    def expire(event: ChainEvent) -> ChainEvent:
        if isinstance(event, ClaimSettled) and event.supplier_address == victim:
            return ClaimExpired(event.header, victim, event.claimed, "PROOF_MISSING", Upokt(0))
        return event

    report = await check_settlement(Retold(chain, expire), height)
    assert [difference.what for difference in report.differences] == ["its end"]

    def rename(event: ChainEvent) -> ChainEvent:
        if isinstance(event, ClaimSettled) and event.supplier_address == victim:
            return replace(event, supplier_address=make_key("nobody").address)
        return event

    report = await check_settlement(Retold(chain, rename), height)
    assert [(one.expected, one.found) for one in report.differences if one.what == "ClaimSettled"] == [
        ("told", "missing"),
        ("not told", "told"),
    ]

    def mint(event: ChainEvent) -> ChainEvent:
        return replace(event, minted=Upokt(event.minted + 1)) if isinstance(event, SupplyChanged) else event

    report = await check_settlement(Retold(chain, mint), height)
    assert [difference.what for difference in report.differences] == ["minted"]
    await chain.aclose()


def change_field(value: object) -> object:
    """Return another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, IntEnum):
        return type(value)((value + 1) % len(type(value)))
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(value, str):
        return value + "0"
    assert isinstance(value, tuple)
    return value[1:]


class Shuffled(Retold):
    """A chain that leaves an event out, or tells it twice."""

    def __init__(self, chain: LocalChain, place: int, count: int) -> None:
        super().__init__(chain, lambda event: event)
        self._place, self._count = place, count

    async def events(self, height: Height) -> tuple[ChainEvent, ...]:
        events = await self._chain.events(height)
        before, after = events[: self._place], events[self._place + 1 :]
        return (*before, *(events[self._place] for _ in range(self._count)), *after)


async def test_every_field_of_every_event_is_compared() -> None:
    proof = replace(
        MINIMAL.proof, proof_requirement_threshold=Upokt(200_000), proof_request_probability=Fraction(0)
    )
    chain = await open_chain(replace(HARD, proof=proof))
    _, height = await settle_one(chain)
    assert (await check_settlement(chain, height)).differences == ()
    events = await chain.events(height)
    kinds = {type(event).__name__ for event in events}
    assert kinds >= {
        "ClaimSettled",
        "ClaimExpired",
        "SupplierSlashed",
        "SettlementBatch",
        "ValidatorsRewarded",
    }
    assert kinds >= {"DifficultyUpdated", "SupplyChanged"}
    unseen = []
    for place, event in enumerate(events):
        for count in (0, 2):
            if not (await check_settlement(Shuffled(chain, place, count), height)).differences:
                unseen.append((type(event).__name__, f"told {count} times"))
        for field in fields(event):
            value = getattr(event, field.name)
            if isinstance(value, SessionHeader) or value == ():
                continue
            changed = replace(event, **{field.name: change_field(value)})

            def tell(one: ChainEvent, event: ChainEvent = event, changed: ChainEvent = changed) -> ChainEvent:
                return changed if one is event else one

            if not (await check_settlement(Retold(chain, tell), height)).differences:
                unseen.append((type(event).__name__, field.name))
    # What a difficulty moved from, a validator's stake, and of how many claims its part is, are taken as
    # they are told.
    assert set(unseen) <= {
        ("DifficultyUpdated", "previous_target"),
        ("DifficultyUpdated", "previous_num_relays_ema"),
        ("ValidatorsRewarded", "stake"),
        ("SettlementBatch", "num_claims"),
    }, unseen
    await chain.aclose()


async def test_a_spend_limit_set_in_the_settling_block_counts() -> None:
    chain = await open_chain(HARD)

    async def restake() -> None:
        key = make_key(WORLD.application)
        more, limit = Upokt(WORLD.application_stake + 1), Upokt(1_000_000)
        await chain.submit([StakeApplication(key.address, more, WORLD.service.id, limit)], key)

    _, height = await settle_one(chain, restake)
    report = await check_settlement(chain, height)
    assert report.differences == ()
    settled = [end.settled for end in report.computed if isinstance(end, ClaimSettled)]
    assert sum(settled) < 1_000_000, "the limit binds"
    await chain.aclose()


async def test_a_session_is_checked_where_it_is_settled() -> None:
    chain = await open_chain(HARD)
    session, height = await settle_one(chain)
    header = session.header
    found = await find_settled_session(
        chain, header.application_address, header.service_id, Height(header.height_start + 1)
    )
    assert (found.session_id, found.height) == (header.session_id, height)
    report = await check_settlement(chain, height, session_id=header.session_id)
    assert (len(report.computed), report.differences) == (len(WORLD.suppliers), ())
    assert (await check_settlement(chain, height, session_id="00" * 32)).computed == ()
    head = (await chain.head()).height
    with pytest.raises(ConfigError, match="settled at height"):
        await find_settled_session(chain, header.application_address, header.service_id, head)
    with pytest.raises(ConfigError, match="no session"):
        await find_settled_session(chain, make_key("nobody").address, header.service_id, head)
    await chain.aclose()


async def test_blocks_that_settle_nothing_have_nothing_wrong() -> None:
    chain = await open_chain(HARD)
    await go_to(chain, 5)
    assert (await check_settlement(chain, Height(5))).computed == ()
    with pytest.raises(ConfigError, match="before block 1"):
        await check_settlement(chain, Height(1))
    await chain.aclose()
