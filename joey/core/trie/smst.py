"""The session trie: a sparse Merkle sum trie over the relays of a session.

A leaf has a key (the relay hash), a value (the relay's bytes) and a weight (compute units). It lies
at the path SHA-256 of its key, most significant bit first, 0 to the left, as near to the root as it
is alone. A node's digest is 48 bytes: SHA-256 of its preimage, then sum and count (8 bytes each,
big-endian) of the leaves below it. Preimages:

- leaf: `00 | path (32) | value | weight (8) | 1 (8)`;
- inner: `01 | left digest (48) | right digest (48) | sum (8) | count (8)`; sums wrap at 2^64.

An empty child is 48 zero bytes. The root depends on the set of leaves alone, so nothing needs to be
stored but the relays: the trie is folded from them when it is claimed.
Source: pokt-network/smt v0.14.1, set up with SHA-256 for paths, values unhashed, sums.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from hashlib import sha256
from heapq import nsmallest
from itertools import accumulate

__all__ = [
    "DIGEST_LENGTH",
    "EMPTY",
    "FoldedTrie",
    "PATH_BITS",
    "SessionTrie",
    "compute_inner",
    "compute_leaf",
    "encode_leaf",
    "fold",
    "fold_range",
    "read_root",
]

DIGEST_LENGTH = 48
"""SHA-256, sum, count."""

EMPTY = bytes(DIGEST_LENGTH)
"""The digest of an empty trie, and of an empty child."""

PATH_BITS = 256
_PATH_LENGTH = PATH_BITS // 8

_ONE = (1).to_bytes(8, "big")
_TAIL_MASK = (1 << 128) - 1

_FOLDED_MAX = 128
"""How many leaves are folded again rather than that the digest of their branch is kept."""


class FoldedTrie:
    """A trie of which no value is kept, only what its root and a proof of any leaf are made from.

    `leaves` are (key, value, weight) triples; of equal keys the last counts. No value outlives its
    turn, so a session may be read from disk while it is folded. Weights fit in 64 bits unsigned.

    Leaves are known by their index in the order of their paths. A leaf of a 32-byte key takes 130
    bytes and, while the trie is made, 510; the digests of all branches over more than
    `_FOLDED_MAX` leaves are kept too, so that a proof folds no more leaves than that at a time.
    """

    __slots__ = ("_branches", "_digests", "_ends", "_keys", "_paths", "_places", "root")

    def __init__(self, leaves: Iterable[tuple[bytes, bytes, int]]) -> None:
        places: dict[bytes, int] = {}
        keys: list[bytes] = []
        digests: list[bytes] = []
        for key, value, weight in leaves:
            path = sha256(key).digest()
            tail = weight.to_bytes(8, "big") + _ONE
            digest = sha256(b"\0" + path + value + tail).digest() + tail
            place = places.setdefault(path, len(keys))
            if place == len(keys):
                keys.append(key)
                digests.append(digest)
            else:
                digests[place] = digest
        paths = list(places)
        ordered = sorted(range(len(paths)), key=paths.__getitem__)
        self._places = array("L", ordered)
        self._paths = b"".join([paths[place] for place in ordered])
        self._keys = b"".join([keys[place] for place in ordered])
        self._ends = array("L", accumulate([len(keys[place]) for place in ordered]))
        self._digests = b"".join([digests[place] for place in ordered])
        self._branches: dict[int, bytes] = {}
        self.root = self.fold(0, self.count, 0)
        """The 48 bytes that a claim commits to."""

    @property
    def sum(self) -> int:
        """The weight of all leaves, modulo 2^64."""
        return read_root(self.root)[1]

    @property
    def count(self) -> int:
        """How many leaves there are."""
        return len(self._places)

    def key(self, index: int) -> bytes:
        """Return a leaf's key."""
        return self._keys[self._ends[index - 1] if index else 0 : self._ends[index]]

    def path(self, index: int) -> bytes:
        """Return a leaf's path."""
        return self._paths[index * _PATH_LENGTH : (index + 1) * _PATH_LENGTH]

    def leaf_data(self, index: int, value: bytes) -> bytes:
        """Return value, weight and count of a leaf. Raises `ValueError` for another value than its own."""
        digest = self._digest(index)
        data = value + digest[-16:]
        if compute_leaf(encode_leaf(self.path(index), data)) != digest:
            raise ValueError("the value is not the one that was folded")
        return data

    def find_branch(self, low: int, high: int) -> int:
        """Return the depth at which the paths of leaves `low` to `high - 1`, two at least, first differ."""
        return PATH_BITS - (self._number(low) ^ self._number(high - 1)).bit_length()

    def find_middle(self, low: int, high: int, depth: int) -> int:
        """Return where, among leaves whose paths share `depth` bits, those with a one next begin."""
        shift = PATH_BITS - depth
        pivot = (self._number(low) >> shift << shift) | 1 << (shift - 1)
        return bisect_left(range(self.count), pivot, low, high, key=self._number)

    def find_second(self, low: int, high: int) -> int:
        """Return which of two or more leaves was inserted second."""
        return nsmallest(2, range(low, high), key=self._places.__getitem__)[1]

    def fold(self, low: int, high: int, depth: int) -> bytes:
        """Return the digest of the subtrie at `depth` that holds exactly the leaves `low` to `high - 1`."""
        if high - low <= _FOLDED_MAX:
            return fold_range(
                [self._number(index) for index in range(low, high)],
                [self._digest(index) for index in range(low, high)],
                depth,
            )
        branch = self.find_branch(low, high)
        middle = self.find_middle(low, high, branch)
        digest = self._branches.get(middle)  # no two branches have the same
        if digest is None:
            digest = compute_inner(self.fold(low, middle, branch + 1), self.fold(middle, high, branch + 1))
            self._branches[middle] = digest
        return _lift(digest, self._number(low), branch, depth)

    def _number(self, index: int) -> int:
        return int.from_bytes(self._paths[index * _PATH_LENGTH : (index + 1) * _PATH_LENGTH], "big")

    def _digest(self, index: int) -> bytes:
        return self._digests[index * DIGEST_LENGTH : (index + 1) * DIGEST_LENGTH]


class SessionTrie:
    """A trie that grows leaf by leaf and keeps every value."""

    def __init__(self) -> None:
        self._leaves: dict[bytes, tuple[bytes, int]] = {}
        self._folded: FoldedTrie | None = None

    def insert(self, key: bytes, value: bytes, weight: int) -> None:
        """Add a leaf, or replace the one of the same key. The weight fits in 64 bits unsigned."""
        weight.to_bytes(8, "big")  # raises OverflowError here rather than when the trie is folded
        self._leaves[key] = (value, weight)
        self._folded = None

    def folded(self) -> FoldedTrie:
        """Return the trie as it is now."""
        if self._folded is None:
            self._folded = FoldedTrie((key, *leaf) for key, leaf in self._leaves.items())
        return self._folded

    def root(self) -> bytes:
        """Return the 48 bytes that a claim commits to."""
        return self.folded().root

    @property
    def sum(self) -> int:
        """The weight of all leaves, modulo 2^64."""
        return self.folded().sum

    @property
    def count(self) -> int:
        """How many leaves there are."""
        return len(self._leaves)

    def value(self, key: bytes) -> bytes:
        """Return the value of a leaf. Raises `KeyError`."""
        return self._leaves[key][0]


def fold(leaves: Iterable[tuple[bytes, bytes, int]]) -> bytes:
    """Return the root over (key, value, weight) triples, 48 bytes; of equal keys the last counts."""
    return FoldedTrie(leaves).root


def fold_range(paths: Sequence[int], digests: Sequence[bytes], depth: int) -> bytes:
    """Return the digest of the subtrie at `depth` that holds exactly these leaves.

    `paths` are distinct, ascending and share their first `depth` bits; `digests` are their leaves'.

    The leaves are taken from left to right. Two neighbours branch where their paths first differ; a
    branch is closed as soon as the next one is above it, so each node is hashed once and a stack of
    open branches is all there is.
    """
    if not paths:
        return EMPTY
    open_branches: list[tuple[int, bytes]] = []
    previous, digest, top = paths[0], digests[0], 0
    for path, leaf in zip(paths[1:], digests[1:], strict=True):
        branch = PATH_BITS - (previous ^ path).bit_length()
        while open_branches and open_branches[-1][0] > branch:
            level, left = open_branches.pop()
            right = digest if top <= level + 1 else _lift(digest, previous, top, level + 1)
            digest, top = compute_inner(left, right), level
        left = digest if top <= branch + 1 else _lift(digest, previous, top, branch + 1)
        open_branches.append((branch, left))
        previous, digest, top = path, leaf, 0
    while open_branches:
        level, left = open_branches.pop()
        digest, top = compute_inner(left, _lift(digest, previous, top, level + 1)), level
    return _lift(digest, previous, top, depth)


def encode_leaf(path: bytes, data: bytes) -> bytes:
    """Return a leaf's preimage; `data` is value, weight and count."""
    return b"\0" + path + data


def compute_leaf(preimage: bytes) -> bytes:
    """Return the digest of a leaf or inner preimage, which ends with its sum and count."""
    return sha256(preimage).digest() + preimage[-16:]


def compute_inner(left: bytes, right: bytes) -> bytes:
    """Return the digest over two children, 48 bytes each."""
    # Sum and count are added as one number: counts of real leaves never reach into the sum.
    total = int.from_bytes(left[32:], "big") + int.from_bytes(right[32:], "big") & _TAIL_MASK
    tail = total.to_bytes(16, "big")
    return sha256(b"\1" + left + right + tail).digest() + tail


def read_root(root: bytes) -> tuple[bytes, int, int]:
    """Return a root's digest (32 bytes), sum and count. Raises `ValueError` unless it is 48 bytes."""
    if len(root) != DIGEST_LENGTH:
        raise ValueError(f"a root has {DIGEST_LENGTH} bytes, not {len(root)}")
    return root[:32], int.from_bytes(root[32:40], "big"), int.from_bytes(root[40:], "big")


def _lift(digest: bytes, path: int, top: int, depth: int) -> bytes:
    """Return the digest at `depth` of a node at depth `top`, through inner nodes with one child.

    A leaf, which needs no such nodes, is said to be at 0.
    """
    for level in range(top - 1, depth - 1, -1):
        pair = EMPTY + digest if path >> (PATH_BITS - 1 - level) & 1 else digest + EMPTY
        tail = digest[32:]
        digest = sha256(b"\1" + pair + tail).digest() + tail
    return digest
