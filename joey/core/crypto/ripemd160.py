"""RIPEMD-160, which addresses are made of and which many builds of OpenSSL 3 leave out."""

from __future__ import annotations

import hashlib

__all__ = ["compute_ripemd160", "compute_ripemd160_plain"]


def compute_ripemd160(data: bytes) -> bytes:
    """Return the 20 bytes of RIPEMD-160, by OpenSSL where it knows how."""
    try:
        return hashlib.new("ripemd160", data, usedforsecurity=False).digest()
    except ValueError:
        return compute_ripemd160_plain(data)


def compute_ripemd160_plain(data: bytes) -> bytes:
    """Return the 20 bytes of RIPEMD-160, in plain Python.

    Source: Dobbertin, Bosselaers, Preneel, "RIPEMD-160: A strengthened version of RIPEMD", appendix A.
    """
    padded = data + b"\x80" + bytes(-(len(data) + 9) % 64) + (8 * len(data)).to_bytes(8, "little")
    state = _INITIAL
    for start in range(0, len(padded), 64):
        words = [int.from_bytes(padded[i : i + 4], "little") for i in range(start, start + 64, 4)]
        left = _run_line(state, words, _LEFT, functions=(0, 1, 2, 3, 4))
        right = _run_line(state, words, _RIGHT, functions=(4, 3, 2, 1, 0))
        sums = [state[i - 4] + left[i - 3] + right[i - 2] for i in range(5)]
        state = tuple(value & _MASK for value in sums)
    return b"".join(value.to_bytes(4, "little") for value in state)


_MASK = 0xFFFFFFFF
_INITIAL: tuple[int, ...] = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)

# Per line: the constant of each of its 5 rounds; for each of its 80 steps the word it adds and the
# bits it rotates by, a hexadecimal digit each.
_Line = tuple[tuple[int, ...], str, str]
_LEFT: _Line = (
    (0x00000000, 0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xA953FD4E),
    "0123456789abcdef" "74d1a6f3c0952eb8" "3ae49f812706db5c" "19ba08c4d37fe562" "40597c2ae138b6fd",
    "befc5879bdef6798" "768db97f7cf9b7dc" "bd67e9dfe8d65c75" "bcefef989e56865c" "9f5b68dc5cdeb856",
)  # fmt: skip
_RIGHT: _Line = (
    (0x50A28BE6, 0x5C4DD124, 0x6D703EF3, 0x7A6D76E9, 0x00000000),
    "5e7092b4d6f81a3c" "6b370d5aef8c4912" "f5137e69b8c2a04d" "86413bf05c2d97ae" "cfa4158762de039b",
    "899bdff5778beec6" "9df7c89b77c76fdb" "97fb866ecd5edd75" "f58bee6e69c9c5f8" "85c9c5e68d65fdbb",
)  # fmt: skip


def _run_line(
    state: tuple[int, ...], words: list[int], line: _Line, *, functions: tuple[int, ...]
) -> tuple[int, int, int, int, int]:
    """Return the five words after the 80 steps of one line; `functions` says which mixes in each round."""
    constants, choice, rotations = line
    a, b, c, d, e = state
    for step in range(80):
        turn = step // 16
        mixed = a + _mix(functions[turn], b, c, d) + words[int(choice[step], 16)] + constants[turn]
        a, b, c, d, e = (
            e,
            (_rotate(mixed & _MASK, int(rotations[step], 16)) + e) & _MASK,
            b,
            _rotate(c, 10),
            d,
        )
    return a, b, c, d, e


def _mix(function: int, x: int, y: int, z: int) -> int:
    """Return one of the five functions of three words."""
    if function == 0:
        return x ^ y ^ z
    if function == 1:
        return (x & y) | (~x & z)
    if function == 2:
        return (x | (~y & _MASK)) ^ z
    if function == 3:
        return (x & z) | (y & ~z)
    return x ^ (y | (~z & _MASK))


def _rotate(word: int, bits: int) -> int:
    """Return a word rotated left."""
    return ((word << bits) | (word >> (32 - bits))) & _MASK
