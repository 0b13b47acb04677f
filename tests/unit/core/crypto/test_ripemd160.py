"""RIPEMD-160 against its published values, with OpenSSL and without."""

from __future__ import annotations

import hashlib

import pytest

from joey.core.crypto.ripemd160 import compute_ripemd160, compute_ripemd160_plain

# Source: Dobbertin, Bosselaers, Preneel, appendix B.
PUBLISHED = [
    (b"", "9c1185a5c5e9fc54612808977ee8f548b2258d31"),
    (b"a", "0bdc9d2d256b3ee9daae347be6f4dc835a467ffe"),
    (b"abc", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"),
    (b"message digest", "5d0689ef49d2fae572b881b123a85ffa21595f36"),
    (b"abcdefghijklmnopqrstuvwxyz", "f71c27109c692c1b56bbdceb5b9d2865b3708dbc"),
    (b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "12a053384a9c0c88e405a06c27dcf49ada62eb2b"),
    (b"1234567890" * 8, "9b752e45573d4b39f4dbd3323cab82bf63326bfb"),
]


@pytest.mark.parametrize(("data", "digest"), PUBLISHED)
def test_published_values(data: bytes, digest: str) -> None:
    assert compute_ripemd160(data).hex() == digest
    assert compute_ripemd160_plain(data).hex() == digest


def test_a_million_letters() -> None:
    assert compute_ripemd160(b"a" * 10**6).hex() == "52783243c1697bdbe16d37f97f68f08325dc1528"


def test_every_length_around_the_blocks() -> None:
    """The padding changes at 55 and 63 bytes past a block."""
    for length in range(130):
        data = bytes(range(length))
        assert compute_ripemd160_plain(data) == compute_ripemd160(data)


def test_plain_python_takes_over_where_openssl_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, *args: object, **kwargs: object) -> object:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(hashlib, "new", refuse)
    assert compute_ripemd160(b"abc").hex() == "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"
