"""Vectors 1 to 4 of BIP-32, each checked by its own Base58 checksum, and steps computed apart."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from joey.core.crypto.bech32 import decode_bech32
from joey.core.crypto.curve import ORDER
from joey.core.crypto.derivation import (
    ExtendedKey,
    derive_child,
    derive_master,
    derive_path,
    format_account_path,
    read_path,
)
from joey.core.crypto.keys import PrivateKey, read_address

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

SEED_1 = "000102030405060708090a0b0c0d0e0f"
SEED_2 = (
    "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a2"
    "9f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542"
)
SEED_3 = (
    "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4ac"
    "ba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be"
)
SEED_4 = "3ddd5602285899a946114506157c7997e5444528f3003f6134712147db19b678"

VECTORS = [
    (
        SEED_1,
        "m",
        "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPP"
        "qjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
    ),
    (
        SEED_1,
        "m/0'",
        "xprv9uHRZZhk6KAJC1avXpDAp4MDc3sQKNxDiPvvkX8Br5ngLNv1TxvU"
        "xt4cV1rGL5hj6KCesnDYUhd7oWgT11eZG7XnxHrnYeSvkzY7d2bhkJ7",
    ),
    (
        SEED_1,
        "m/0'/1",
        "xprv9wTYmMFdV23N2TdNG573QoEsfRrWKQgWeibmLntzniatZvR9BmLn"
        "vSxqu53Kw1UmYPxLgboyZQaXwTCg8MSY3H2EU4pWcQDnRnrVA1xe8fs",
    ),
    (
        SEED_1,
        "m/0h/1/2h",
        "xprv9z4pot5VBttmtdRTWfWQmoH1taj2axGVzFqSb8C9xaxKymcFzXBD"
        "ptWmT7FwuEzG3ryjH4ktypQSAewRiNMjANTtpgP4mLTj34bhnZX7UiM",
    ),
    (
        SEED_1,
        "m/0'/1/2'/2/1000000000",
        "xprvA41z7zogVVwxVSgdKUHDy1SKmdb533PjDz7J6N6mV6uS3ze1ai8F"
        "Ha8kmHScGpWmj4WggLyQjgPie1rFSruoUihUZREPSL39UNdE3BBDu76",
    ),
    (
        SEED_2,
        "m/0",
        "xprv9vHkqa6EV4sPZHYqZznhT2NPtPCjKuDKGY38FBWLvgaDx45zo9WQ"
        "RUT3dKYnjwih2yJD9mkrocEZXo1ex8G81dwSM1fwqWpWkeS3v86pgKt",
    ),
    (
        SEED_2,
        "m/0/2147483647'/1/2147483646'/2",
        "xprvA2nrNbFZABcdryreWet9Ea4LvTJcGsqrMzxHx98MMrotbir7yrKC"
        "EXw7nadnHM8Dq38EGfSh6dqA9QWTyefMLEcBYJUuekgW4BYPJcr9E7j",
    ),
    (
        SEED_3,
        "m",
        "xprv9s21ZrQH143K25QhxbucbDDuQ4naNntJRi4KUfWT7xo4EKsHt2QJ"
        "Du7KXp1A3u7Bi1j8ph3EGsZ9Xvz9dGuVrtHHs7pXeTzjuxBrCmmhgC6",
    ),
    (
        SEED_3,
        "m/0'",
        "xprv9uPDJpEQgRQfDcW7BkF7eTya6RPxXeJCqCJGHuCJ4GiRVLzkTXBA"
        "JMu2qaMWPrS7AANYqdq6vcBcBUdJCVVFceUvJFjaPdGZ2y9WACViL4L",
    ),
    (
        SEED_4,
        "m/0'",
        "xprv9vB7xEWwNp9kh1wQRfCCQMnZUEG21LpbR9NPCNN1dwhiZkjjeGRn"
        "aALmPXCX7SgjFTiCTT6bXes17boXtjq3xLpcDjzEuGLQBM5ohqkao9G",
    ),
    (
        SEED_4,
        "m/0'/1'",
        "xprv9xJocDuwtYCMNAo3Zw76WENQeAS6WGXQ55RCy7tDJ8oALr4FWkuV"
        "oHJeHVAcAqiZLE7Je3vZJHxspZdFHfnBEjHqU5hG1Jaj32dVoS6XLT1",
    ),
]


def decode_xprv(text: str) -> tuple[bytes, bytes]:
    """Return chain code and private key of an extended key, its checksum verified."""
    number = 0
    for letter in text:
        number = number * 58 + ALPHABET.index(letter)
    data = number.to_bytes(82, "big")
    assert hashlib.sha256(hashlib.sha256(data[:78]).digest()).digest()[:4] == data[78:]
    return data[13:45], data[46:78]


def derive(seed: bytes, path: str) -> ExtendedKey:
    extended = derive_master(seed)
    for index in read_path(path):
        extended = derive_child(extended, index)
    return extended


@pytest.mark.parametrize(("seed", "path", "xprv"), VECTORS)
def test_published_vectors(seed: str, path: str, xprv: str) -> None:
    chain_code, secret = decode_xprv(xprv)
    extended = derive(bytes.fromhex(seed), path)
    assert (extended.chain_code, extended.key.secret) == (chain_code, secret)
    assert derive_path(bytes.fromhex(seed), path).secret == secret


def test_a_step_computed_apart() -> None:
    seed = bytes.fromhex(SEED_1)
    digest = hmac.new(b"Bitcoin seed", seed, hashlib.sha512).digest()
    parent, chain_code = int.from_bytes(digest[:32], "big"), digest[32:]
    public_key = PrivateKey.from_bytes(digest[:32]).public_key
    step = hmac.new(chain_code, public_key + (7).to_bytes(4, "big"), hashlib.sha512).digest()
    expected = (int.from_bytes(step[:32], "big") + parent) % ORDER
    assert derive_path(seed, "m/7").scalar == expected


def test_the_account_that_every_cosmos_wallet_shows_for_the_known_mnemonic() -> None:
    # BIP-39 of "abandon ... about" without a passphrase, published with BIP-39's vectors.
    seed = bytes.fromhex(
        "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1"
        "9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4"
    )
    key = derive_path(seed, format_account_path(118))
    _, expected = decode_bech32("cosmos19rl4cm2hmr8afy4kldpxz3fka4jguq0auqdal4")
    assert read_address(key.address) == expected
    assert derive_path(seed, format_account_path(635)).address != key.address


@pytest.mark.parametrize(
    "path", ["", "44", "m/", "m//1", "m/-1", "m/1'h", "m/x", "m/2147483648", "m/1''", "m/'", "m/٣"]
)
def test_no_path(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        read_path(path)


@pytest.mark.parametrize("index", [-1, 2**32])
def test_no_index(index: int) -> None:
    with pytest.raises(ValueError, match="index"):
        derive_child(derive_master(bytes(16)), index)


@pytest.mark.parametrize("length", [0, 15, 65])
def test_no_seed(length: int) -> None:
    with pytest.raises(ValueError, match=f"not {length}"):
        derive_master(bytes(length))


def test_an_extended_key_prints_as_nothing() -> None:
    master = derive_master(bytes(range(32)))
    assert repr(master) == "ExtendedKey(***)"
    assert read_path("m/44'/0h") == (2**31 + 44, 2**31)
