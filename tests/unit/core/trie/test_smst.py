"""Roots of the session trie: published ones, and what a trie is."""

from __future__ import annotations

from hashlib import sha256

import pytest

from joey.core.trie.smst import EMPTY, SessionTrie, fold, read_root


def leaf(number: int) -> tuple[bytes, bytes, int]:
    value = f"relay-{number}".encode()
    return sha256(value).digest(), value, 7


@pytest.mark.parametrize(
    ("leaves", "digest", "total"),
    [
        (0, "00" * 32, 0),
        (1, "9ba6fa5fe0838218e7e35414d11c8735b73a394531c955e9c1e4bf7655c7c06b", 0x07),
        (2, "f73485edcdf6771395379bb53e9bb885734bb86320857d688b29f32df3c74853", 0x0E),
        (3, "5110958ab713193660e7fd96f108688052b3dbeed0453746e18ba8d5b1df709e", 0x15),
        (5, "6091146d6c43728a73db90a5545d8d9930c5fd01d7d4600b5637ad1a30e6d7cc", 0x23),
        (100, "6bddb86762ecc4f666ef122b364ba23ac83428ea2a7755d9cf1abbe811dfc1f1", 0x02BC),
        (257, "630de0bb787d8e9add1bcefad296592d335a327523aa1f59387074754750ed03", 0x0707),
    ],
)
def test_published_roots(leaves: int, digest: str, total: int) -> None:
    root = bytes.fromhex(digest) + total.to_bytes(8, "big") + leaves.to_bytes(8, "big")
    trie = SessionTrie()
    for number in range(leaves):
        trie.insert(*leaf(number))
    assert trie.root() == fold(map(leaf, range(leaves))) == root
    assert (trie.sum, trie.count) == (total, leaves)
    assert read_root(root) == (bytes.fromhex(digest), total, leaves)


def test_the_last_leaf_of_a_key_counts() -> None:
    trie = SessionTrie()
    trie.insert(b"key", b"first", 1)
    trie.insert(b"other", b"value", 5)
    before = trie.root()
    trie.insert(b"key", b"second", 2)
    assert trie.root() != before
    assert (trie.sum, trie.count) == (7, 2)
    assert trie.root() == fold([(b"key", b"first", 1), (b"other", b"value", 5), (b"key", b"second", 2)])
    assert trie.root() == fold([(b"other", b"value", 5), (b"key", b"second", 2)])


def test_sums_wrap() -> None:
    root = fold([(b"a", b"", 2**64 - 1), (b"b", b"", 3)])
    assert read_root(root)[1:] == (2, 2)


@pytest.mark.parametrize("weight", [-1, 2**64])
def test_a_weight_has_64_bits(weight: int) -> None:
    with pytest.raises(OverflowError):
        fold([(b"a", b"", weight)])
    with pytest.raises(OverflowError):
        SessionTrie().insert(b"a", b"", weight)


def test_an_empty_trie() -> None:
    assert SessionTrie().root() == fold([]) == EMPTY


def test_a_root_has_48_bytes() -> None:
    with pytest.raises(ValueError, match="48 bytes, not 32"):
        read_root(bytes(32))
