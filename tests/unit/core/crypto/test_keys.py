"""Keys, signatures and addresses, against the reference's own."""

from __future__ import annotations

import copy
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from joey.core.crypto.bech32 import encode_bech32
from joey.core.crypto.curve import ORDER
from joey.core.crypto.keys import (
    PrivateKey,
    compute_address,
    compute_module_address,
    is_address,
    read_address,
    verify_signature,
)

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[3] / "vectors" / "relays.json").read_text())
ADDRESSES: list[dict[str, str]] = VECTORS["addresses"]
# The signature is over a message which is itself a hash: a response without its signature.
SIGNED = [
    (
        response["supplier"]["private_key"],
        bytes.fromhex(response["signable_hash"]),
        bytes.fromhex(response["supplier_operator_signature"]),
    )
    for response in VECTORS["responses"]
]
KEY = PrivateKey.from_hex("2d00ef074d9b51e46886dc9a1df11e7b986611d0f336bdcf1f0adce3e037ec0a")


@pytest.mark.parametrize("vector", ADDRESSES, ids=lambda vector: vector["address"])
def test_addresses_of_the_reference(vector: dict[str, str]) -> None:
    key = PrivateKey.from_hex(vector["private_key"])
    assert key.public_key.hex() == vector["public_key"]
    assert key.address == compute_address(bytes.fromhex(vector["public_key"])) == vector["address"]
    assert read_address(vector["address"]).hex() == vector["address_bytes"]
    assert is_address(vector["address"])


def test_placeholder_of_rings_without_gateways() -> None:
    vector = VECTORS["placeholder_ring_key"]
    digest = sha256(vector["secret_utf8"].encode()).digest()
    key = PrivateKey.from_bytes((int.from_bytes(digest, "big") % (ORDER - 1) + 1).to_bytes(32, "big"))
    assert key.secret.hex() == vector["private_key"]
    assert key.public_key.hex() == vector["public_key"]
    assert read_address(key.address).hex().upper() == vector["ring_sort_address"]


@pytest.mark.parametrize(
    ("secret", "public_key", "address"),
    [
        (
            "2d00ef074d9b51e46886dc9a1df11e7b986611d0f336bdcf1f0adce3e037ec0a",
            "0397896e9b106df70124a856861cc9be52fac9980e2c7a118a36c19d0198692cc5",
            "pokt1mrqt5f7qh8uxs27cjm9t7v9e74a9vvdnq5jva4",
        ),
        (
            "1a11ef074d9b51e46886dc9a1df11e7b986611d0f336bdcf1f0adce3e037ab11",
            "02bbbf99abdcddac27350bca272d7146187c091aacfc1c6f90819c9b6daf4fe846",
            "pokt1duatelq8yutj6eflsdhc4vpavuspz5gk8htla9",
        ),
    ],
)
def test_keys_of_the_relay_signing_example(secret: str, public_key: str, address: str) -> None:
    """Source: pocket-relay-miner, examples/relay-signing."""
    key = PrivateKey.from_hex(secret)
    assert (key.public_key.hex(), key.address) == (public_key, address)


def test_a_key_does_not_print_itself() -> None:
    for text in (repr(KEY), str(KEY), f"{KEY}", f"{[KEY]}"):
        assert "PrivateKey(***)" in text
        assert KEY.secret.hex() not in text
        assert repr(KEY.secret) not in text


def test_keys_are_values() -> None:
    same = PrivateKey.from_hex(f"  {KEY.secret.hex().upper()}\n")
    assert same == KEY == copy.copy(KEY)
    assert hash(same) == hash(KEY)
    assert PrivateKey.from_bytes((1).to_bytes(32, "big")) != KEY
    with pytest.raises(AttributeError):
        KEY.secret = bytes(32)  # type: ignore[misc]


@pytest.mark.parametrize("scalar", [1, 2, ORDER - 1])
def test_least_and_greatest_keys(scalar: int) -> None:
    assert PrivateKey.from_bytes(scalar.to_bytes(32, "big")).scalar == scalar


@pytest.mark.parametrize(
    "secret",
    [b"", bytes(32), b"\x01" * 31, b"\x01" * 33, ORDER.to_bytes(32, "big"), b"\xff" * 32],
)
def test_what_is_no_key(secret: bytes) -> None:
    with pytest.raises(ValueError, match="private key"):
        PrivateKey.from_bytes(secret)


@pytest.mark.parametrize(
    "text", ["", "ab", "g" * 64, "0x" + "11" * 31, " ".join(["11"] * 21) + " 1", "11" * 33]
)
def test_what_is_no_key_in_hexadecimal(text: str) -> None:
    with pytest.raises(ValueError, match="private key") as caught:
        PrivateKey.from_hex(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(("secret", "message", "signature"), SIGNED)
def test_signatures_of_the_reference(secret: str, message: bytes, signature: bytes) -> None:
    key = PrivateKey.from_hex(secret)
    assert key.sign(message) == signature
    assert verify_signature(key.public_key, message, signature)


def test_what_does_not_verify() -> None:
    message = b"a message"
    signature = KEY.sign(message)
    r, s = signature[:32], int.from_bytes(signature[32:], "big")
    other = PrivateKey.from_bytes(b"\x01" * 32)
    assert verify_signature(KEY.public_key, message, signature)
    assert not verify_signature(KEY.public_key, b"another", signature)
    assert not verify_signature(other.public_key, message, signature)
    assert not verify_signature(KEY.public_key, message, r + (ORDER - s).to_bytes(32, "big"))  # high s
    for length in (0, 63):
        assert not verify_signature(KEY.public_key, message, signature[:length])
    assert not verify_signature(KEY.public_key, message, signature + b"\x00")
    assert not verify_signature(KEY.public_key, message, bytes(64))
    assert not verify_signature(KEY.public_key, message, r + bytes(32))
    assert not verify_signature(KEY.public_key, message, bytes(32) + signature[32:])
    assert not verify_signature(KEY.public_key, message, b"\xff" * 64)
    for bit in range(0, 512, 7):
        changed = (int.from_bytes(signature, "big") ^ 1 << bit).to_bytes(64, "big")
        assert not verify_signature(KEY.public_key, message, changed)


@pytest.mark.parametrize(
    "public_key",
    [
        b"",
        bytes(33),
        b"\x02" + b"\xff" * 32,
        KEY.public_key[:32],
        KEY.public_key + b"\x00",
        b"\x04" + KEY.public_key[1:],
        b"\x06" + KEY.public_key[1:],
    ],
)
def test_no_public_key_verifies_nothing(public_key: bytes) -> None:
    assert not verify_signature(public_key, b"a message", KEY.sign(b"a message"))
    with pytest.raises(ValueError, match="compressed point"):
        compute_address(public_key)


def test_scalars_of_a_signature_are_read_modulo_the_order() -> None:
    """A key made for one message, so that s = 5 signs it: then s + N says the same in 32 bytes.

    Source: cosmos-sdk crypto/keys/secp256k1, signatureFromBytes: ModNScalar.SetByteSlice reduces.
    """
    message = b"the message the key was made for"
    digest = int.from_bytes(sha256(message).digest(), "big")
    nonce, s = 12345, 5
    r = int.from_bytes(PrivateKey.from_bytes(nonce.to_bytes(32, "big")).public_key[1:], "big") % ORDER
    key = PrivateKey.from_bytes(((s * nonce - digest) * pow(r, -1, ORDER) % ORDER).to_bytes(32, "big"))
    for encoded in (s, s + ORDER):
        assert verify_signature(key.public_key, message, r.to_bytes(32, "big") + encoded.to_bytes(32, "big"))


def test_module_addresses() -> None:
    """Source: the addresses that explorers of Cosmos chains show for these modules, other prefix."""
    # cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh and cosmos1jv65s3grqf6v6jl3dp4t6c9t9rk99cd88lyufl
    assert read_address(compute_module_address("bonded_tokens_pool")).hex() == (
        "4fea76427b8345861e80a3540a8a9d936fd39391"
    )
    assert read_address(compute_module_address("distribution")).hex() == (
        "93354845030274cd4bf1686abd60ab28ec52e1a7"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pokt",
        "pokt1",
        "pokt1mrqt5f7qh8uxs27cjm9t7v9e74a9vvdnq5jva5",
        "pokt1MRQT5f7qh8uxs27cjm9t7v9e74a9vvdnq5jva4",
        "cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh",
        "pokt1mrqt5f7qh8uxs27cjm9t7v9e74a9vvdnq5jva4 ",
        "d8c0ba27c0b9f8682bd896caBf30b9f57a5631b3",
        "pokt\u00e91mrqt5f7qh8uxs27cjm9t7v9e74a9vvdnq5jva4",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert not is_address(text)
    with pytest.raises(ValueError, match=r"bech32|starts with"):
        read_address(text)


def test_addresses_of_no_byte_and_of_too_many() -> None:
    for length in (1, 20, 32, 255):
        assert len(read_address(encode_bech32("pokt", bytes(length)))) == length
    for length in (0, 256):
        with pytest.raises(ValueError, match="between 1 and 255"):
            read_address(encode_bech32("pokt", bytes(length)))


def test_upper_case_is_the_same_address() -> None:
    assert read_address(KEY.address.upper()) == read_address(KEY.address)
