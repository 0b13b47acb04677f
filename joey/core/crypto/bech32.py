"""Bech32: bytes as text with a prefix and a checksum.

Source: BIP 173. As in the Cosmos SDK, a text may be longer than the 90 characters allowed there.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["decode_bech32", "encode_bech32"]

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LENGTH = 6
_LENGTH_MAX = 1023
"""In characters. Source: cosmos-sdk types/bech32, DecodeAndConvert."""


def encode_bech32(prefix: str, data: bytes) -> str:
    """Return `prefix`, the separator `1`, the data and its checksum, all in lower case."""
    values = _regroup(data, 8, 5)
    spare_bits = -8 * len(data) % 5
    if spare_bits:
        values[-1] <<= spare_bits
    # The six values for which the checksum of the whole becomes 1.
    residue = _compute_checksum(prefix, [*values, *bytes(_CHECKSUM_LENGTH)]) ^ 1
    values += [residue >> shift & 31 for shift in (25, 20, 15, 10, 5, 0)]
    return prefix + "1" + "".join(_ALPHABET[value] for value in values)


def decode_bech32(text: str) -> tuple[str, bytes]:
    """Return prefix, in lower case, and data.

    Raises `ValueError` when the text is not bech32: length, characters, mixed case, checksum, or
    spare bits that are too many or not zero.
    """
    lowered = text.lower()
    if not text.isascii() or len(text) > _LENGTH_MAX or (text != lowered and text != text.upper()):
        raise ValueError("not bech32: foreign letters, mixed case, or too long")
    prefix, _, tail = lowered.rpartition("1")
    if not prefix or len(tail) < _CHECKSUM_LENGTH or not all("!" <= letter <= "~" for letter in prefix):
        raise ValueError("not bech32: no prefix or no checksum")
    values = [_ALPHABET.find(letter) for letter in tail]
    if min(values) < 0 or _compute_checksum(prefix, values) != 1:
        raise ValueError("not bech32: wrong checksum")
    payload = values[:-_CHECKSUM_LENGTH]
    spare_bits = 5 * len(payload) % 8
    if spare_bits > 4 or (payload and payload[-1] & ((1 << spare_bits) - 1)):
        raise ValueError("not bech32: the spare bits are not zero")
    return prefix, bytes(_regroup(payload, 5, 8)[: 5 * len(payload) // 8])


def _compute_checksum(prefix: str, values: Iterable[int]) -> int:
    """Return the remainder, 30 bits, of prefix and 5-bit values; 1 when they end in their checksum."""
    letters = [ord(letter) for letter in prefix]
    remainder = 1
    for value in (*(letter >> 5 for letter in letters), 0, *(letter & 31 for letter in letters), *values):
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            if top >> bit & 1:
                remainder ^= generator
    return remainder


def _regroup(values: Iterable[int], bits_in: int, bits_out: int) -> list[int]:
    """Return the same bits in groups of another size; the last holds what is left, unpadded."""
    groups: list[int] = []
    held = held_bits = 0
    for value in values:
        held = held << bits_in | value
        held_bits += bits_in
        while held_bits >= bits_out:
            held_bits -= bits_out
            groups.append(held >> held_bits)
            held &= (1 << held_bits) - 1
    if held_bits:
        groups.append(held)
    return groups
