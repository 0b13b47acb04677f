"""Bech32 against the valid and invalid strings of its definition."""

from __future__ import annotations

import pytest

from joey.core.crypto.bech32 import decode_bech32, encode_bech32

# Source: BIP 173, test vectors; those whose data is whole bytes, and the data of one.
VALID = [
    ("A12UEL5L", "a", ""),
    ("a12uel5l", "a", ""),
    ("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef", "00443214c74254b635cf84653a56d7c675be77df"),
    ("?1ezyfcl", "?", ""),
    ("pokt1qy62e8ra", "pokt", "01"),
    (
        "11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j",
        "1",
        "00" * 51,
    ),
    (
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
        "split",
        "c5f38b70305f519bf66d85fb6cf03058f3dde463ecd7918f2dc743918f2d",
    ),
    (
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio",
        "",
    ),
]
INVALID = [
    "\x201nwldj5",  # a space as prefix
    "\x7f1axkwrx",
    "\x801eym55h",
    "pzry9x0s0muk",  # no separator
    "1pzry9x0s0muk",  # no prefix
    "x1b4n0q5v",  # b is no letter of the alphabet
    "li1dgmt3",  # checksum too short
    "de1lg7wt\xff",
    "A1G7SGD8",  # checksum of the upper-case prefix
    "10a06t8",
    "1qzzfhee",
    "a12UEL5L",  # mixed case
    "",
    "pokt1",
    "PO\u212aT1QY62E8RA",  # the Kelvin sign, which is k in lower case and itself in upper case
]
SPARE_BITS = [
    "pokt1qpgk0534",  # two values: a byte, and two bits that are 01
    "pokt1qavfpx5",  # one value: no byte, and five bits
    "pokt1qqq8xl8p6",  # three values: one byte, and seven bits
]


@pytest.mark.parametrize(("text", "prefix", "data"), VALID)
def test_valid(text: str, prefix: str, data: str) -> None:
    assert decode_bech32(text) == (prefix, bytes.fromhex(data))
    assert encode_bech32(prefix, bytes.fromhex(data)) == text.lower()


@pytest.mark.parametrize("text", INVALID)
def test_invalid(text: str) -> None:
    with pytest.raises(ValueError, match="not bech32"):
        decode_bech32(text)


def test_every_length_comes_back() -> None:
    for length in range(64):
        data = bytes(255 - i for i in range(length))
        assert decode_bech32(encode_bech32("pokt", data)) == ("pokt", data)


def test_every_changed_letter_is_seen() -> None:
    text = encode_bech32("pokt", bytes(range(20)))
    for index in range(len("pokt1"), len(text)):
        changed = text[:index] + ("q" if text[index] != "q" else "p") + text[index + 1 :]
        with pytest.raises(ValueError, match="checksum"):
            decode_bech32(changed)


@pytest.mark.parametrize("text", SPARE_BITS)
def test_spare_bits_must_be_zero_and_few(text: str) -> None:
    with pytest.raises(ValueError, match="spare bits"):
        decode_bech32(text)


def test_longer_than_the_sdk_reads() -> None:
    assert decode_bech32(encode_bech32("pokt", bytes(600)))[1] == bytes(600)
    with pytest.raises(ValueError, match="too long"):
        decode_bech32(encode_bech32("pokt", bytes(700)))
