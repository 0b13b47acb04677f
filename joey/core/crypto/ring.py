"""Ring signatures: some member of a ring of keys signed, without saying which.

They are bLSAG signatures over secp256k1 as the network makes them. Each key has one *key image*, so
that two signatures by one key can be seen to be *linked*; that is all they tell. Who belongs in a
ring is decided elsewhere: a signature carries its own ring, and it is for the caller to compare.

`ring_plain` is the same, written a second time in plain Python, for checking.

Source: pokt-network/ring-go 782cc69 with go-dleq 488f42a (Decred backend), whose treatment of odd
input is kept, since a chain has to agree: scalars of N and more are reduced, bytes after the last
member are ignored, a ring of one verifies, a key may repeat, and infinity encodes as 02 and zeros.
Where that code crashes (an empty ring, fewer than 4 bytes), the signature is invalid.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from joey.core.crypto import libsecp
from joey.core.crypto.curve import ORDER
from joey.core.crypto.keys import PrivateKey
from joey.core.crypto.libsecp import Point

__all__ = [
    "RingSignature",
    "are_linked",
    "compute_key_image",
    "encode_ring",
    "hash_to_curve",
    "hash_to_scalar",
    "is_ring_valid",
    "read_ring",
    "sign_ring",
]

_MESSAGE_LENGTH = 32
_HEAD_LENGTH = 69
_MEMBER_LENGTH = 65
_CACHED_MAX = 4096


@dataclass(frozen=True, slots=True)
class RingSignature:
    """A decoded signature, whose points are points and whose scalars are below N.

    Encoding: members as 4 bytes big-endian, `c0` (32 bytes big-endian), `key_image` (33), then for
    each member its scalar (32) and its public key (33).
    """

    c0: int
    key_image: bytes
    members: tuple[tuple[int, bytes], ...]

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """The ring, 33 bytes a key, in the order of signing."""
        return tuple(public_key for _, public_key in self.members)


def sign_ring(
    message: bytes,
    ring: Sequence[bytes],
    signer_index: int,
    key: PrivateKey,
    random_scalar: Callable[[], int],
) -> bytes:
    """Return the encoded signature of 32 bytes by `key`, which is `ring[signer_index]`.

    `random_scalar` is called once per member, for a fresh secret in [1, N) each time: first the
    nonce, then the scalars of the members after the signer, around the ring. A nonce used twice, or
    known to another, gives the key away.

    Raises `ValueError` when the message is not 32 bytes, the ring has fewer than two members or one
    that is no public key, the key is not at the index, or a scalar is out of range.
    """
    size = len(ring)
    if len(message) != _MESSAGE_LENGTH:
        raise ValueError("a ring signs 32 bytes")
    if size < 2:
        raise ValueError("a ring has at least two members")
    if not 0 <= signer_index < size or ring[signer_index] != key.public_key:
        raise ValueError("the key is not the member of the ring at that index")
    members = [_read_member(public_key) for public_key in ring]
    image = _compute_image(key)
    nonce = _draw(random_scalar)
    challenge = _compute_challenge(
        message,
        libsecp.multiply_base(nonce),
        libsecp.multiply_secret(nonce, members[signer_index].hash_point),
    )
    challenges, scalars = [0] * size, [0] * size
    for step in range(1, size):
        index = (signer_index + step) % size
        challenges[index] = challenge
        scalars[index] = _draw(random_scalar)
        challenge = _pass_member(message, scalars[index], challenge, members[index], image)
    challenges[signer_index] = challenge
    scalars[signer_index] = (nonce - challenge * key.scalar) % ORDER
    return encode_ring(
        RingSignature(challenges[0], libsecp.encode_point(image), tuple(zip(scalars, ring, strict=True)))
    )


def is_ring_valid(message: bytes, signature: bytes) -> bool:
    """Tell whether some member of the ring in the signature signed the 32 bytes `message`.

    It never raises: what cannot be read is not valid. The work grows with the ring, which the sender
    chose, so compare its members, and bound their number, first.
    """
    try:
        ring = read_ring(signature)
    except ValueError:
        return False
    if len(message) != _MESSAGE_LENGTH:
        return False
    image = libsecp.read_point(ring.key_image)
    challenge = ring.c0
    for scalar, public_key in ring.members:
        challenge = _pass_member(message, scalar, challenge, _read_member(public_key), image)
    return challenge == ring.c0


def read_ring(signature: bytes) -> RingSignature:
    """Return the signature that the bytes encode, its points checked, its arithmetic not.

    Scalars are reduced modulo N; what follows the last member is ignored. Raises `ValueError` when
    bytes are missing, the ring is empty, or a point is none.
    """
    encoded = bytes(signature)
    size = int.from_bytes(encoded[:4], "big")
    end = _HEAD_LENGTH + _MEMBER_LENGTH * size
    if size == 0 or len(encoded) < end:
        raise ValueError("the ring is empty or the signature too short")
    key_image = encoded[36:_HEAD_LENGTH]
    libsecp.read_point(key_image)
    members = []
    for start in range(_HEAD_LENGTH, end, _MEMBER_LENGTH):
        public_key = encoded[start + 32 : start + _MEMBER_LENGTH]
        libsecp.read_point(public_key)
        members.append((_read_scalar(encoded[start : start + 32]), public_key))
    return RingSignature(_read_scalar(encoded[4:36]), key_image, tuple(members))


def encode_ring(ring: RingSignature) -> bytes:
    """Return the bytes of a signature, as `RingSignature` lays them out."""
    head = len(ring.members).to_bytes(4, "big") + ring.c0.to_bytes(32, "big") + ring.key_image
    return head + b"".join(scalar.to_bytes(32, "big") + public_key for scalar, public_key in ring.members)


def are_linked(first: bytes, second: bytes) -> bool:
    """Tell whether one key made both signatures; raises `ValueError` when one cannot be read.

    This holds for valid signatures only: anybody can write a key image into an invalid one.
    """
    return read_ring(first).key_image == read_ring(second).key_image


def compute_key_image(key: PrivateKey) -> bytes:
    """Return x * Hp(P), 33 bytes: the same in every signature of a key, whatever the ring."""
    return libsecp.encode_point(_compute_image(key))


def hash_to_curve(public_key: bytes) -> bytes:
    """Return Hp(P), 33 bytes: a point for a public key whose logarithm nobody knows.

    Raises `ValueError` when the 33 bytes are no public key.
    """
    return libsecp.encode_point(_read_member(public_key).hash_point)


def hash_to_scalar(data: bytes) -> int:
    """Return H2S of any bytes, below N: SHA3-512 as a big-endian integer modulo N, then a quirk.

    The network writes that integer without leading zeros at the *left* of 32 bytes. One in 256 is
    below 2^248 and so becomes 256 times as large, or more.
    Source: go-dleq secp256k1/curve_decred.go, HashToScalar.
    """
    number = int.from_bytes(hashlib.sha3_512(data).digest(), "big") % ORDER
    if number >> 248:
        return number
    length = (number.bit_length() + 7) // 8
    return (number << 8 * (32 - length)) % ORDER


@dataclass(frozen=True, slots=True)
class _Member:
    """A public key as a point P, and Hp(P)."""

    point: Point
    hash_point: Point


@lru_cache(maxsize=_CACHED_MAX)
def _read_member(public_key: bytes) -> _Member:
    """Return the points of a public key; raises `ValueError` when it is none."""
    point = libsecp.read_point(public_key)
    digest = hashlib.sha3_256(public_key).digest()
    # Every second x has a point; the reference stops after 128 tries, which nobody will see.
    while (hash_point := libsecp.find_point(int.from_bytes(digest, "big"))) is None:
        digest = hashlib.sha3_256(digest).digest()
    return _Member(point, hash_point)


@lru_cache(maxsize=_CACHED_MAX)
def _compute_image(key: PrivateKey) -> Point:
    """Return the key image as a point."""
    return libsecp.multiply_secret(key.scalar, _read_member(key.public_key).hash_point)


def _pass_member(message: bytes, scalar: int, challenge: int, member: _Member, image: Point) -> int:
    """Return the challenge of the next member, from L = s*G + c*P and R = s*Hp(P) + c*I.

    Each product is a call of its own: s*G by the library's table, and then a sum, is faster than its
    combined addition of a multiple of G.
    """
    left = libsecp.add(libsecp.multiply(challenge, member.point), libsecp.multiply_base(scalar))
    right = libsecp.add(libsecp.multiply(scalar, member.hash_point), libsecp.multiply(challenge, image))
    return _compute_challenge(message, left, right)


def _compute_challenge(message: bytes, left: Point, right: Point) -> int:
    """Return C(m, L, R)."""
    return hash_to_scalar(message + libsecp.encode_point(left) + libsecp.encode_point(right))


def _read_scalar(encoded: bytes) -> int:
    """Return 32 big-endian bytes modulo N: the network reduces and does not reject."""
    return int.from_bytes(encoded, "big") % ORDER


def _draw(random_scalar: Callable[[], int]) -> int:
    """Return the next random scalar; raises `ValueError` outside [1, N)."""
    scalar = random_scalar()
    if not 0 < scalar < ORDER:
        raise ValueError("a random scalar is in [1, N)")
    return scalar
