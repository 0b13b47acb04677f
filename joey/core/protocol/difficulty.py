"""Which relays count, what each of them stands for, and how a service's target moves.

A target is 32 bytes. A relay counts when its hash is below it, so a low target lets few relays into
the tries, and each of those stands for many.
Sources: pocket pkg/crypto/protocol/relay_difficulty.go, x/service/keeper/update_relay_mining_difficulty.go.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from joey.core.units import round_down

__all__ = [
    "BASE_TARGET",
    "compute_average",
    "compute_multiplier",
    "compute_new_target",
    "compute_probability",
    "is_counted",
    "scale_hash",
]

BASE_TARGET = b"\xff" * 32
"""The target under which every relay counts, but for a hash of all ones."""

_BASE = int.from_bytes(BASE_TARGET, "big")


_SMOOTHING = Fraction(3_602_879_701_896_397, 2**55)
"""The double nearest to a tenth: the weight of the newest number in the average."""

_FLOAT_BITS = 64
"""The precision at which the network adds up the average: Go's big.Float of a 64-bit integer."""


def is_counted(relay_hash: bytes, target: bytes) -> bool:
    """Tell whether a relay enters the trie: its hash is below the target, byte by byte."""
    return relay_hash < target


def compute_probability(target: bytes) -> Fraction:
    """Return how likely a relay is to count: the target over 2^256 - 1."""
    return Fraction(int.from_bytes(target, "big"), _BASE)


@lru_cache(maxsize=1024)
def compute_multiplier(target: bytes) -> Fraction:
    """Return how many relays a counted one stands for, the inverse of the probability.

    Raises `ValueError` for an all-zero target, under which no relay can count.
    """
    probability = compute_probability(target)
    if not probability:
        raise ValueError("a difficulty target of zero has no multiplier")
    return 1 / probability


def scale_hash(digest: bytes, ratio: Fraction) -> bytes:
    """Return a hash times a ratio, rounded down, as its shortest big-endian bytes (zero: none)."""
    scaled = round_down(int.from_bytes(digest, "big") * ratio)
    return scaled.to_bytes((scaled.bit_length() + 7) // 8, "big")


def compute_new_target(previous: bytes, relays_target: int, relays_average: int) -> bytes:
    """Return the target that brings an average of relays per session down, or up, to what is wanted.

    `relays_average` is the service's moving average of counted relays, `relays_target` what the
    network aims at. The result is at most `BASE_TARGET` and at least as long as `previous`. Raises
    `ValueError` for an average of zero, unless zero is the aim.
    """
    if relays_target == relays_average:
        return previous
    if relays_average == 0:
        raise ValueError("no target follows from an average of zero relays")
    scaled = scale_hash(previous, Fraction(relays_target, relays_average))
    if len(scaled) > len(BASE_TARGET):
        return BASE_TARGET
    return scaled.rjust(len(previous), b"\0")


def compute_average(previous: int, relays: int) -> int:
    """Return a service's moving average of counted relays after a block that settled `relays` of them.

    A tenth of the new and nine tenths of the old, rounded down; exact but for what Go's big.Float
    rounds off on the way: the two products and their sum are kept to 64 bits.
    """
    newest = _round_to_float(relays * _SMOOTHING)
    oldest = _round_to_float(previous * (1 - _SMOOTHING))
    return round_down(_round_to_float(newest + oldest))


def _round_to_float(value: Fraction) -> Fraction:
    """Return the nearest number of 64 significant bits, the even one of two.

    The denominator is a power of two.
    """
    surplus = value.numerator.bit_length() - _FLOAT_BITS
    if surplus <= 0:
        return value
    return Fraction(round(Fraction(value.numerator, 2**surplus)) * 2**surplus, value.denominator)
