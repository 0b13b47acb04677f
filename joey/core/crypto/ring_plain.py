"""Ring signatures once more, in plain Python and straight from their definition, to check `ring`.

Nothing is shared with `ring`: not the reading of bytes, not the hashes, not the curve. Slow, and not
for real keys.

Source: bLSAG with the network's encodings, as `ring` describes them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from hashlib import sha3_256, sha3_512

from joey.core.crypto import curve
from joey.core.crypto.curve import ORDER, Point

__all__ = ["hash_to_curve", "hash_to_scalar", "is_ring_valid", "sign_ring"]


def sign_ring(
    message: bytes, ring: Sequence[bytes], signer_index: int, secret: int, random_scalar: Callable[[], int]
) -> bytes:
    """Return the encoded signature by the private scalar of `ring[signer_index]`.

    Random scalars are taken in the order nonce, then the members after the signer around the ring.
    """
    size = len(ring)
    own_hash = hash_to_curve(ring[signer_index])
    image = curve.multiply(secret, own_hash)
    c: dict[int, int] = {}
    s: dict[int, int] = {}

    u = random_scalar()
    left, right = curve.multiply_base(u), curve.multiply(u, own_hash)
    for index in [*range(signer_index + 1, size), *range(signer_index)]:
        c[index] = _challenge(message, left, right)
        s[index] = random_scalar()
        left, right = _equations(s[index], c[index], ring[index], image)
    c[signer_index] = _challenge(message, left, right)
    s[signer_index] = (u - c[signer_index] * secret) % ORDER

    parts = [struct.pack(">I", size), _to_bytes(c[0]), curve.encode_point(image)]
    for index in range(size):
        parts += [_to_bytes(s[index]), ring[index]]
    return b"".join(parts)


def is_ring_valid(message: bytes, signature: bytes) -> bool:
    """Tell whether the signature holds for the 32 bytes `message`; False for what cannot be read."""
    if len(message) != 32 or len(signature) < 4:
        return False
    (size,) = struct.unpack_from(">I", signature)
    body = signature[4 : 4 + 65 * (size + 1)]
    if size == 0 or len(body) != 65 * (size + 1):
        return False
    # The head, c0 and the key image, is laid out like a member.
    pieces = [(body[i : i + 32], body[i + 32 : i + 65]) for i in range(0, len(body), 65)]
    try:
        for _, encoded in pieces:
            curve.read_point(encoded)
    except ValueError:
        return False

    c0 = int.from_bytes(pieces[0][0], "big") % ORDER
    image = curve.read_point(pieces[0][1])
    c = c0
    for scalar, public_key in pieces[1:]:
        left, right = _equations(int.from_bytes(scalar, "big") % ORDER, c, public_key, image)
        c = _challenge(message, left, right)
    return c == c0


def hash_to_curve(public_key: bytes) -> Point:
    """Return Hp(P): the first of SHA3-256(P), SHA3-256(SHA3-256(P)), ... that is the x of a point."""
    digest = public_key
    for _ in range(128):
        digest = sha3_256(digest).digest()
        point = curve.find_point(int.from_bytes(digest, "big"))
        if point is not None:
            return point
    raise ValueError("no point after 128 tries")


def hash_to_scalar(data: bytes) -> int:
    """Return H2S: SHA3-512 modulo N, as bytes without leading zeros, filled up with zeros on the right."""
    number = int.from_bytes(sha3_512(data).digest(), "big") % ORDER
    padded = _to_bytes(number).lstrip(b"\x00").ljust(32, b"\x00")
    return int.from_bytes(padded, "big") % ORDER


def _equations(s: int, c: int, public_key: bytes, image: Point) -> tuple[Point, Point]:
    """Return L = s*G + c*P and R = s*Hp(P) + c*I."""
    left = curve.add(curve.multiply_base(s), curve.multiply(c, curve.read_point(public_key)))
    right = curve.add(curve.multiply(s, hash_to_curve(public_key)), curve.multiply(c, image))
    return left, right


def _challenge(message: bytes, left: Point, right: Point) -> int:
    """Return H2S(m, L, R)."""
    return hash_to_scalar(message + curve.encode_point(left) + curve.encode_point(right))


def _to_bytes(scalar: int) -> bytes:
    """Return 32 bytes, big-endian."""
    return scalar.to_bytes(32, "big")
