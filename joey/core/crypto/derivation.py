"""Private keys from a seed: BIP-32 on secp256k1, private derivation only.

A wallet keeps one seed, made from a mnemonic, and derives a key for each path, such as
`m/44'/635'/0'/0/0`. Not here: mnemonics (`joey.adapters.keyrings.mnemonics`), extended public keys.

Source: BIP-32, sections "Master key generation" and "Child key derivation (CKD) functions".
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from joey.core.crypto.curve import ORDER
from joey.core.crypto.keys import PrivateKey

__all__ = [
    "COIN_TYPE_COSMOS",
    "COIN_TYPE_POKT",
    "ExtendedKey",
    "derive_child",
    "derive_master",
    "derive_path",
    "format_account_path",
    "read_path",
]

COIN_TYPE_POKT = 635
"""POKT's number in SLIP-44."""
COIN_TYPE_COSMOS = 118
"""Cosmos' number in SLIP-44, which wallets of its tools use for any chain unless told otherwise."""

_HARDENED = 2**31
_SEED_BYTES = range(16, 65)
_DEPTH_MAX = 255


@dataclass(frozen=True, slots=True, repr=False)
class ExtendedKey:
    """A private key and the 32 bytes with which its children are derived. It prints as `***`."""

    key: PrivateKey
    chain_code: bytes

    def __repr__(self) -> str:
        return "ExtendedKey(***)"


def derive_master(seed: bytes) -> ExtendedKey:
    """Return the root of a seed of 16 to 64 bytes.

    Raises `ValueError` for another length, and for the one seed in 2^127 that has no root.
    """
    if len(seed) not in _SEED_BYTES:
        raise ValueError(f"a seed has 16 to 64 bytes, not {len(seed)}")
    digest = hmac.digest(b"Bitcoin seed", seed, hashlib.sha512)
    return ExtendedKey(PrivateKey.from_bytes(digest[:32]), digest[32:])


def derive_child(parent: ExtendedKey, index: int) -> ExtendedKey:
    """Return the child at `index`, hardened from 2^31 on; indices are below 2^32.

    Raises `ValueError` for another index, and for the one child in 2^127 that does not exist.
    """
    if not 0 <= index < 2 * _HARDENED:
        raise ValueError(f"an index is between 0 and 2^32 - 1, not {index}")
    of_parent = b"\0" + parent.key.secret if index >= _HARDENED else parent.key.public_key
    digest = hmac.digest(parent.chain_code, of_parent + index.to_bytes(4, "big"), hashlib.sha512)
    tweak = int.from_bytes(digest[:32], "big")
    if tweak >= ORDER:
        raise ValueError(f"the child {index} does not exist: take the next")
    scalar = (tweak + parent.key.scalar) % ORDER
    return ExtendedKey(PrivateKey.from_bytes(scalar.to_bytes(32, "big")), digest[32:])


def derive_path(seed: bytes, path: str) -> PrivateKey:
    """Return the key of a seed at a path such as `m/44'/635'/0'/0/0`. Raises `ValueError`."""
    extended = derive_master(seed)
    for index in read_path(path):
        extended = derive_child(extended, index)
    return extended.key


def format_account_path(coin_type: int) -> str:
    """Return the path of a wallet's first account. Source: BIP-44."""
    return f"m/44'/{coin_type}'/0'/0/0"


def read_path(text: str) -> tuple[int, ...]:
    """Return the indices of a path: `m`, then numbers below 2^31, hardened with `'` or `h`.

    Raises `ValueError`, naming the step, when it is none.
    """
    root, *steps = text.split("/")
    if root != "m" or len(steps) > _DEPTH_MAX:
        raise ValueError(f"a path is like m/44'/635'/0'/0/0, not {text!r}")
    indices = []
    for step in steps:
        digits = step.removesuffix("'").removesuffix("h") if step[-1:] in {"'", "h"} else step
        is_number = digits.isascii() and digits.isdecimal() and len(digits) <= 10
        if not is_number or int(digits) >= _HARDENED or len(step) - len(digits) > 1:
            raise ValueError(f"{step!r} is no step of a path: a number below 2^31, with ' when hardened")
        indices.append(int(digits) + (_HARDENED if len(step) > len(digits) else 0))
    return tuple(indices)
