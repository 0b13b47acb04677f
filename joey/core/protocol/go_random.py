"""Go's seeded random float, by which the network draws the claims that need a proof.

Go's `math/rand` (version 1) is an additive lagged Fibonacci generator over 607 words of 64 bits.
Its start values are mixed with a fixed table, which is what another generator of the same kind
holds after 7.8 x 10^12 draws. The table is made here by jumping ahead: draws obey
`x[n] = x[n-607] + x[n-273]`, so `z^T mod (z^607 - z^334 - 1)` over the integers modulo 2^64 says
how draw T follows from the first 607. The result is a network rule like any other: a float from 0
to 1, compared with a parameter that the network keeps as a double; no amount is ever made of it.

Sources: Go math/rand/{rng,gen_cooked}.go; poktroll pkg/crypto/rand/{float,integer}.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from struct import Struct

__all__ = ["draw_float", "make_cooked_table", "read_varint", "seeded_float"]

_LENGTH = 607
_TAP = 273
_WORD = (1 << 64) - 1
_MODULUS = (1 << 31) - 1
_MULTIPLIER = 48_271
_ZERO_SEED = 89_482_311
_COOKED_DRAWS = 7_800_000_000_000
_WARM_UP_STEPS = 20
_VARINT_BYTES_MAX = 10

_LANE = 18
"""Bytes for one coefficient of a product: 607 products of two words have 138 bits."""
_LOW_WORD = Struct("<Q10x")
"""Of such a coefficient, what counts modulo 2^64."""


def seeded_float(seed: bytes) -> float:
    """Return the float in [0, 1) that a seed of any length stands for."""
    return draw_float(read_varint(sha256(seed).digest()))


def draw_float(seed: int) -> float:
    """Return the first float that Go draws after seeding with a signed 64-bit integer.

    Only the words that are asked for are seeded: two, but for one draw in 2^54.
    """
    value = seed % _MODULUS or _ZERO_SEED  # Go's remainder has the sign of the seed; this is the same
    words: dict[int, int] = {}
    tap, feed = 0, _LENGTH - _TAP
    while True:
        tap, feed = (tap - 1) % _LENGTH, (feed - 1) % _LENGTH
        for place in (tap, feed):
            if place not in words:
                words[place] = _seed_word(value, place)
        words[feed] = (words[feed] + words[tap]) & _WORD
        # 63 bits as a double, rounded once: what comes to one is drawn again.
        drawn = (words[feed] & _WORD >> 1) / (1 << 63)
        if drawn != 1.0:
            return drawn


def read_varint(data: bytes) -> int:
    """Return the signed number that Go's `binary.Varint` reads; 0 where there is none.

    Seven bits a byte, lowest first; the lowest bit of the whole is the sign.
    """
    value = 0
    for place, byte in enumerate(data[:_VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            if value > _WORD:
                return 0
            return ~(value >> 1) if value & 1 else value >> 1
    return 0


@cache
def make_cooked_table() -> tuple[int, ...]:
    """Return the 607 words that Go mixes into every seed."""
    seeds = _step(1)
    for _ in range(_WARM_UP_STEPS):
        next(seeds)
    first = [next(seeds) << 20 ^ next(seeds) << 10 ^ next(seeds) for _ in range(_LENGTH)]
    # Slot (333 - n) mod 607 is the one that draw n writes: before the first, it holds x[n - 607].
    history = [first[(333 - n) % _LENGTH] for n in range(_LENGTH)]
    return _arrange(_jump(history, _COOKED_DRAWS), _COOKED_DRAWS)


def _seed_word(value: int, place: int) -> int:
    """Return one word of the state that Go seeds: three steps of a generator that is jumped ahead."""
    first = value * pow(_MULTIPLIER, _WARM_UP_STEPS + 3 * place + 1, _MODULUS) % _MODULUS
    second = _MULTIPLIER * first % _MODULUS
    third = _MULTIPLIER * second % _MODULUS
    return first << 40 & _WORD ^ second << 20 ^ third ^ make_cooked_table()[place]


def _step(value: int) -> Iterator[int]:
    while True:
        value = _MULTIPLIER * value % _MODULUS
        yield value


def _jump(history: Sequence[int], draws: int) -> list[int]:
    """Return the 607 values that draws `draws - 607` to `draws - 1` gave, oldest first.

    `history` are the 607 values before draw 0, oldest first. With `z^draws` reduced to coefficients
    c, value i is the sum of `c[k] * x[k + i]`: one product of polynomials gives them all.
    """
    values = list(history)
    for place in range(_LENGTH - 1):
        values.append((values[place] + values[place + _LENGTH - _TAP]) & _WORD)
    values.reverse()
    product = _unpack(_pack(_power(draws)) * _pack(values))
    return product[2 * _LENGTH - 2 : _LENGTH - 2 : -1]


def _power(exponent: int) -> list[int]:
    """Return `z^exponent` modulo `z^607 - z^334 - 1`, as its 607 coefficients."""
    power = [1] + [0] * (_LENGTH - 1)
    for bit in bin(exponent)[2:]:
        packed = _pack(power)
        power = _reduce(_unpack(packed * packed)[: 2 * _LENGTH - 1])
        if bit == "1":
            power = _reduce([0, *power])
    return power


def _pack(coefficients: Sequence[int]) -> int:
    """Return a polynomial as one integer, a lane a coefficient, so that products are products."""
    return int.from_bytes(b"".join(value.to_bytes(_LANE, "little") for value in coefficients), "little")


def _unpack(packed: int) -> list[int]:
    """Return the coefficients of a packed product modulo 2^64; zeros follow the last."""
    return [value for (value,) in _LOW_WORD.iter_unpack(packed.to_bytes(3 * _LENGTH * _LANE, "little"))]


def _reduce(coefficients: list[int]) -> list[int]:
    """Replace `z^607` by `z^334 + 1`, from the highest power down."""
    for place in range(len(coefficients) - 1, _LENGTH - 1, -1):
        value = coefficients.pop()
        coefficients[place - _LENGTH] += value
        coefficients[place - _TAP] += value
    return [value & _WORD for value in coefficients]


def _arrange(values: Sequence[int], draws: int) -> tuple[int, ...]:
    """Return values as the generator's array holds them after so many draws."""
    slots = [0] * _LENGTH
    for place, value in enumerate(values):
        slots[(333 - (draws - _LENGTH + place)) % _LENGTH] = value
    return tuple(slots)
