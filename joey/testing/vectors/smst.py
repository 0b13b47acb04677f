"""Checks of `smst.json`: roots after each insertion, closest proofs in all their forms, verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from joey.core.trie.closest import ClosestProof, prove_closest
from joey.core.trie.compact import (
    CompactProof,
    compact,
    decode_proof,
    decompact,
    encode_proof,
    is_proof_valid,
)
from joey.core.trie.smst import SessionTrie, fold
from joey.testing.vectors.item import Item

__all__ = ["GROUPS"]


def check_trie(item: Item) -> None:
    """Build a trie leaf by leaf, fold it at once, and prove the closest leaf of each given path."""
    trie, leaves = SessionTrie(), []
    for insertion in item.items("insertions"):
        leaf = insertion.octets("key"), insertion.octets("value"), insertion.integer("weight")
        leaves.append(leaf)
        trie.insert(*leaf)
        if insertion.has("root"):
            _expect_totals(insertion, trie)
    _expect_totals(item, trie)
    item.expect("root", fold(leaves))
    for expected in item.items("closest_proofs"):
        _check_closest(expected, trie)


def check_verdict(item: Item) -> None:
    """Judge bytes against a root as the chain does: unmarshal, decompact, verify."""
    item.expect("verify", is_proof_valid(item.octets("root"), item.octets("compact_gob")))


def _expect_totals(item: Item, trie: SessionTrie) -> None:
    item.expect("root", trie.root())
    item.expect("sum", trie.sum)
    item.expect("count", trie.count)


def _check_closest(item: Item, trie: SessionTrie) -> None:
    expected = item.item("proof")
    proof = prove_closest(trie, expected.octets("path"))
    _expect_proof(expected, proof)
    _expect_compact(item.item("compact"), compact(proof))
    encoded = encode_proof(proof)
    item.expect("compact_gob", encoded)

    given = item.octets("compact_gob")
    decoded = decode_proof(given)
    item.expect("value", decoded.value)
    item.expect("verify", is_proof_valid(trie.root(), given))
    # What was read must say the same as what was written.
    item.expect("compact_gob", encode_proof(decoded))
    item.expect("compact_gob", encode_proof(decompact(compact(proof))))
    if item.has("compact_gob_with_other_type_ids"):
        other = item.octets("compact_gob_with_other_type_ids")
        item.expect("compact_gob", encode_proof(decode_proof(other)))
        item.expect("verify_other", is_proof_valid(trie.root(), other))


def _expect_proof(item: Item, proof: ClosestProof) -> None:
    item.expect("path", proof.path)
    item.expect("flipped_bits", proof.flipped_bits)
    item.expect("depth", proof.depth)
    item.expect("closest_path", proof.closest_path)
    item.expect("closest_value_hash", proof.closest_data)
    inner = item.item("closest_proof")
    inner.expect("side_nodes", proof.side_nodes or None)
    inner.expect("non_membership_leaf_data", proof.non_membership_leaf)
    inner.expect("sibling_data", proof.sibling_data)


def _expect_compact(item: Item, proof: CompactProof) -> None:
    item.expect("path", proof.path)
    item.expect("flipped_bits", proof.flipped_bits)
    item.expect("depth", proof.depth)
    item.expect("closest_path", proof.closest_path)
    item.expect("closest_value_hash", proof.closest_data)
    inner = item.item("closest_proof")
    inner.expect("side_nodes", proof.side_nodes or None)
    inner.expect("non_membership_leaf_data", proof.non_membership_leaf)
    inner.expect("bit_mask", proof.bit_mask)
    inner.expect("num_side_nodes", proof.num_side_nodes)
    inner.expect("sibling_data", proof.sibling_data)


GROUPS: Mapping[str, Callable[[Item], None]] = {
    "tries": check_trie,
    "tampered": check_verdict,
    "accepted_variants": check_verdict,
}
