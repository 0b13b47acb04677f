"""secp256k1 in plain Python: slow and obvious, to check `libsecp` with.

Nothing here is fast and nothing hides a secret from a clock: never sign with a real key here.

Source: SEC 2 version 2.0, section 2.4.1 (the curve), SEC 1 version 2.0, section 2.3 (encodings).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Point",
    "INFINITY",
    "GENERATOR",
    "ORDER",
    "PRIME",
    "add",
    "encode_point",
    "find_point",
    "multiply",
    "multiply_base",
    "negate",
    "read_point",
]

PRIME = 2**256 - 2**32 - 977
"""The field's prime p: coordinates are integers modulo it, and y^2 = x^3 + 7."""

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""The group's order N: scalars are integers modulo it."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point in affine coordinates, each in [0, p)."""

    x: int
    y: int


INFINITY = Point(0, 0)
"""The neutral element. It lies off the curve, so that these coordinates mean nothing else."""

GENERATOR = Point(
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def negate(point: Point) -> Point:
    """Return -P."""
    return Point(point.x, -point.y % PRIME)


def add(first: Point, second: Point) -> Point:
    """Return P + Q by the group law, whatever the two are."""
    if first == INFINITY:
        return second
    if second == INFINITY:
        return first
    if first == negate(second):
        return INFINITY
    if first == second:
        slope = 3 * first.x * first.x * pow(2 * first.y, -1, PRIME)
    else:
        slope = (second.y - first.y) * pow(second.x - first.x, -1, PRIME)
    x = (slope * slope - first.x - second.x) % PRIME
    return Point(x, (slope * (first.x - x) - first.y) % PRIME)


def multiply(scalar: int, point: Point) -> Point:
    """Return k*P for an integer k, taken modulo N."""
    result = INFINITY
    for bit in format(scalar % ORDER, "b"):
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def multiply_base(scalar: int) -> Point:
    """Return k*G for an integer k, taken modulo N."""
    return multiply(scalar, GENERATOR)


def find_point(x: int) -> Point | None:
    """Return the point with this x, taken modulo p, and an even y; None where the curve has none."""
    x %= PRIME
    square = (x**3 + 7) % PRIME
    y = pow(square, (PRIME + 1) // 4, PRIME)  # the root, if there is one, since p = 3 modulo 4
    if y * y % PRIME != square:
        return None
    return Point(x, y if y % 2 == 0 else PRIME - y)


def encode_point(point: Point) -> bytes:
    """Return 33 bytes: 02 for an even y or 03 for an odd one, then x big-endian.

    Infinity becomes 02 and 32 zero bytes: SEC 1 has another form for it, the network has this one.
    Source: dcrec/secp256k1 v4, PublicKey.SerializeCompressed of the coordinates (0, 0).
    """
    return bytes([2 + point.y % 2]) + point.x.to_bytes(32, "big")


def read_point(encoded: bytes) -> Point:
    """Return the point that 33 bytes stand for.

    Raises `ValueError` for any other length, a prefix other than 02 and 03, an x of p or more, and
    an x that no point has. Infinity cannot be read.
    """
    if len(encoded) != 33 or encoded[0] not in (2, 3):
        raise ValueError("not a compressed point")
    x = int.from_bytes(encoded[1:], "big")
    even = find_point(x) if x < PRIME else None
    if even is None:
        raise ValueError("no point of the curve has this x")
    return even if encoded[0] == 2 else negate(even)
