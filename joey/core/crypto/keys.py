"""Keys, their signatures and the addresses of their accounts.

Source: cosmos-sdk crypto/keys/secp256k1 (keys, signatures), types/address and types/module
(addresses), with the prefix of the network.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from joey.core.crypto import libsecp
from joey.core.crypto.bech32 import decode_bech32, encode_bech32
from joey.core.crypto.curve import ORDER
from joey.core.crypto.ripemd160 import compute_ripemd160

__all__ = [
    "PrivateKey",
    "ADDRESS_PREFIX",
    "compute_address",
    "compute_module_address",
    "is_address",
    "read_address",
    "verify_signature",
]

ADDRESS_PREFIX = "pokt"

_ADDRESS_BYTES_MAX = 255
"""Source: cosmos-sdk types/address, MaxAddrLen."""


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """A secp256k1 private key: 32 bytes big-endian, between 1 and N - 1. It prints as `***`."""

    secret: bytes
    public_key: bytes = field(init=False, compare=False)
    """33 bytes, compressed."""

    def __post_init__(self) -> None:
        if len(self.secret) != 32 or not 0 < self.scalar < ORDER:
            raise ValueError("a private key is 32 bytes, between 1 and N - 1")
        public_key = libsecp.encode_point(libsecp.multiply_base(self.scalar))
        object.__setattr__(self, "public_key", public_key)

    @classmethod
    def from_bytes(cls, secret: bytes) -> Self:
        """Return the key of 32 bytes; raises `ValueError` when they are none."""
        return cls(bytes(secret))

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """Return the key of 64 hexadecimal digits, with white space around them or none.

        Raises `ValueError`, which does not repeat the text, when it is no key.
        """
        digits = text.strip()
        if len(digits) != 64:
            raise ValueError("a private key is 64 hexadecimal digits")
        try:
            secret = bytes.fromhex(digits)
        except ValueError:
            raise ValueError("a private key is 64 hexadecimal digits") from None
        return cls(secret)

    def __repr__(self) -> str:
        return "PrivateKey(***)"

    @property
    def scalar(self) -> int:
        """The key as an integer."""
        return int.from_bytes(self.secret, "big")

    @property
    def address(self) -> str:
        """The address of the key's account."""
        return compute_address(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """Return 64 bytes r, s: deterministic ECDSA (RFC 6979) over SHA-256 of the message, low s."""
        return libsecp.sign_digest(hashlib.sha256(message).digest(), self.secret)


def verify_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether `signature` is what `PrivateKey.sign` of this key could make of the message.

    It is 64 bytes and s is in the lower half. A key that is no compressed point verifies nothing.
    r and s are taken modulo N, as the network does.
    """
    if len(signature) != 64:
        return False
    try:
        point = libsecp.read_point(bytes(public_key))
    except ValueError:
        return False
    r = int.from_bytes(signature[:32], "big") % ORDER
    s = int.from_bytes(signature[32:], "big") % ORDER
    reduced = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return libsecp.is_signature_valid(hashlib.sha256(message).digest(), reduced, point)


@lru_cache(maxsize=4096)
def compute_address(public_key: bytes) -> str:
    """Return the address of a compressed public key: bech32 of RIPEMD-160 of SHA-256 of its 33 bytes.

    Raises `ValueError` when they are no public key.
    """
    libsecp.read_point(public_key)
    return encode_bech32(ADDRESS_PREFIX, compute_ripemd160(hashlib.sha256(public_key).digest()))


def compute_module_address(name: str) -> str:
    """Return the address of the account that a module of the chain holds, such as `application`.

    Source: cosmos-sdk x/auth/types, NewModuleAddress: the first 20 bytes of SHA-256 of the name.
    """
    return encode_bech32(ADDRESS_PREFIX, hashlib.sha256(name.encode()).digest()[:20])


def is_address(text: str) -> bool:
    """Tell whether `read_address` reads the text."""
    try:
        read_address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def read_address(text: str) -> bytes:
    """Return the bytes of an address: 20 for an account of one key.

    Raises `ValueError` when the text is not bech32, has another prefix, or holds no byte or more than
    255. Upper case is accepted, as in the SDK.
    """
    prefix, address = decode_bech32(text)
    if prefix != ADDRESS_PREFIX:
        raise ValueError(f"an address starts with {ADDRESS_PREFIX}1")
    if not 0 < len(address) <= _ADDRESS_BYTES_MAX:
        raise ValueError("an address has between 1 and 255 bytes")
    return address
