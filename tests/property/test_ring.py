"""The plain curve equals libsecp256k1, and the plain ring signatures equal the fast ones."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from hashlib import sha3_512, sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joey.core.crypto import curve, libsecp, ring, ring_plain
from joey.core.crypto.curve import ORDER, PRIME
from joey.core.crypto.keys import PrivateKey

SIGNATURES = 2000 if os.environ.get("JOEY_SOAK") == "1" else 20

EDGES = [0, 1, 2, 3, ORDER - 2, ORDER - 1, ORDER, ORDER + 1, 2**128, 2**255, 2**256 - 1, -1]

any_scalars = st.sampled_from(EDGES) | st.integers(-(2**256), 2**257)
scalars = st.sampled_from([1, 2, ORDER - 1]) | st.integers(1, ORDER - 1)
keys = scalars.map(lambda scalar: PrivateKey.from_bytes(scalar.to_bytes(32, "big")))
messages = st.binary(min_size=32, max_size=32)


def seeded(seed: int) -> Callable[[], int]:
    """Return an endless source of scalars in [1, N)."""
    generator = random.Random(seed)
    return lambda: generator.randrange(1, ORDER)


def is_valid(message: bytes, signature: bytes) -> bool:
    """Return the verdict, after making sure that both implementations give it."""
    verdict = ring.is_ring_valid(message, signature)
    assert ring_plain.is_ring_valid(message, signature) == verdict
    return verdict


@settings(deadline=None, max_examples=60)
@given(any_scalars, any_scalars)
def test_operations_on_points(first: int, second: int) -> None:
    slow, fast = curve.multiply_base(first), libsecp.multiply_base(first)
    assert libsecp.encode_point(fast) == curve.encode_point(slow)
    other_slow, other_fast = curve.multiply(second, slow), libsecp.multiply(second, fast)
    assert libsecp.encode_point(other_fast) == curve.encode_point(other_slow)
    assert libsecp.encode_point(libsecp.multiply_secret(second, fast)) == curve.encode_point(other_slow)
    for slow_sum, fast_sum in (
        (curve.add(slow, other_slow), libsecp.add(fast, other_fast)),
        (curve.add(slow, slow), libsecp.add(fast, fast)),
        (curve.add(slow, curve.negate(slow)), libsecp.add(fast, libsecp.multiply(-1, fast))),
    ):
        assert libsecp.encode_point(fast_sum) == curve.encode_point(slow_sum)


@settings(deadline=None, max_examples=60)
@given(any_scalars, any_scalars)
def test_points_form_a_group(first: int, second: int) -> None:
    """k -> k*G is a homomorphism, which needs no second implementation to be seen."""
    total = libsecp.add(libsecp.multiply_base(first), libsecp.multiply_base(second))
    assert libsecp.encode_point(total) == libsecp.encode_point(libsecp.multiply_base(first + second))
    product = libsecp.multiply(first, libsecp.multiply_base(second))
    assert libsecp.encode_point(product) == libsecp.encode_point(libsecp.multiply_base(first * second))


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([0, 1, 5, PRIME - 1, PRIME, PRIME + 1, 2**256 - 1]) | st.integers(0, 2**256 - 1))
def test_points_by_their_x(x: int) -> None:
    slow, fast = curve.find_point(x), libsecp.find_point(x)
    assert (slow is None) == (fast is None)
    if slow is not None and fast is not None:
        assert libsecp.encode_point(fast) == curve.encode_point(slow)


@settings(deadline=None, max_examples=300)
@given(
    st.builds(lambda prefix, x: bytes([prefix]) + x, st.integers(0, 7), st.binary(min_size=32, max_size=32))
    | st.binary(max_size=70)
)
def test_reading_points(encoded: bytes) -> None:
    try:
        slow = curve.read_point(encoded)
    except ValueError:
        with pytest.raises(ValueError, match="point"):
            libsecp.read_point(encoded)
    else:
        assert libsecp.encode_point(libsecp.read_point(encoded)) == curve.encode_point(slow) == encoded


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_hashes(data: bytes) -> None:
    assert ring.hash_to_scalar(data) == ring_plain.hash_to_scalar(data)
    public_key = PrivateKey.from_bytes(sha256(data).digest()).public_key
    assert ring.hash_to_curve(public_key) == curve.encode_point(ring_plain.hash_to_curve(public_key))


@settings(deadline=None, max_examples=24)
@given(st.lists(keys, min_size=1, max_size=6), st.integers(0, 5), messages, st.integers(0, 2**64))
def test_rings_of_one_to_six(members: list[PrivateKey], index: int, message: bytes, seed: int) -> None:
    """Both sign the same bytes, and both find them valid; our own signer refuses a ring of one."""
    index %= len(members)
    public_keys = [key.public_key for key in members]
    slow = ring_plain.sign_ring(message, public_keys, index, members[index].scalar, seeded(seed))
    if len(members) > 1:
        assert ring.sign_ring(message, public_keys, index, members[index], seeded(seed)) == slow
    assert is_valid(message, slow)
    decoded = ring.read_ring(slow)
    assert decoded.public_keys == tuple(public_keys)
    assert decoded.key_image == ring.compute_key_image(members[index])
    assert ring.encode_ring(decoded) == slow


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_odd_scalars_on_the_way(data: st.DataObject) -> None:
    """Every member but the signer answers with zero, one, what cancels L, or what it likes."""
    members = data.draw(st.lists(keys, min_size=1, max_size=3))
    nonce = data.draw(st.sampled_from([0, 1, ORDER - 1]) | scalars)
    message = data.draw(messages)
    signer, others = members[0], members[1:]

    image = ring.compute_key_image(signer)
    left = libsecp.multiply_base(nonce)
    right = libsecp.multiply(nonce, libsecp.read_point(ring.hash_to_curve(signer.public_key)))
    answers = []
    for key in others:
        challenge = _challenge(message, left, right)
        answers.append(data.draw(st.sampled_from([0, 1, -challenge * key.scalar % ORDER]) | scalars))
        left = libsecp.add(
            libsecp.multiply_base(answers[-1]),
            libsecp.multiply(challenge, libsecp.read_point(key.public_key)),
        )
        right = libsecp.add(
            libsecp.multiply(answers[-1], libsecp.read_point(ring.hash_to_curve(key.public_key))),
            libsecp.multiply(challenge, libsecp.read_point(image)),
        )
    c0 = _challenge(message, left, right)
    answers.insert(0, (nonce - c0 * signer.scalar) % ORDER)
    pairs = tuple((answer, key.public_key) for answer, key in zip(answers, members, strict=True))
    assert is_valid(message, ring.encode_ring(ring.RingSignature(c0, image, pairs)))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_short_challenges(size: int) -> None:
    """A signature with a challenge whose hash is below 2^248 is found by trial, at every size of ring.

    Taken plainly modulo N, without the alignment to the left, such a hash is another scalar.
    """
    members = [PrivateKey.from_bytes(sha256(bytes([size, i])).digest()) for i in range(size)]
    message, index = sha256(bytes([size])).digest(), size // 2
    for seed in range(10_000):
        signature = _sign(message, members, index, seeded(seed))
        if min(_challenge_numbers(message, ring.read_ring(signature))) < 2**248:
            break
    else:
        pytest.fail("no short challenge in 10,000 signatures")
    public_keys = [key.public_key for key in members]
    secret = members[index].scalar
    assert ring_plain.sign_ring(message, public_keys, index, secret, seeded(seed)) == signature
    assert is_valid(message, signature)


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_mutated_signatures(data: st.DataObject) -> None:
    """Whatever is done to a signature, both give the same verdict, and neither raises."""
    members = data.draw(st.lists(keys, min_size=2, max_size=3))
    message = data.draw(messages)
    signature = ring.sign_ring(
        message, [key.public_key for key in members], 0, members[0], seeded(data.draw(st.integers(0, 99)))
    )
    mutated = data.draw(st.sampled_from(MUTATIONS))(signature, data)
    if is_valid(message, mutated):
        assert ring.read_ring(mutated).key_image == ring.read_ring(signature).key_image


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=80) | st.integers(0, 2**32 - 1).map(lambda size: size.to_bytes(4, "big") + bytes(500))
)
def test_any_bytes(signature: bytes) -> None:
    assert not is_valid(bytes(32), signature)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_random_rings_of_two_to_six() -> None:
    """Each verifies in both; with a bit turned in it or in its message it verifies in neither.

    One challenge in 256 is short, so that 2,000 signatures have some thirty.
    """
    chance = random.Random(20)
    short = 0
    for number in range(SIGNATURES):
        secrets = [chance.randrange(1, ORDER) for _ in range(2 + number % 5)]
        members = [PrivateKey.from_bytes(secret.to_bytes(32, "big")) for secret in secrets]
        index, message = chance.randrange(len(members)), chance.randbytes(32)
        signature = _sign(message, members, index, seeded(chance.getrandbits(64)))
        assert is_valid(message, signature)
        if number % 2:
            assert not is_valid(message, _turn_bit(signature, chance))
        else:
            assert not is_valid(_turn_bit(message, chance), signature)
        short += any(hashed < 2**248 for hashed in _challenge_numbers(message, ring.read_ring(signature)))
    assert short >= SIGNATURES // 500


_BASE = curve.encode_point(curve.GENERATOR)


def _turn_bit(data: bytes, chance: random.Random) -> bytes:
    bit = chance.randrange(8 * len(data))
    return (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")


Mutation = Callable[[bytes, st.DataObject], bytes]


def _flip_bit(signature: bytes, data: st.DataObject) -> bytes:
    bit = data.draw(st.integers(0, 8 * len(signature) - 1))
    return (int.from_bytes(signature, "big") ^ 1 << bit).to_bytes(len(signature), "big")


def _truncate(signature: bytes, data: st.DataObject) -> bytes:
    return signature[: data.draw(st.integers(0, len(signature) - 1))]


def _append(signature: bytes, data: st.DataObject) -> bytes:
    return signature + data.draw(st.binary(min_size=1, max_size=70))


def _resize(signature: bytes, data: st.DataObject) -> bytes:
    return data.draw(st.integers(0, 4) | st.integers(0, 2**32 - 1)).to_bytes(4, "big") + signature[4:]


def _replace_scalar(signature: bytes, data: st.DataObject) -> bytes:
    start = data.draw(st.sampled_from([4, *range(69, len(signature), 65)]))
    scalar = data.draw(st.sampled_from([0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1]))
    return signature[:start] + scalar.to_bytes(32, "big") + signature[start + 32 :]


def _replace_point(signature: bytes, data: st.DataObject) -> bytes:
    start = data.draw(st.sampled_from(range(36, len(signature), 65)))
    point = data.draw(
        keys.map(lambda key: key.public_key)
        | st.sampled_from(
            [bytes(33), b"\x02" + bytes(32), _BASE, b"\x04" + _BASE[1:], b"\x02" + b"\xff" * 32]
        )
    )
    return signature[:start] + point + signature[start + 33 :]


def _negate_point(signature: bytes, data: st.DataObject) -> bytes:
    start = data.draw(st.sampled_from(range(36, len(signature), 65)))
    return signature[:start] + bytes([signature[start] ^ 1]) + signature[start + 1 :]


def _rotate(signature: bytes, _data: st.DataObject) -> bytes:
    return signature[:69] + signature[134:] + signature[69:134]


def _leave_alone(signature: bytes, _data: st.DataObject) -> bytes:
    return signature


MUTATIONS: list[Mutation] = [
    _flip_bit,
    _truncate,
    _append,
    _resize,
    _replace_scalar,
    _replace_point,
    _negate_point,
    _rotate,
    _leave_alone,
]


def _sign(message: bytes, members: list[PrivateKey], index: int, random_scalar: Callable[[], int]) -> bytes:
    """Return a signature, also of a ring of one, which `sign_ring` does not make."""
    if len(members) > 1:
        return ring.sign_ring(
            message, [key.public_key for key in members], index, members[index], random_scalar
        )
    (key,) = members
    u = random_scalar()
    right = libsecp.multiply(u, libsecp.read_point(ring.hash_to_curve(key.public_key)))
    c0 = _challenge(message, libsecp.multiply_base(u), right)
    pair = ((u - c0 * key.scalar) % ORDER, key.public_key)
    return ring.encode_ring(ring.RingSignature(c0, ring.compute_key_image(key), (pair,)))


def _number(message: bytes, left: libsecp.Point, right: libsecp.Point) -> int:
    """Return the hash of a challenge modulo N, before it is aligned."""
    data = message + libsecp.encode_point(left) + libsecp.encode_point(right)
    return int.from_bytes(sha3_512(data).digest(), "big") % ORDER


def _challenge(message: bytes, left: libsecp.Point, right: libsecp.Point) -> int:
    return ring.hash_to_scalar(message + libsecp.encode_point(left) + libsecp.encode_point(right))


def _challenge_numbers(message: bytes, signature: ring.RingSignature) -> list[int]:
    """Return the hashes of all challenges of a signature modulo N, before they are aligned."""
    image = libsecp.read_point(signature.key_image)
    challenge, numbers = signature.c0, []
    for scalar, public_key in signature.members:
        point, hash_point = (libsecp.read_point(e) for e in (public_key, ring.hash_to_curve(public_key)))
        left = libsecp.add(libsecp.multiply_base(scalar), libsecp.multiply(challenge, point))
        right = libsecp.add(libsecp.multiply(scalar, hash_point), libsecp.multiply(challenge, image))
        numbers.append(_number(message, left, right))
        challenge = _challenge(message, left, right)
    return numbers
