from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.params import MAINNET, MINIMAL
from joey.core.protocol.windows import compute_claim_window, compute_grace_end
from joey.core.trie.smst import SessionTrie, read_root
from joey.core.units import ComputeUnits, Height
from joey.node.miner import compute_claim_start, compute_cutoff, fold_relays
from joey.ports.stores import LoggedRelay

UNITS = ComputeUnits(3000)


def make_relays(count: int) -> list[LoggedRelay]:
    values = [f"relay {number}".encode() for number in range(count)]
    return [LoggedRelay(sha256(value).digest(), value) for value in values]


def test_the_root_is_that_of_the_trie_of_all_leaves() -> None:
    relays = make_relays(20)
    trie = SessionTrie()
    for relay in relays:
        trie.insert(relay.relay_hash, relay.relay_bytes, UNITS)
    folded = fold_relays(relays, BASE_TARGET, UNITS)
    assert folded is not None
    assert folded.root == trie.root()
    assert (folded.relays, folded.compute_units) == (20, 20 * UNITS)


def test_only_relays_below_the_target_count() -> None:
    relays = make_relays(200)
    target = b"\x40" + b"\xff" * 31
    counted = [relay for relay in relays if relay.relay_hash < target]
    assert 0 < len(counted) < 200
    folded = fold_relays(relays, target, UNITS)
    assert folded is not None
    assert folded == fold_relays(counted, BASE_TARGET, UNITS)
    assert read_root(folded.root)[2] == len(counted)


def test_order_and_repetition_change_nothing() -> None:
    relays = make_relays(30)
    assert fold_relays(relays, BASE_TARGET, UNITS) == fold_relays(relays[::-1], BASE_TARGET, UNITS)
    assert fold_relays(relays + relays[:5], BASE_TARGET, UNITS) == fold_relays(relays, BASE_TARGET, UNITS)


def test_nothing_that_counts_is_nothing_to_claim() -> None:
    assert fold_relays([], BASE_TARGET, UNITS) is None
    assert fold_relays(make_relays(5), bytes(32), UNITS) is None


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
