"""Go's seeded float, bit by bit."""

from __future__ import annotations

import time
from hashlib import sha256

import pytest

from joey.core.protocol.go_random import draw_float, make_cooked_table, read_varint, seeded_float

FIRST_FLOATS = {
    0: 0.9451961492941164,
    1: 0.6046602879796196,
    -1: 0.3951876009960174,
    63: 0.15556579556915917,
    -64: 0.3230774144220207,
    1000: 0.6806635511317619,
    -8192: 0.3088400312491907,
}


def test_the_table_is_gos():
    table = make_cooked_table()
    assert len(table) == 607
    assert (table[0], table[-1]) == (0xC5F74A33EB98FFEA, 0x39A00A3A31C025C6)
    packed = b"".join(word.to_bytes(8, "big") for word in table)
    assert sha256(packed).hexdigest() == "71ca56841e25ce194c2600faac906bb84e97d268a3bc453ff9f1a1410af1d228"


def test_the_table_is_made_soon_and_once():
    make_cooked_table.cache_clear()
    begun = time.process_time()
    table = make_cooked_table()
    assert time.process_time() - begun < 1
    assert make_cooked_table() is table


@pytest.mark.parametrize(("seed", "first"), FIRST_FLOATS.items())
def test_the_first_float_of_a_seed(seed: int, first: float):
    assert draw_float(seed) == first


def test_seeds_are_reduced_as_in_go():
    modulus = 2**31 - 1
    assert draw_float(modulus) == draw_float(0) == draw_float(89_482_311)
    assert draw_float(modulus + 1) == draw_float(1)
    assert draw_float(-1) == draw_float(modulus - 1)
    assert draw_float(-(2**63)) == draw_float(-(2**63) % modulus)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("00", 0),
        ("01", -1),
        ("02", 1),
        ("7e", 63),
        ("7f", -64),
        ("d00f", 1000),
        ("ff7f", -8192),
        ("02ff", 1),
        ("ffffffffffffffffff01", -(2**63)),
        ("feffffffffffffffff01", 2**63 - 1),
        # Beyond 64 bits, beyond ten bytes, and broken off: Go gives zero.
        ("ffffffffffffffffff02", 0),
        ("8080808080808080808001", 0),
        ("80", 0),
        ("", 0),
    ],
)
def test_varints(data: str, value: int):
    assert read_varint(bytes.fromhex(data)) == value


def test_a_seed_is_hashed_first():
    for seed in (b"", b"seed", bytes(1000)):
        assert seeded_float(seed) == draw_float(read_varint(sha256(seed).digest()))
        assert 0 <= seeded_float(seed) < 1
