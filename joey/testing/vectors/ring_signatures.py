"""Checks of `ring_signatures.json`: hashes to scalars and points, key images, ring signatures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha3_256, sha3_512

from joey.core.crypto import libsecp
from joey.core.crypto.curve import ORDER
from joey.core.crypto.keys import PrivateKey
from joey.core.crypto.ring import (
    are_linked,
    compute_key_image,
    hash_to_curve,
    hash_to_scalar,
    is_ring_valid,
    read_ring,
    sign_ring,
)
from joey.testing.vectors.item import Item, MalformedItem

__all__ = ["GROUPS", "replay_scalars"]


def replay_scalars(scalars: Sequence[bytes]) -> Callable[[], int]:
    """Return a source of scalars that gives recorded ones, 32 bytes each, in order.

    It raises `MalformedItem` when more are asked for.
    """
    remaining = iter(scalars)

    def draw() -> int:
        scalar = next(remaining, None)
        if scalar is None:
            raise MalformedItem("random_scalars has too few scalars")
        return int.from_bytes(scalar, "big")

    return draw


def check_hash_to_scalar(item: Item) -> None:
    """Compare H2S of the input, and the numbers on the way to it."""
    data = item.octets("input")
    digest = sha3_512(data).digest()
    scalar = hash_to_scalar(data)
    item.expect("sha3_512", digest)
    item.expect("mod_n_byte_len", _count_bytes(data))
    item.expect("scalar", _encode(scalar))
    item.expect("differs_from_plain_mod_n", scalar != int.from_bytes(digest, "big") % ORDER)


def check_hash_to_curve(item: Item) -> None:
    """Compare Hp of a public key and how often was hashed for it."""
    public_key = item.octets("pubkey")
    digest, attempts = sha3_256(public_key).digest(), 1
    while libsecp.find_point(int.from_bytes(digest, "big")) is None:
        digest, attempts = sha3_256(digest).digest(), attempts + 1
    item.expect("point", hash_to_curve(public_key))
    item.expect("attempts", attempts)


def check_key_image(item: Item) -> None:
    """Compare the public key and the key image of a private key."""
    key = PrivateKey(item.octets("private_key"))
    item.expect("pubkey", key.public_key)
    item.expect("key_image", compute_key_image(key))


def check_signature(item: Item) -> None:
    """Sign with the recorded scalars; compare the signature, its parts and each step to it."""
    keys = [PrivateKey(secret) for secret in item.octets_list("ring_private_keys")]
    ring = [key.public_key for key in keys]
    item.expect("ring_public_keys", ring)
    item.expect("ring_size", len(ring))
    signer, message = item.integer("signer_index"), item.octets("message")
    scalars = item.octets_list("random_scalars")
    signature = sign_ring(message, ring, signer, keys[signer], replay_scalars(scalars))
    item.expect_count("random_scalars", len(ring))
    item.expect("signature", signature)
    parts = read_ring(signature)
    item.expect("c0", _encode(parts.c0))
    item.expect("key_image", parts.key_image)
    item.expect("s", [_encode(scalar) for scalar, _ in parts.members])
    item.expect("verify", is_ring_valid(message, item.octets("signature")))

    steps = item.items("challenges_in_computation_order")
    item.expect_count("challenges_in_computation_order", len(ring))
    image = libsecp.read_point(parts.key_image)
    nonce = int.from_bytes(scalars[0], "big")
    challenge = 0
    short = False
    for distance, step in enumerate(steps):
        index = (signer + distance) % len(ring)
        point, hash_point = (libsecp.read_point(one) for one in (ring[index], hash_to_curve(ring[index])))
        if distance == 0:
            left, right = libsecp.multiply_base(nonce), libsecp.multiply(nonce, hash_point)
        else:
            scalar, _ = parts.members[index]
            left = libsecp.add(libsecp.multiply_base(scalar), libsecp.multiply(challenge, point))
            right = libsecp.add(libsecp.multiply(scalar, hash_point), libsecp.multiply(challenge, image))
        encoded = libsecp.encode_point(left), libsecp.encode_point(right)
        preimage = message + encoded[0] + encoded[1]
        challenge = hash_to_scalar(preimage)
        short = short or _count_bytes(preimage) < 32
        step.expect("L", encoded[0])
        step.expect("R", encoded[1])
        step.expect("challenge", _encode(challenge))
    item.expect("has_short_challenge", short)


def check_verdict(item: Item) -> None:
    """Compare whether a signature can be read and whether it is valid; a crash counts as invalid."""
    message, signature = item.octets("message"), item.octets("signature")
    valid = is_ring_valid(message, signature)
    item.expect("verify", valid)
    outcome = item.text("outcome")
    if outcome == "panic":
        return
    try:
        read_ring(signature)
    except ValueError:
        computed = "deserialize_error"
    else:
        computed = "valid" if valid else "invalid"
    item.expect("outcome", computed)


def check_link(item: Item) -> None:
    """Compare whether two signatures are by one key."""
    item.expect("linked", are_linked(item.octets("signature_a"), item.octets("signature_b")))


def _encode(scalar: int) -> bytes:
    return scalar.to_bytes(32, "big")


def _count_bytes(data: bytes) -> int:
    """Return how many bytes SHA3-512 modulo N has without leading zeros."""
    return ((int.from_bytes(sha3_512(data).digest(), "big") % ORDER).bit_length() + 7) // 8


GROUPS: Mapping[str, Callable[[Item], None]] = {
    "hash_to_scalar": check_hash_to_scalar,
    "hash_to_curve": check_hash_to_curve,
    "key_images": check_key_image,
    "signatures": check_signature,
    "accepted_variants": check_verdict,
    "tampered": check_verdict,
    "links": check_link,
}
