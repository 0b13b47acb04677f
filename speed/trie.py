"""What a session trie costs: CPU time to fold 100,000 relays of 1 kB, to prove and verify a leaf; memory.

Run `python -m speed.trie`; it prints one JSON object on a line. `floor_s` is the hashing alone, in the
same run: each path, each leaf and each inner node as one bare SHA-256 over bytes of their lengths;
`ratio` is the median over that floor. Keys (relay hashes) are given, as they are in a node's log. Every
proof is of another path, encoded, decoded and verified; its values are in memory. The bytes per leaf
are those of the folded trie, and the most there were while it was folded, without the relays.
"""

from __future__ import annotations

import json
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise

from joey.core.trie.closest import prove_folded
from joey.core.trie.compact import encode_proof, is_proof_valid
from joey.core.trie.smst import PATH_BITS, FoldedTrie
from speed.machine import describe_machine

LEAVES = 100_000
VALUE_BYTES = 1000
WEIGHT = 3000
ROUNDS = 7
PROOFS = 2000

LEAF_PREIMAGE_BYTES = 49 + VALUE_BYTES
INNER_PREIMAGE_BYTES = 113


def main() -> None:
    """Measure and print."""
    source = random.Random(1)
    values = [source.randbytes(VALUE_BYTES) for _ in range(LEAVES)]
    leaves = [(sha256(value).digest(), value, WEIGHT) for value in values]
    inner_nodes = count_inner_nodes([key for key, _, _ in leaves])

    folds, floors = [], []
    for _ in range(ROUNDS):  # both in every round, so that a slow minute slows both
        folds.append(measure(lambda: FoldedTrie(leaves)))
        floors.append(measure(lambda: hash_bare(inner_nodes)))

    tracemalloc.start()
    trie = FoldedTrie(leaves)
    kept_bytes, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    by_key = {key: value for key, value, _ in leaves}
    paths = [source.randbytes(32) for _ in range(PROOFS)]
    encoded = b""
    proofs, checks = [], []
    for path in paths:
        start = time.process_time()
        encoded = encode_proof(prove_folded(trie, path, by_key.__getitem__))
        middle = time.process_time()
        valid = is_proof_valid(trie.root, encoded)
        end = time.process_time()
        assert valid
        proofs.append((middle - start) * 1e6)
        checks.append((end - middle) * 1e6)
    result = {
        "measurement": "trie",
        "leaves": LEAVES,
        "value_bytes": VALUE_BYTES,
        "inner_nodes": inner_nodes,
        "rounds": ROUNDS,
        "fold_s": summarize(folds),
        "floor_s": summarize(floors),
        "ratio": round(statistics.median(folds) / statistics.median(floors), 2),
        "proofs": PROOFS,
        "prove_us": summarize(proofs, digits=1),
        "verify_us": summarize(checks, digits=1),
        "kept_bytes_per_leaf": round(kept_bytes / LEAVES, 1),
        "most_bytes_per_leaf": round(most_bytes / LEAVES, 1),
        "proof_bytes": len(encoded),
        "machine": describe_machine(),
    }
    print(json.dumps(result))


def measure(work: Callable[[], object]) -> float:
    """Return the CPU seconds that some work takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def hash_bare(inner_nodes: int) -> None:
    """Hash what a fold must hash, but always the same bytes."""
    key, leaf, inner = bytes(32), bytes(LEAF_PREIMAGE_BYTES), bytes(INNER_PREIMAGE_BYTES)
    for _ in range(LEAVES):
        sha256(key).digest()
        sha256(leaf).digest()
    for _ in range(inner_nodes):
        sha256(inner).digest()


def count_inner_nodes(keys: list[bytes]) -> int:
    """Return how many inner nodes a trie over these keys has: prefixes that two leaves share."""
    paths = sorted(int.from_bytes(sha256(key).digest(), "big") for key in keys)
    shared = [PATH_BITS - (first ^ second).bit_length() for first, second in pairwise(paths)]
    return sum(max(0, here - before) for before, here in pairwise([-1, *shared]))


def summarize(samples: list[float], digits: int = 4) -> dict[str, float]:
    """Return median, least and greatest."""
    return {
        "median": round(statistics.median(samples), digits),
        "min": round(min(samples), digits),
        "max": round(max(samples), digits),
    }


if __name__ == "__main__":
    main()
