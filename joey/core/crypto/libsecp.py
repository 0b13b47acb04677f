"""The operations of `curve` on libsecp256k1, through coincurve's own binding of it.

coincurve's classes allocate, copy and check more than a ring signature can afford, so the C
functions are called directly. Points are opaque here: make them with `read_point`, `find_point` or
an operation, look at them with `encode_point`. Every function takes infinity and any integer as a
scalar, as mathematics does and the library does not.

All functions may be called from several threads at once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NewType

from coincurve._libsecp256k1 import ffi, lib  # type: ignore[import-not-found]
from coincurve.context import GLOBAL_CONTEXT

from joey.core.crypto.curve import ORDER, PRIME

__all__ = [
    "Point",
    "INFINITY",
    "add",
    "encode_point",
    "find_point",
    "is_signature_valid",
    "multiply",
    "multiply_base",
    "multiply_secret",
    "read_point",
    "sign_digest",
]

Point = NewType("Point", object)
"""A `secp256k1_pubkey *`, or `INFINITY`."""

_POINT = ffi.typeof("secp256k1_pubkey *")
_POINT_PAIR = ffi.typeof("secp256k1_pubkey *[2]")
_BYTES_33 = ffi.typeof("unsigned char[33]")
_BYTES_64 = ffi.typeof("unsigned char[64]")
_SIZE = ffi.typeof("size_t *")
_SIGNATURE = ffi.typeof("secp256k1_ecdsa_signature *")

# Randomized by coincurve when it was made, which blinds multiplications of the base point.
_CONTEXT = GLOBAL_CONTEXT.ctx

INFINITY: Point = ffi.new(_POINT)
"""The neutral element: known by identity, never handed to the library, which aborts on it."""

_INFINITY_ENCODED = b"\x02" + bytes(32)

_POINTS_CACHED_MAX = 4096


@lru_cache(maxsize=_POINTS_CACHED_MAX)
def read_point(encoded: bytes) -> Point:
    """Return the point that 33 bytes stand for, at once if they were read before.

    Raises `ValueError` for any other length, a prefix other than 02 and 03, an x of p or more, and
    an x that no point has.
    """
    if len(encoded) != 33:  # the library reads uncompressed and hybrid points too
        raise ValueError("not a compressed point")
    result: Point = ffi.new(_POINT)
    if not lib.secp256k1_ec_pubkey_parse(_CONTEXT, result, encoded, 33):
        raise ValueError("not a compressed point, or no point of the curve has this x")
    return result


def find_point(x: int) -> Point | None:
    """Return the point with this x, taken modulo p, and an even y; None where the curve has none."""
    result: Point = ffi.new(_POINT)
    encoded = b"\x02" + (x % PRIME).to_bytes(32, "big")
    return result if lib.secp256k1_ec_pubkey_parse(_CONTEXT, result, encoded, 33) else None


def encode_point(point: Point) -> bytes:
    """Return 33 bytes: 02 or 03, then x; for infinity, as the network does, 02 and 32 zero bytes."""
    if point is INFINITY:
        return _INFINITY_ENCODED
    encoded = ffi.new(_BYTES_33)
    size = ffi.new(_SIZE, 33)
    lib.secp256k1_ec_pubkey_serialize(_CONTEXT, encoded, size, point, lib.SECP256K1_EC_COMPRESSED)
    return bytes(ffi.buffer(encoded))


def add(first: Point, second: Point) -> Point:
    """Return P + Q."""
    if first is INFINITY:
        return second
    if second is INFINITY:
        return first
    result: Point = ffi.new(_POINT)
    # The library refuses one sum only: that of two opposite points.
    pair = ffi.new(_POINT_PAIR, (first, second))
    return result if lib.secp256k1_ec_pubkey_combine(_CONTEXT, result, pair, 2) else INFINITY


def multiply(scalar: int, point: Point) -> Point:
    """Return k*P, in a time that depends on both: for what everybody may know."""
    if point is INFINITY:
        return INFINITY
    result: Any = ffi.new(_POINT)
    result[0] = point[0]  # type: ignore[index]
    # The library refuses one product only: that with zero.
    factor = (scalar % ORDER).to_bytes(32, "big")
    return result if lib.secp256k1_ec_pubkey_tweak_mul(_CONTEXT, result, factor) else INFINITY


def multiply_base(scalar: int) -> Point:
    """Return k*G, in a time that does not depend on k: fit for secrets."""
    result: Point = ffi.new(_POINT)
    factor = (scalar % ORDER).to_bytes(32, "big")
    return result if lib.secp256k1_ec_pubkey_create(_CONTEXT, result, factor) else INFINITY


def multiply_secret(scalar: int, point: Point) -> Point:
    """Return k*P in a time that does not depend on k: fit for secrets, and slower than `multiply`.

    The one such product the library offers is the shared point of a Diffie-Hellman exchange, which
    it hands to a hash function of the caller's choice. Ours keeps the coordinates as they are.
    """
    if point is INFINITY:
        return INFINITY
    coordinates = ffi.new(_BYTES_64)
    factor = (scalar % ORDER).to_bytes(32, "big")
    if not lib.secp256k1_ecdh(_CONTEXT, coordinates, point, factor, _KEEP_COORDINATES, ffi.NULL):
        return INFINITY
    result: Point = ffi.new(_POINT)
    lib.secp256k1_ec_pubkey_parse(_CONTEXT, result, b"\x04" + bytes(ffi.buffer(coordinates)), 65)
    return result


def _keep_coordinates(output: Any, x: Any, y: Any, _data: Any) -> int:
    """Be the `secp256k1_ecdh_hash_function` that hashes nothing: `output` is x, then y."""
    ffi.memmove(output, x, 32)
    ffi.memmove(output + 32, y, 32)
    return 1


_KEEP_COORDINATES = ffi.callback(
    "int(unsigned char *, const unsigned char *, const unsigned char *, void *)", _keep_coordinates
)


def sign_digest(digest: bytes, secret: bytes) -> bytes:
    """Return the ECDSA signature of 32 bytes with a valid private key: r, s; s in the lower half.

    The nonce is that of RFC 6979 with HMAC-SHA256, so that signing is deterministic.
    """
    signature = ffi.new(_SIGNATURE)
    if not lib.secp256k1_ecdsa_sign(_CONTEXT, signature, digest, secret, ffi.NULL, ffi.NULL):
        raise ValueError("not a private key")
    encoded = ffi.new(_BYTES_64)
    lib.secp256k1_ecdsa_signature_serialize_compact(_CONTEXT, encoded, signature)
    return bytes(ffi.buffer(encoded))


def is_signature_valid(digest: bytes, signature: bytes, point: Point) -> bool:
    """Tell whether 64 bytes r, s sign the 32 bytes `digest`: r and s below N, s in the lower half."""
    parsed = ffi.new(_SIGNATURE)
    return bool(
        lib.secp256k1_ecdsa_signature_parse_compact(_CONTEXT, parsed, signature)
        and lib.secp256k1_ecdsa_verify(_CONTEXT, parsed, digest, point)
    )
