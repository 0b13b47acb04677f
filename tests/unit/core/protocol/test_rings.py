"""Who is in a ring, in which order."""

from __future__ import annotations

import pytest

from joey.core.crypto.keys import PrivateKey, read_address
from joey.core.protocol.rings import (
    PLACEHOLDER_PUBLIC_KEY,
    PLACEHOLDER_SORT_ADDRESS,
    compute_placeholder_key,
    compute_ring,
    list_ring_addresses,
)
from joey.core.units import Height, Upokt
from joey.core.wire.session import Application

KEYS = [PrivateKey(bytes([number]) * 32) for number in range(1, 5)]
ADDRESSES = [key.address for key in KEYS]
PUBLIC = {key.address: key.public_key for key in KEYS}


def application(
    gateways: tuple[str, ...] = (), pending: dict[int, tuple[str, ...]] | None = None
) -> Application:
    return Application(ADDRESSES[0], Upokt(1), "svc", gateways, pending or {})


def test_the_placeholder_is_the_networks() -> None:
    key = compute_placeholder_key()
    assert key.public_key == PLACEHOLDER_PUBLIC_KEY
    assert key.secret.hex() == "60c6cbe6b5011807d6486f351cbde6f964356df1d0bc1b04f8589cead5ab5206"
    assert read_address(key.address).hex().upper() == PLACEHOLDER_SORT_ADDRESS


def test_alone_with_the_placeholder_first() -> None:
    assert compute_ring(application(), Height(4), PUBLIC) == (PLACEHOLDER_PUBLIC_KEY, KEYS[0].public_key)


def test_members_are_sorted_by_address() -> None:
    members = compute_ring(application(tuple(ADDRESSES[1:])), Height(4), PUBLIC)
    assert members == tuple(PUBLIC[address] for address in sorted(ADDRESSES))
    assert list_ring_addresses(application(tuple(ADDRESSES[1:])), Height(4)) == tuple(sorted(ADDRESSES))


@pytest.mark.parametrize(("height_end", "stays"), [(7, True), (8, True), (9, False)])
def test_an_undelegated_gateway_stays_to_its_sessions_end(height_end: int, stays: bool) -> None:
    leaving = application((ADDRESSES[1],), {8: (ADDRESSES[2],)})
    assert (PUBLIC[ADDRESSES[2]] in compute_ring(leaving, Height(height_end), PUBLIC)) is stays


def test_a_member_counts_once() -> None:
    twice = application((ADDRESSES[1],), {8: (ADDRESSES[1],)})
    assert len(compute_ring(twice, Height(8), PUBLIC)) == 2


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ValueError, match=ADDRESSES[1]):
        compute_ring(application((ADDRESSES[1],)), Height(4), {ADDRESSES[0]: KEYS[0].public_key})
