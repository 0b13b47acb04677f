"""The trie is a dictionary with a root: the plain definition, any order, proofs of every leaf."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joey.core.trie import smst
from joey.core.trie.closest import ClosestProof, is_closest_valid, prove_closest, prove_folded
from joey.core.trie.compact import compact, decode_proof, decompact, encode_proof, is_proof_valid
from joey.core.trie.smst import FoldedTrie, SessionTrie, fold, fold_range

LEAVES = st.dictionaries(
    st.binary(max_size=4), st.tuples(st.binary(max_size=40), st.integers(0, 2**64 - 1)), max_size=40
)
PATHS = st.binary(min_size=32, max_size=32)


def digest(preimage: bytes) -> bytes:
    return sha256(preimage).digest() + preimage[-16:]


def plain_root(leaves: dict[bytes, bytes], depth: int = 0) -> bytes:
    """The definition: none is zeros, one is a leaf, more are an inner node over both sides."""
    if not leaves:
        return bytes(48)
    if len(leaves) == 1:
        ((path, data),) = leaves.items()
        return digest(b"\0" + path + data)
    left, right = (plain_root(side, depth + 1) for side in split(leaves, depth))
    total, count = (
        (int.from_bytes(left[a:b], "big") + int.from_bytes(right[a:b], "big")) % 2**64
        for a, b in ((32, 40), (40, 48))
    )
    return digest(b"\1" + left + right + total.to_bytes(8, "big") + count.to_bytes(8, "big"))


def build(leaves: dict[bytes, tuple[bytes, int]]) -> SessionTrie:
    trie = SessionTrie()
    for key, (value, weight) in leaves.items():
        trie.insert(key, value, weight)
    return trie


@given(LEAVES, st.randoms())
def test_root_is_the_definition_in_any_order(leaves: dict[bytes, tuple[bytes, int]], chance: object) -> None:
    expected = plain_root(
        {
            sha256(key).digest(): value + weight.to_bytes(8, "big") + (1).to_bytes(8, "big")
            for key, (value, weight) in leaves.items()
        }
    )
    shuffled = [(key, *leaf) for key, leaf in leaves.items()]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert build(leaves).root() == fold(shuffled) == expected


@given(st.sets(st.integers(0, 2**256 - 1), max_size=12), st.integers(0, 250), st.integers(0, 2**256 - 1))
def test_long_common_prefixes(paths: set[int], shared: int, prefix: int) -> None:
    """Paths are hashes, so real ones part early; here they share up to 250 bits."""
    mask = (1 << 256 - shared) - 1
    ordered = sorted({prefix & ~mask | path & mask for path in paths})
    data = bytes(8) + (1).to_bytes(8, "big")
    leaves = {path.to_bytes(32, "big"): data for path in ordered}
    digests = [digest(b"\0" + path + data) for path in leaves]
    assert fold_range(ordered, digests, 0) == plain_root(leaves)


@given(LEAVES, PATHS)
def test_every_closest_proof_verifies(leaves: dict[bytes, tuple[bytes, int]], path: bytes) -> None:
    trie = build(leaves)
    proof = prove_closest(trie, path)
    encoded = encode_proof(proof)
    assert decode_proof(encoded) == decompact(compact(proof)) == proof
    nothing = bool(leaves) and (proof.value, proof.closest_data) == (b"", bytes(15) + b"\1")
    assert is_proof_valid(trie.root(), encoded) is not nothing
    if leaves:
        own = {sha256(key).digest(): value for key, (value, _) in leaves.items()}
        assert proof.value == own[proof.closest_path]


@given(LEAVES.filter(bool), st.data())
def test_a_leafs_own_path_leads_to_it(leaves: dict[bytes, tuple[bytes, int]], data: st.DataObject) -> None:
    path = sha256(data.draw(st.sampled_from(sorted(leaves)))).digest()
    proof = prove_closest(build(leaves), path)
    assert proof.closest_path == path
    assert proof.flipped_bits == ()


@given(LEAVES, PATHS, st.data())
def test_a_proof_with_one_bit_changed_never_raises(
    leaves: dict[bytes, tuple[bytes, int]], path: bytes, data: st.DataObject
) -> None:
    trie = build(leaves)
    encoded = bytearray(encode_proof(prove_closest(trie, path)))
    place = data.draw(st.integers(0, len(encoded) * 8 - 1))
    encoded[place // 8] ^= 1 << place % 8
    assert is_proof_valid(trie.root(), bytes(encoded)) in (True, False)


@given(LEAVES, LEAVES, PATHS)
def test_a_proof_is_for_one_root(
    leaves: dict[bytes, tuple[bytes, int]], others: dict[bytes, tuple[bytes, int]], path: bytes
) -> None:
    trie, other = build(leaves), build(others)
    proof = prove_closest(trie, path)
    # A leaf of nothing is a proof of absence, which an empty trie may rightly get.
    if trie.root() != other.root() and proof.closest_data != bytes(15) + b"\1":
        assert not is_closest_valid(proof, other.root())


def plain_proof(leaves: dict[bytes, bytes], path: bytes) -> ClosestProof:
    """The definition: down to a leaf along the path, aside where there is nothing.

    `leaves` are data by path in the order of insertion. Source: smt.go, ProveClosest.
    """
    below, depth = leaves, 0
    flipped: list[int] = []
    sides: list[bytes] = []
    sibling: dict[bytes, bytes] = {}
    while len(below) > 1:
        ways = split(below, depth)
        turn = path[depth // 8] >> 7 - depth % 8 & 1
        if not ways[turn]:
            flipped.append(depth)
            turn ^= 1
        below, sibling = ways[turn], ways[turn ^ 1]
        depth += 1
        sides.insert(0, plain_root(sibling, depth))
    ((closest_path, data),) = below.items()
    return ClosestProof(
        path,
        tuple(flipped),
        depth,
        closest_path,
        data,
        tuple(sides),
        plain_preimage(sibling, depth) if sibling else None,
    )


def plain_preimage(leaves: dict[bytes, bytes], depth: int) -> bytes:
    """What is stored of a node: a leaf, an inner node, or one extension for a chain of inner nodes."""
    if len(leaves) == 1:
        ((path, data),) = leaves.items()
        return b"\0" + path + data
    end = depth
    while not all(split(leaves, end)):
        end += 1
    node = plain_root(leaves, end)
    if end > depth:
        return b"\2" + bytes((depth, end)) + list(leaves)[1] + node + node[32:]
    left, right = (plain_root(side, depth + 1) for side in split(leaves, depth))
    return b"\1" + left + right + node[32:]


def split(leaves: dict[bytes, bytes], depth: int) -> list[dict[bytes, bytes]]:
    sides: list[dict[bytes, bytes]] = [{}, {}]
    for path, data in leaves.items():
        sides[path[depth // 8] >> 7 - depth % 8 & 1][path] = data
    return sides


POOL = sorted((number.to_bytes(4, "big") for number in range(20_000)), key=lambda key: sha256(key).digest())
"""Keys in the order of their paths: neighbours share some fourteen bits, and lie deep."""

SKEWED_KEYS = st.lists(
    st.tuples(st.integers(0, len(POOL) - 9), st.integers(1, 8)).map(lambda run: POOL[run[0] :][: run[1]]),
    min_size=1,
    max_size=8,
).map(lambda runs: [key for run in runs for key in run])


@pytest.mark.parametrize("folded_max", [1, 3, 128])
@given(keys=SKEWED_KEYS, chance=st.randoms(), path=PATHS, near=st.booleans())
def test_a_folded_trie_proves_what_the_definition_does(
    folded_max: int, keys: list[bytes], chance: object, path: bytes, near: bool
) -> None:
    chance.shuffle(keys)  # type: ignore[attr-defined]
    if near:
        path = sha256(keys[0]).digest()[:31] + path[31:]
    values = {key: key[::-1] * 3 for key in keys}
    by_path = {
        sha256(key).digest(): value + bytes(7) + b"\5" + bytes(7) + b"\1" for key, value in values.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(smst, "_FOLDED_MAX", folded_max)
        trie = FoldedTrie((key, value, 5) for key, value in values.items())
        proof = prove_folded(trie, path, values.__getitem__)
    assert trie.root == plain_root(by_path)
    assert proof == plain_proof(by_path, path)
    assert (trie.count, trie.sum) == (len(values), 5 * len(values))
    assert is_proof_valid(trie.root, encode_proof(proof))


def test_a_proof_reads_two_values_and_no_other() -> None:
    values = {sha256(b"%d" % number).digest(): b"value %d" % number for number in range(1000)}
    trie = FoldedTrie((key, value, 1) for key, value in values.items())
    read: list[bytes] = []

    def read_value(key: bytes) -> bytes:
        read.append(key)
        return values[key]

    for number in range(50):
        read.clear()
        assert is_closest_valid(
            prove_folded(trie, sha256(b"path %d" % number).digest(), read_value), trie.root
        )
        assert 1 <= len(read) <= 2
    with pytest.raises(ValueError, match="not the one that was folded"):
        prove_folded(trie, bytes(32), lambda key: values[key] + b"!")
