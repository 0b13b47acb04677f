"""Closest-leaf proofs: that a leaf is in a trie, and is the one a given path leads to.

The chain draws a path; the proof opens the leaf found by walking down along it, turning aside only
where there is nothing. `flipped_bits` are the depths of those turns.

`is_proof_valid` answers as the chain does, not as one might wish: it asks neither that the leaf
really is the closest nor that `depth` is the number of side nodes. Where the reference crashes, the
answer is no.
Source: pokt-network/smt v0.14.1 smt.go, proofs.go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from joey.core.trie.smst import (
    DIGEST_LENGTH,
    EMPTY,
    PATH_BITS,
    FoldedTrie,
    SessionTrie,
    compute_leaf,
    encode_leaf,
)

__all__ = ["ClosestProof", "is_closest_valid", "prove_closest", "prove_folded"]

_PATH_LENGTH = PATH_BITS // 8
_META_LENGTH = 16
"""Sum and count at the end of a leaf's data."""

_WORD_MASK = (1 << 64) - 1
_EXTENSION = b"\2"


@dataclass(frozen=True, slots=True)
class ClosestProof:
    """One opened leaf. `None` and empty are the same on the wire; `None` is what the network has.

    `closest_data` is the leaf's value, weight (8 bytes) and count (8); `side_nodes` are the digests
    beside the way, from the leaf upwards; `sibling_data` is the preimage of the first of them.
    """

    path: bytes
    flipped_bits: tuple[int, ...]
    depth: int
    closest_path: bytes
    closest_data: bytes | None
    side_nodes: tuple[bytes, ...]
    sibling_data: bytes | None = None
    non_membership_leaf: bytes | None = None

    @property
    def value(self) -> bytes | None:
        """The leaf's value, the relay's bytes. Raises `ValueError` when the data has no room for one."""
        if not self.closest_data:
            return None
        if len(self.closest_data) < _META_LENGTH:
            raise ValueError("the leaf's data is too short for its sum and count")
        return self.closest_data[:-_META_LENGTH]


def prove_closest(trie: SessionTrie, path: bytes) -> ClosestProof:
    """Return the proof of the leaf that the 32-byte `path` leads to.

    An empty trie has a proof too, of nothing, as in the network. Raises `ValueError` for a path of
    another length.
    """
    return prove_folded(trie.folded(), path, trie.value)


def prove_folded(trie: FoldedTrie, path: bytes, read_value: Callable[[bytes], bytes]) -> ClosestProof:
    """Return the same for a trie that has no values: `read_value` is asked for one or two, by key.

    Raises `ValueError` when it returns another value than was folded, and what it raises itself.
    """
    if len(path) != _PATH_LENGTH:
        raise ValueError(f"a path has {_PATH_LENGTH} bytes, not {len(path)}")
    if not trie.count:
        return ClosestProof(path, (0,), 0, EMPTY, None, ())

    wanted = int.from_bytes(path, "big")
    flipped: list[int] = []
    sides: list[bytes] = []
    low, high, depth = 0, trie.count, 0
    sibling = (0, 0)
    while high - low > 1:
        middle = trie.find_middle(low, high, depth)
        ways = [(low, middle), (middle, high)]
        turn = wanted >> (PATH_BITS - 1 - depth) & 1
        if ways[turn][0] == ways[turn][1]:
            flipped.append(depth)
            turn ^= 1
        (low, high), sibling = ways[turn], ways[turn ^ 1]
        depth += 1
        sides.append(trie.fold(*sibling, depth))

    return ClosestProof(
        path=path,
        flipped_bits=tuple(flipped),
        depth=depth,
        closest_path=trie.path(low),
        closest_data=trie.leaf_data(low, read_value(trie.key(low))),
        side_nodes=tuple(reversed(sides)),
        sibling_data=_encode_node(trie, *sibling, depth, read_value),
    )


def is_closest_valid(proof: ClosestProof, root: bytes) -> bool:
    """Tell whether the chain accepts a proof against a claim's root."""
    try:
        _check_closest(proof)
        return _compute_root(proof) == root
    except ValueError:
        return False


def _encode_node(
    trie: FoldedTrie, low: int, high: int, depth: int, read_value: Callable[[bytes], bytes]
) -> bytes | None:
    """Return the preimage under which the network stores the node at `depth` over these leaves.

    Where all of them go one way for a while, the network stores an extension node instead of inner
    nodes with one child. It names the path of the leaf whose insertion created it, and that is the
    second leaf that came to be below it.
    """
    if low == high:
        return None
    if high - low == 1:
        return encode_leaf(trie.path(low), trie.leaf_data(low, read_value(trie.key(low))))
    branch = trie.find_branch(low, high)
    if branch == depth:
        middle = trie.find_middle(low, high, depth)
        return _encode_inner(trie.fold(low, middle, depth + 1), trie.fold(middle, high, depth + 1))
    child = trie.fold(low, high, branch)
    creator = trie.path(trie.find_second(low, high))
    return _EXTENSION + bytes((depth, branch)) + creator + child + child[-_META_LENGTH:]


def _encode_inner(left: bytes, right: bytes) -> bytes:
    """Return an inner node's preimage; sum and count of any two children wrap at 2^64 each."""
    if len(left) < _META_LENGTH or len(right) < _META_LENGTH:
        raise ValueError("a child is too short for its sum and count")
    numbers = [
        (int.from_bytes(left[start:end], "big") + int.from_bytes(right[start:end], "big")) & _WORD_MASK
        for start, end in ((-16, -8), (-8, None))
    ]
    return b"\1" + left + right + b"".join(number.to_bytes(8, "big") for number in numbers)


def _check_closest(proof: ClosestProof) -> None:
    """Raise `ValueError` unless the parts fit together. Source: SparseMerkleClosestProof.validateBasic."""
    if len(proof.path) != _PATH_LENGTH:
        raise ValueError("the path has another length")
    if not 0 <= proof.depth <= PATH_BITS:
        raise ValueError("the depth is out of range")
    if any(not 0 <= bit <= proof.depth for bit in proof.flipped_bits):
        raise ValueError("a flipped bit is beyond the depth")
    wanted = int.from_bytes(proof.path, "big")
    for bit in proof.flipped_bits:
        if bit == PATH_BITS:
            raise ValueError("a flipped bit is beyond the path")
        wanted ^= 1 << (PATH_BITS - 1 - bit)
    if len(proof.closest_path) < _PATH_LENGTH:
        raise ValueError("the closest path is too short")
    closest = int.from_bytes(proof.closest_path[:_PATH_LENGTH], "big")
    if PATH_BITS - (wanted ^ closest).bit_length() < proof.depth:
        raise ValueError("the closest path leaves the path too early")
    _check_sides(proof)


def _check_sides(proof: ClosestProof) -> None:
    """Raise `ValueError` unless side nodes can be ones. Source: SparseMerkleProof.validateBasic."""
    if len(proof.side_nodes) > PATH_BITS:
        raise ValueError("there are too many side nodes")
    if proof.non_membership_leaf and len(proof.non_membership_leaf) < 1 + _PATH_LENGTH:
        raise ValueError("the non-membership leaf is too short")
    if any(len(node) != DIGEST_LENGTH for node in proof.side_nodes):
        raise ValueError("a side node has another length")
    if not (proof.sibling_data and proof.side_nodes):
        return
    if _compute_node(proof.sibling_data) != proof.side_nodes[0]:
        raise ValueError("the sibling data is not that of the first side node")


def _compute_root(proof: ClosestProof) -> bytes:
    """Return the root that a proof's leaf and side nodes lead to."""
    path = proof.closest_path[:_PATH_LENGTH]
    node = _compute_start(proof, path)
    bits = int.from_bytes(path, "big")
    for level, side in zip(reversed(range(len(proof.side_nodes))), proof.side_nodes, strict=True):
        pair = (side, node) if bits >> (PATH_BITS - 1 - level) & 1 else (node, side)
        node = compute_leaf(_encode_inner(*pair))
    return node


def _compute_start(proof: ClosestProof, path: bytes) -> bytes:
    """Return the digest at the bottom: of the leaf or, for an empty value of no weight, of its absence."""
    data = proof.closest_data or b""
    if data and len(data) < _META_LENGTH:
        raise ValueError("the leaf's data is too short for its sum and count")
    if data and data[:-8] != bytes(8):
        return compute_leaf(encode_leaf(path, data))
    if not proof.non_membership_leaf:
        return EMPTY
    other, other_data = proof.non_membership_leaf[1:33], proof.non_membership_leaf[33:]
    if other == path:
        raise ValueError("the non-membership leaf is the leaf itself")
    return compute_leaf(encode_leaf(other, other_data))


def _compute_node(preimage: bytes) -> bytes:
    """Return the digest of a stored node; an extension stands for its chain of inner nodes."""
    if preimage[:1] != _EXTENSION:
        if len(preimage) < _META_LENGTH:
            raise ValueError("a node is too short for its sum and count")
        return sha256(preimage).digest() + preimage[-_META_LENGTH:]
    if len(preimage) < 3 + _PATH_LENGTH + _META_LENGTH:
        raise ValueError("an extension node is too short")
    start, end = preimage[1], preimage[2]
    bits = int.from_bytes(preimage[3 : 3 + _PATH_LENGTH], "big")
    node = preimage[3 + _PATH_LENGTH : -_META_LENGTH]
    for level in reversed(range(start, end)):
        pair = (EMPTY, node) if bits >> (PATH_BITS - 1 - level) & 1 else (node, EMPTY)
        node = compute_leaf(_encode_inner(*pair))
    return node
