"""The plain curve and libsecp256k1, both, on published points and where arithmetic has its corners."""

from __future__ import annotations

from types import ModuleType

import pytest

from joey.core.crypto import curve, libsecp
from joey.core.crypto.curve import ORDER, PRIME

both = pytest.mark.parametrize("engine", [curve, libsecp], ids=["plain", "libsecp"])

INFINITY_ENCODED = "02" + "00" * 32
# Multiples of the generator that are printed in many places, such as the test vectors of BIP 340.
MULTIPLES = {
    1: "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    2: "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    3: "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
    ORDER - 1: "0379be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    0: INFINITY_ENCODED,
    ORDER: INFINITY_ENCODED,
    ORDER + 2: "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    -1: "0379be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
}


def test_constants() -> None:
    generator = curve.GENERATOR
    assert (generator.y**2 - generator.x**3 - 7) % PRIME == 0
    assert curve.multiply(ORDER - 1, generator) == curve.negate(generator)
    assert PRIME == 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F
    # p and N are primes: Fermat's test to a few bases, enough to catch a wrong digit.
    for base in (2, 3, 5, 7):
        assert pow(base, PRIME - 1, PRIME) == pow(base, ORDER - 1, ORDER) == 1


@both
@pytest.mark.parametrize(("scalar", "encoded"), MULTIPLES.items())
def test_multiples_of_the_generator(engine: ModuleType, scalar: int, encoded: str) -> None:
    assert engine.encode_point(engine.multiply_base(scalar)).hex() == encoded
    generator = engine.read_point(bytes.fromhex(MULTIPLES[1]))
    assert engine.encode_point(engine.multiply(scalar, generator)).hex() == encoded


@pytest.mark.parametrize(("scalar", "encoded"), MULTIPLES.items())
def test_secret_multiples_are_the_same(scalar: int, encoded: str) -> None:
    generator = libsecp.read_point(bytes.fromhex(MULTIPLES[1]))
    assert libsecp.encode_point(libsecp.multiply_secret(scalar, generator)).hex() == encoded
    assert libsecp.multiply_secret(5, libsecp.INFINITY) is libsecp.INFINITY


@both
def test_sums(engine: ModuleType) -> None:
    one, two, minus_one = (engine.multiply_base(k) for k in (1, 2, -1))
    encode, infinity = engine.encode_point, engine.INFINITY
    assert encode(engine.add(one, two)).hex() == MULTIPLES[3]
    assert encode(engine.add(two, one)).hex() == MULTIPLES[3]
    assert encode(engine.add(one, one)).hex() == MULTIPLES[2]
    assert engine.add(one, minus_one) == infinity
    assert engine.add(infinity, two) == engine.add(two, infinity) == two
    assert engine.add(infinity, infinity) == infinity
    assert engine.multiply(7, infinity) == infinity
    assert engine.multiply(0, two) == engine.multiply(ORDER, two) == engine.multiply_base(0) == infinity
    assert encode(infinity).hex() == INFINITY_ENCODED


@both
@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "02",
        INFINITY_ENCODED,  # 7 is no square: no point has x = 0
        MULTIPLES[1][:-2],
        MULTIPLES[1] + "00",
        MULTIPLES[1] + "00" * 32,
        "00" + MULTIPLES[1][2:],
        "01" + MULTIPLES[1][2:],
        "04" + MULTIPLES[1][2:],
        "06" + MULTIPLES[1][2:],
        "07" + MULTIPLES[1][2:],
        "02" + format(5, "064x"),  # off the curve
        "02" + format(PRIME, "064x"),
        "02" + format(PRIME + 1, "064x"),  # 1 is the x of a point, p + 1 is not read as 1
        "02" + "ff" * 32,
        # The generator, uncompressed and hybrid: read by other functions of the library.
        "04" + MULTIPLES[1][2:] + format(curve.GENERATOR.y, "064x"),
        "06" + MULTIPLES[1][2:] + format(curve.GENERATOR.y, "064x"),
    ],
)
def test_what_is_no_point(engine: ModuleType, encoded: str) -> None:
    with pytest.raises(ValueError, match="point"):
        engine.read_point(bytes.fromhex(encoded))


@both
def test_points_by_their_x(engine: ModuleType) -> None:
    assert engine.find_point(0) is None
    assert engine.find_point(5) is None
    one = engine.find_point(1)
    assert engine.encode_point(one).hex() == "02" + format(1, "064x")
    assert engine.encode_point(engine.find_point(PRIME + 1)) == engine.encode_point(one)


def test_points_are_cached_within_a_bound() -> None:
    encoded = bytes.fromhex(MULTIPLES[3])
    assert libsecp.read_point(encoded) is libsecp.read_point(bytes(bytearray(encoded)))
    assert libsecp.read_point.cache_info().maxsize is not None


def test_signing_with_no_key() -> None:
    with pytest.raises(ValueError, match="private key"):
        libsecp.sign_digest(bytes(32), bytes(32))
