"""Ring signatures against the reference's own, and where it does odd things, as it does them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from hashlib import sha3_512, sha256
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from joey.core.crypto import libsecp, ring_plain
from joey.core.crypto.curve import ORDER, PRIME, encode_point
from joey.core.crypto.keys import PrivateKey
from joey.core.crypto.ring import (
    RingSignature,
    are_linked,
    compute_key_image,
    encode_ring,
    hash_to_curve,
    hash_to_scalar,
    is_ring_valid,
    read_ring,
    sign_ring,
)

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "ring_signatures.json").read_text()
)
JUDGED = [*VECTORS["accepted_variants"], *VECTORS["tampered"]]

# Source: pocket-relay-miner, examples/relay-signing.
APPLICATION = PrivateKey.from_hex("2d00ef074d9b51e46886dc9a1df11e7b986611d0f336bdcf1f0adce3e037ec0a")
GATEWAY = PrivateKey.from_hex("1a11ef074d9b51e46886dc9a1df11e7b986611d0f336bdcf1f0adce3e037ab11")
RING = (APPLICATION.public_key, GATEWAY.public_key)
MESSAGE = sha256(b"fixed message").digest()
FIXED_SIGNATURE = bytes.fromhex(
    "0000000293f1c920556a7c0ca439a0dfc5db3904b547a14a2572f225ba3e0bb8dca860fa02c82a2efdba0348c63e87377a0fb0d882"
    "a4fc696744aec6b6991bcbe1b2364536ec18eac8d758b1eba52d3c10d39adc6dd9806472cb4ae069635d383d9086a5130397896e9b"
    "106df70124a856861cc9be52fac9980e2c7a118a36c19d0198692cc53388530832fb116f027afa2c25f5b73a6a6483f1e1d54ac70d"
    "e5429f1d671a8002bbbf99abdcddac27350bca272d7146187c091aacfc1c6f90819c9b6daf4fe846"
)


def scalars(*values: int) -> Callable[[], int]:
    """Return a source of exactly these scalars."""
    return iter(values).__next__


def seeded(seed: int) -> Callable[[], int]:
    """Return an endless source of scalars in [1, N)."""
    generator = random.Random(seed)
    return lambda: generator.randrange(1, ORDER)


@pytest.mark.parametrize("vector", VECTORS["hash_to_scalar"], ids=lambda vector: vector["input"][:16])
def test_hash_to_scalar(vector: dict[str, Any]) -> None:
    data, expected = bytes.fromhex(vector["input"]), int(vector["scalar"], 16)
    assert hash_to_scalar(data) == ring_plain.hash_to_scalar(data) == expected
    plain = int.from_bytes(sha3_512(data).digest(), "big") % ORDER
    assert (expected != plain) == vector["differs_from_plain_mod_n"]


def test_short_hash_is_aligned_left() -> None:
    assert hash_to_scalar(b"pocket") == 0x43913F269AB77AD581E23102878C906EACD55FD9E973714F0EBBE9B55AD56FEF
    assert int.from_bytes(sha3_512(b"relay-msg-349").digest(), "big") % ORDER == (
        0x00BD133CD1452701AE1D3910E3AD3FB1A3DDDD7FC62CCE0521503D6F6E658DD6
    )
    assert hash_to_scalar(b"relay-msg-349") == (
        0xBD133CD1452701AE1D3910E3AD3FB1A3DDDD7FC62CCE0521503D6F6E658DD600
    )


@pytest.mark.parametrize("vector", VECTORS["hash_to_curve"], ids=lambda vector: vector["pubkey"][:16])
def test_hash_to_curve(vector: dict[str, Any]) -> None:
    public_key = bytes.fromhex(vector["pubkey"])
    assert hash_to_curve(public_key).hex() == vector["point"]
    assert encode_point(ring_plain.hash_to_curve(public_key)).hex() == vector["point"]


def test_hash_to_curve_of_the_example() -> None:
    assert [hash_to_curve(public_key).hex() for public_key in RING] == [
        "02f72a1f27fa696323f979f608a525372567ad7c532736465db78c7d7118ce46e0",
        "02703716bd1d384b39442d0fe0a121ef050bd663d6a2a297902db45fd5874e0ed2",
    ]


@pytest.mark.parametrize("vector", VECTORS["key_images"], ids=lambda vector: vector["pubkey"][:16])
def test_key_image(vector: dict[str, Any]) -> None:
    key = PrivateKey.from_hex(vector["private_key"])
    assert key.public_key.hex() == vector["pubkey"]
    assert compute_key_image(key).hex() == vector["key_image"]


def test_signature_of_the_example() -> None:
    u, s0 = (int.from_bytes(sha256(text).digest(), "big") % ORDER for text in (b"u", b"s0"))
    assert compute_key_image(GATEWAY).hex() == (
        "02c82a2efdba0348c63e87377a0fb0d882a4fc696744aec6b6991bcbe1b2364536"
    )
    assert sign_ring(MESSAGE, RING, 1, GATEWAY, scalars(u, s0)) == FIXED_SIGNATURE
    assert ring_plain.sign_ring(MESSAGE, RING, 1, GATEWAY.scalar, scalars(u, s0)) == FIXED_SIGNATURE
    assert is_ring_valid(MESSAGE, FIXED_SIGNATURE)
    assert ring_plain.is_ring_valid(MESSAGE, FIXED_SIGNATURE)


@pytest.mark.parametrize("vector", VECTORS["signatures"], ids=lambda vector: vector["id"])
def test_signatures_of_the_reference(vector: dict[str, Any]) -> None:
    message, signature = bytes.fromhex(vector["message"]), bytes.fromhex(vector["signature"])
    ring = [bytes.fromhex(public_key) for public_key in vector["ring_public_keys"]]
    index = vector["signer_index"]
    key = PrivateKey.from_hex(vector["ring_private_keys"][index])
    random_scalars = [int(scalar, 16) for scalar in vector["random_scalars"]]

    assert sign_ring(message, ring, index, key, scalars(*random_scalars)) == signature
    assert is_ring_valid(message, signature) == vector["verify"]
    assert ring_plain.is_ring_valid(message, signature) == vector["verify"]
    decoded = read_ring(signature)
    assert decoded.c0 == int(vector["c0"], 16)
    assert decoded.key_image.hex() == vector["key_image"]
    assert decoded.members == tuple(zip([int(s, 16) for s in vector["s"]], ring, strict=True))
    assert decoded.public_keys == tuple(ring)
    assert encode_ring(decoded) == signature


def test_some_signatures_of_the_reference_have_short_challenges() -> None:
    assert any(vector["has_short_challenge"] for vector in VECTORS["signatures"])


@pytest.mark.parametrize("vector", JUDGED, ids=lambda vector: vector["kind"])
def test_verdicts_of_the_reference(vector: dict[str, Any]) -> None:
    message, signature = bytes.fromhex(vector["message"]), bytes.fromhex(vector["signature"])
    assert is_ring_valid(message, signature) == vector["verify"]
    assert ring_plain.is_ring_valid(message, signature) == vector["verify"]
    if vector["outcome"] in ("valid", "invalid"):
        read_ring(signature)
    else:
        with pytest.raises(ValueError, match=r"point|too short"):
            read_ring(signature)


@pytest.mark.parametrize("vector", VECTORS["links"], ids=lambda vector: str(vector["linked"]))
def test_links_of_the_reference(vector: dict[str, Any]) -> None:
    first, second = bytes.fromhex(vector["signature_a"]), bytes.fromhex(vector["signature_b"])
    assert are_linked(first, second) == vector["linked"]


def test_links_follow_the_key_and_not_the_ring() -> None:
    other = sha256(b"another message").digest()
    by_gateway = sign_ring(MESSAGE, RING, 1, GATEWAY, seeded(1))
    assert are_linked(by_gateway, sign_ring(other, RING[::-1], 0, GATEWAY, seeded(2)))
    assert not are_linked(by_gateway, sign_ring(MESSAGE, RING, 0, APPLICATION, seeded(3)))
    with pytest.raises(ValueError, match="too short"):
        are_linked(by_gateway, b"")


def test_many_signatures_verify() -> None:
    """About one in 128 has a challenge that the left alignment changes."""
    draw = seeded(7)
    for number in range(1500):
        message = sha256(number.to_bytes(4, "big")).digest()
        assert is_ring_valid(
            message, sign_ring(message, RING, number % 2, (APPLICATION, GATEWAY)[number % 2], draw)
        )


def test_any_bytes_like_signature_will_do() -> None:
    assert is_ring_valid(bytearray(MESSAGE), bytearray(FIXED_SIGNATURE))
    assert is_ring_valid(MESSAGE, memoryview(FIXED_SIGNATURE))


@pytest.mark.parametrize("message", [b"", MESSAGE[:31], MESSAGE + b"\x00", MESSAGE * 2])
def test_a_message_has_32_bytes(message: bytes) -> None:
    assert not is_ring_valid(message, FIXED_SIGNATURE)
    assert not ring_plain.is_ring_valid(message, FIXED_SIGNATURE)
    with pytest.raises(ValueError, match="32 bytes"):
        sign_ring(message, RING, 1, GATEWAY, seeded(1))


def test_what_cannot_be_signed() -> None:
    foreign = PrivateKey.from_bytes(b"\x07" * 32)
    for index in (-1, 0, 2):
        with pytest.raises(ValueError, match="at that index"):
            sign_ring(MESSAGE, RING, index, GATEWAY, seeded(1))
    with pytest.raises(ValueError, match="at that index"):
        sign_ring(MESSAGE, RING, 1, foreign, seeded(1))
    for ring in ([], [GATEWAY.public_key]):
        with pytest.raises(ValueError, match="two members"):
            sign_ring(MESSAGE, ring, 0, GATEWAY, seeded(1))
    with pytest.raises(ValueError, match="point"):
        sign_ring(MESSAGE, [bytes(33), GATEWAY.public_key], 1, GATEWAY, seeded(1))


@pytest.mark.parametrize("scalar", [0, -1, ORDER, 2**256])
def test_random_scalars_out_of_range(scalar: int) -> None:
    for drawn in ([scalar, 1], [1, scalar]):
        with pytest.raises(ValueError, match="random scalar"):
            sign_ring(MESSAGE, RING, 1, GATEWAY, scalars(*drawn))


def test_every_truncation_is_invalid() -> None:
    for length in range(len(FIXED_SIGNATURE)):
        assert not is_ring_valid(MESSAGE, FIXED_SIGNATURE[:length])
        with pytest.raises(ValueError, match="too short"):
            read_ring(FIXED_SIGNATURE[:length])


@pytest.mark.parametrize("size", [0, 3, 255, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1])
def test_sizes_that_the_bytes_do_not_hold(size: int) -> None:
    assert not is_ring_valid(MESSAGE, size.to_bytes(4, "big") + FIXED_SIGNATURE[4:])
    assert not is_ring_valid(MESSAGE, size.to_bytes(4, "big"))
    assert not ring_plain.is_ring_valid(MESSAGE, size.to_bytes(4, "big") + FIXED_SIGNATURE[4:])


@pytest.mark.parametrize("start", [36, 101, 166])
@pytest.mark.parametrize("prefix", [0, 1, 4, 5, 6, 7, 0xFF])
def test_other_prefixes_of_points(start: int, prefix: int) -> None:
    changed = bytearray(FIXED_SIGNATURE)
    changed[start] = prefix
    assert not is_ring_valid(MESSAGE, bytes(changed))
    assert not ring_plain.is_ring_valid(MESSAGE, bytes(changed))


@pytest.mark.parametrize("start", [36, 101, 166])
@pytest.mark.parametrize("x", [0, 5, PRIME, PRIME + 1, 2**256 - 1])
def test_points_that_are_none(start: int, x: int) -> None:
    changed = FIXED_SIGNATURE[: start + 1] + x.to_bytes(32, "big") + FIXED_SIGNATURE[start + 33 :]
    assert not is_ring_valid(MESSAGE, changed)
    assert not ring_plain.is_ring_valid(MESSAGE, changed)


@pytest.mark.parametrize("start", [4, 69, 134])
@pytest.mark.parametrize("scalar", [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1])
def test_odd_scalars_in_place_of_the_right_ones(start: int, scalar: int) -> None:
    changed = FIXED_SIGNATURE[:start] + scalar.to_bytes(32, "big") + FIXED_SIGNATURE[start + 32 :]
    assert not is_ring_valid(MESSAGE, changed)
    assert not ring_plain.is_ring_valid(MESSAGE, changed)
    assert read_ring(changed) != read_ring(FIXED_SIGNATURE)


def test_scalars_are_read_modulo_the_order() -> None:
    """A scalar below 2^256 - N has a second encoding, for c0 and for each s."""
    small = 2**128 - 1
    ring = RingSignature(small, RING[0], ((small, RING[0]), (small, RING[1])))
    encoded = encode_ring(ring)
    for start in (4, 69, 134):
        second = encoded[:start] + (small + ORDER).to_bytes(32, "big") + encoded[start + 32 :]
        assert read_ring(second) == ring
    u = 11
    valid = ring_plain.sign_ring(MESSAGE, RING, 1, GATEWAY.scalar, scalars(u, small))
    second = valid[:69] + (small + ORDER).to_bytes(32, "big") + valid[101:]
    assert second != valid
    assert is_ring_valid(MESSAGE, valid)
    assert is_ring_valid(MESSAGE, second)
    assert ring_plain.is_ring_valid(MESSAGE, second)


@pytest.mark.parametrize(
    "ring", [[GATEWAY], [GATEWAY, APPLICATION], [GATEWAY, GATEWAY]], ids=["1", "2", "twice"]
)
@pytest.mark.parametrize("drawn", [(0, 9), (9, 0), (0, 0), (1, 1), (ORDER - 1, 1)], ids=str)
def test_odd_scalars_that_were_signed_with(ring: list[PrivateKey], drawn: tuple[int, int]) -> None:
    """A nonce of zero makes L and R infinity; a member's scalar of zero leaves one term of each sum.

    No careful signer draws a zero, and ours refuses it, but what it would make is valid: the reference
    adds infinity as a neutral element and encodes it as 02 and zeros.
    """
    public_keys = [key.public_key for key in ring]
    signature = ring_plain.sign_ring(MESSAGE, public_keys, 0, GATEWAY.scalar, scalars(*drawn))
    assert is_ring_valid(MESSAGE, signature)
    assert ring_plain.is_ring_valid(MESSAGE, signature)


@pytest.mark.parametrize("member", [APPLICATION, GATEWAY], ids=["L", "L and R"])
def test_infinity_in_the_middle_of_a_ring(member: PrivateKey) -> None:
    """s = -c*x of another member, whose key is known, makes L infinity; of the same key, R as well."""
    image = compute_key_image(GATEWAY)
    u = 123456789
    left = libsecp.encode_point(libsecp.multiply_base(u))
    right = libsecp.encode_point(libsecp.multiply(u, libsecp.read_point(hash_to_curve(GATEWAY.public_key))))
    c1 = hash_to_scalar(MESSAGE + left + right)
    s1 = -c1 * member.scalar % ORDER
    infinity = b"\x02" + bytes(32)
    if member == GATEWAY:
        right = infinity
    else:
        right = libsecp.encode_point(
            libsecp.add(
                libsecp.multiply(s1, libsecp.read_point(hash_to_curve(member.public_key))),
                libsecp.multiply(c1, libsecp.read_point(image)),
            )
        )
    c0 = hash_to_scalar(MESSAGE + infinity + right)
    s0 = (u - c0 * GATEWAY.scalar) % ORDER
    signature = encode_ring(RingSignature(c0, image, ((s0, GATEWAY.public_key), (s1, member.public_key))))
    assert is_ring_valid(MESSAGE, signature)
    assert ring_plain.is_ring_valid(MESSAGE, signature)


def test_a_key_may_repeat() -> None:
    ring = [APPLICATION.public_key] * 2
    for index in range(2):
        assert is_ring_valid(MESSAGE, sign_ring(MESSAGE, ring, index, APPLICATION, seeded(index)))


def test_large_rings() -> None:
    others = [PrivateKey.from_bytes(number.to_bytes(32, "big")).public_key for number in range(1, 100)]
    ring = [*others, GATEWAY.public_key]
    signature = sign_ring(MESSAGE, ring, 99, GATEWAY, seeded(9))
    assert len(signature) == 69 + 65 * 100
    assert is_ring_valid(MESSAGE, signature)
    assert not is_ring_valid(MESSAGE, signature[:-1] + bytes([signature[-1] ^ 1]))


def test_nothing_is_drawn_beyond_one_scalar_a_member() -> None:
    drawn = chain(range(1, 3), repeat(0))
    assert is_ring_valid(MESSAGE, sign_ring(MESSAGE, RING, 0, APPLICATION, drawn.__next__))
    assert next(drawn) == 0
