from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import cast

import anyio
import pytest

from joey.adapters.stores.sqlite.node import SqliteRelayLog, open_node_database
from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.params import MAINNET, MINIMAL
from joey.core.protocol.windows import compute_claim_window, compute_grace_end
from joey.core.trie.smst import SessionTrie, fold
from joey.core.units import ComputeUnits, Height
from joey.node.miner import SessionTries, compute_claim_start, compute_cutoff
from joey.ports.chain import Chain
from joey.ports.stores import LoggedRelay
from joey.testing.settlements import make_header

UNITS = ComputeUnits(3000)
HEADER = make_header("application", "text", number=1)


def make_relays(count: int) -> list[LoggedRelay]:
    values = [f"relay {number}".encode() for number in range(count)]
    return [LoggedRelay(sha256(value).digest(), value) for value in values]


class OneService:
    """A chain that knows what a service costs and how hard it is."""

    def __init__(self, target: bytes = BASE_TARGET, units: ComputeUnits | None = UNITS) -> None:
        self.target = target
        self.units = units

    async def difficulty_at(self, service_id: str, height: Height) -> bytes:
        assert (service_id, height) == (HEADER.service_id, HEADER.height_start)
        return self.target

    async def compute_units_at(self, service_id: str, height: Height) -> ComputeUnits | None:
        assert (service_id, height) == (HEADER.service_id, HEADER.height_start)
        return self.units


@pytest.fixture
def log() -> Iterator[SqliteRelayLog]:
    database = open_node_database(None)
    yield SqliteRelayLog(database)
    database.close()


async def fill(log: SqliteRelayLog, relays: list[LoggedRelay]) -> None:
    async with anyio.create_task_group() as tasks:
        for relay in relays:
            tasks.start_soon(log.append, HEADER, "supplier", relay)


def make_tries(log: SqliteRelayLog, chain: OneService | None = None, **options: int) -> SessionTries:
    return SessionTries(cast(Chain, chain or OneService()), log, **options)


@pytest.mark.anyio
async def test_the_root_is_that_of_the_trie_of_all_leaves(log: SqliteRelayLog) -> None:
    relays = make_relays(600)
    await fill(log, relays)
    trie = SessionTrie()
    for relay in relays:
        trie.insert(relay.relay_hash, relay.relay_bytes, UNITS)
    folded = await make_tries(log).fold(HEADER, "supplier")
    assert folded is not None
    assert folded.root == trie.root()
    assert (folded.count, folded.sum) == (600, 600 * UNITS)


@pytest.mark.anyio
async def test_only_relays_below_the_target_count(log: SqliteRelayLog) -> None:
    relays = make_relays(200)
    await fill(log, relays)
    target = b"\x40" + b"\xff" * 31
    counted = [relay for relay in relays if relay.relay_hash < target]
    assert 0 < len(counted) < 200
    folded = await make_tries(log, OneService(target)).fold(HEADER, "supplier")
    assert folded is not None
    assert folded.root == fold((relay.relay_hash, relay.relay_bytes, UNITS) for relay in counted)


@pytest.mark.anyio
async def test_nothing_that_counts_is_nothing_to_claim(log: SqliteRelayLog) -> None:
    assert await make_tries(log).fold(HEADER, "supplier") is None
    await fill(log, make_relays(5))
    assert await make_tries(log, OneService(bytes(32))).fold(HEADER, "supplier") is None
    assert await make_tries(log, OneService(units=None)).fold(HEADER, "supplier") is None
    assert await make_tries(log).fold(HEADER, "supplier") is not None


@pytest.mark.anyio
async def test_a_trie_is_kept_and_else_folded_again_as_it_was_claimed(log: SqliteRelayLog) -> None:
    relays = make_relays(40)
    await fill(log, relays[:30])
    tries = make_tries(log)
    claimed = await tries.fold(HEADER, "supplier")
    assert claimed is not None
    assert await tries.find(HEADER, "supplier", claimed.root, 30) is claimed
    await fill(log, relays[30:])
    tries.forget(HEADER, "supplier")
    again = await tries.find(HEADER, "supplier", claimed.root, 30)
    assert again is not None
    assert again is not claimed
    assert again.root == claimed.root
    assert await tries.find(HEADER, "supplier", claimed.root, 31) is again, "kept"
    tries.forget(HEADER, "supplier")
    assert await tries.find(HEADER, "supplier", claimed.root, 31) is None
    assert await tries.find(HEADER, "supplier", bytes(48), 30) is None


@pytest.mark.anyio
async def test_no_more_leaves_are_kept_than_allowed(log: SqliteRelayLog) -> None:
    await fill(log, make_relays(10))
    for name in ("second", "third"):
        for relay in make_relays(10):
            await log.append(HEADER, name, relay)
    tries = make_tries(log, leaves_max=20)
    first, second, third = [await tries.fold(HEADER, name) for name in ("supplier", "second", "third")]
    assert first is not None
    assert second is not None
    assert third is not None
    assert await tries.find(HEADER, "second", second.root, 10) is second
    assert await tries.find(HEADER, "third", third.root, 10) is third
    again = await tries.find(HEADER, "supplier", first.root, 10)
    assert again is not first
    assert again is not None


@pytest.mark.parametrize("shared", [MINIMAL.shared, MAINNET.shared])
def test_a_claim_is_sent_in_time_and_after_the_grace_period(shared: object) -> None:
    assert isinstance(shared, type(MINIMAL.shared))
    end = Height(100)
    start, window = compute_claim_start(end, shared), compute_claim_window(end, shared)
    assert compute_grace_end(end, shared) < start <= compute_cutoff(end, shared) < window.close
    assert start + 1 in window


def test_a_claim_aims_at_the_first_block_of_its_window_and_leaves_it_open_for_late_answers() -> None:
    window = compute_claim_window(Height(100), MINIMAL.shared)
    assert compute_claim_start(Height(100), MINIMAL.shared) == window.open - 1
    assert compute_cutoff(Height(100), MINIMAL.shared) == window.open


def test_a_window_of_one_block_is_aimed_at_from_the_block_before() -> None:
    shared = replace(MINIMAL.shared, claim_window_close_offset_blocks=0)
    window = compute_claim_window(Height(100), shared)
    assert compute_claim_start(Height(100), shared) == window.open - 1
    assert compute_cutoff(Height(100), shared) == window.open - 1
