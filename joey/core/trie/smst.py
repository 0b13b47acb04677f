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

from collections.abc import Iterable, Sequence
from hashlib import sha256

__all__ = [
    "DIGEST_LENGTH",
    "EMPTY",
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

_ONE = (1).to_bytes(8, "big")
_TAIL_MASK = (1 << 128) - 1


class SessionTrie:
    """A trie that grows leaf by leaf and keeps what proofs need: every value, and which came first."""

    def __init__(self) -> None:
        self._leaves: dict[bytes, tuple[bytes, bytes]] = {}
        self._root: bytes | None = None

    def insert(self, key: bytes, value: bytes, weight: int) -> None:
        """Add a leaf, or replace the one of the same key. The weight fits in 64 bits unsigned."""
        self._leaves[sha256(key).digest()] = (value, weight.to_bytes(8, "big") + _ONE)
        self._root = None

    def root(self) -> bytes:
        """Return the 48 bytes that a claim commits to."""
        if self._root is None:
            paths, digests = self.arrange()
            self._root = fold_range(paths, digests, 0)
        return self._root

    @property
    def sum(self) -> int:
        """The weight of all leaves, modulo 2^64."""
        return read_root(self.root())[1]

    @property
    def count(self) -> int:
        """How many leaves there are."""
        return len(self._leaves)

    def arrange(self) -> tuple[list[int], list[bytes]]:
        """Return the paths as integers, ascending, and the digests of their leaves beside them."""
        ordered = sorted(self._leaves.items())
        digests = [compute_leaf(encode_leaf(path, value + tail)) for path, (value, tail) in ordered]
        return [int.from_bytes(path, "big") for path, _ in ordered], digests

    def leaf_data(self, path: bytes) -> bytes:
        """Return value, weight and count of the leaf at a path. Raises `KeyError`."""
        value, tail = self._leaves[path]
        return value + tail

    def rank(self) -> dict[bytes, int]:
        """Return each path's place in the order of first insertion."""
        return {path: place for place, path in enumerate(self._leaves)}


def fold(leaves: Iterable[tuple[bytes, bytes, int]]) -> bytes:
    """Return the root over (key, value, weight) triples, 48 bytes; of equal keys the last counts.

    No value outlives its turn, so a session may be read from disk while it is folded.
    """
    digests: dict[bytes, bytes] = {}
    for key, value, weight in leaves:
        path = sha256(key).digest()
        tail = weight.to_bytes(8, "big") + _ONE
        digests[path] = sha256(b"\0" + path + value + tail).digest() + tail
    ordered = sorted(digests)
    return fold_range(
        [int.from_bytes(path, "big") for path in ordered], [digests[path] for path in ordered], 0
    )


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
            digest, top = compute_inner(left, _lift(digest, previous, top, level + 1)), level
        open_branches.append((branch, _lift(digest, previous, top, branch + 1)))
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
