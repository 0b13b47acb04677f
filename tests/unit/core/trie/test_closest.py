"""Closest proofs: published ones, what the chain accepts, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from joey.core.trie.closest import ClosestProof, is_closest_valid, prove_closest
from joey.core.trie.compact import (
    CompactProof,
    compact,
    decode_compact,
    decode_proof,
    decompact,
    encode_compact,
    encode_proof,
    is_proof_valid,
)
from joey.core.trie.smst import EMPTY, SessionTrie, compute_inner, compute_leaf, encode_leaf

EARLIER_IDS = (65, 66, 67)


def make_trie(leaves: int) -> SessionTrie:
    trie = SessionTrie()
    for number in range(leaves):
        value = f"relay-{number}".encode()
        trie.insert(sha256(value).digest(), value, 7)
    return trie


def path_of(number: int) -> bytes:
    return sha256(b"path-%d" % number).digest()


def prove(leaves: int, number: int) -> tuple[SessionTrie, ClosestProof]:
    trie = make_trie(leaves)
    return trie, prove_closest(trie, path_of(number))


@pytest.mark.parametrize(
    ("leaves", "path", "depth", "flipped", "length", "digest"),
    [
        (1, 0, 0, (), 389, "cdbfbdfdda06fe1902bc9f9684a0fdddd38fd753fd7269960010ca15bc603871"),
        (2, 0, 1, (), 504, "34f86f2a3d281731fe0faf87d5862d542adb029e2f193874674dba65fb2770b4"),
        (3, 0, 1, (), 548, None),
        (5, 0, 3, (), None, None),
        (100, 4, 7, (4,), None, None),
        (257, 5, 12, (8, 9), 907, "404379e96cb394a1b03c22edbda560660ca7ec07e5d80b2528e3944ae93e6f43"),
    ],
)
def test_published_proofs(
    leaves: int, path: int, depth: int, flipped: tuple[int, ...], length: int | None, digest: str | None
) -> None:
    trie, proof = prove(leaves, path)
    assert (proof.depth, proof.flipped_bits) == (depth, flipped)
    encoded = encode_proof(proof, EARLIER_IDS)
    assert length in (None, len(encoded))
    assert digest in (None, sha256(encoded).hexdigest())
    assert decode_proof(encoded) == proof
    assert is_proof_valid(trie.root(), encoded)
    assert is_proof_valid(trie.root(), encode_proof(proof))
    assert encode_proof(proof) != encoded


@pytest.mark.parametrize(
    ("type_ids", "length", "digest"),
    [
        ((64, 65, 66), 286, "abc030532ee74acf6039c22b4c8e679ce7082adc4bb8ec0792f0796737c46925"),
        ((65, 66, 67), 287, "e467cdc6c907f4f74bf3d1077bc2b0b00e8c4eaf04e66a4cf9e83534db2996fd"),
    ],
)
def test_type_definitions(type_ids: tuple[int, int, int], length: int, digest: str) -> None:
    _, proof = prove(1, 0)
    assert sha256(encode_proof(proof, type_ids)[:length]).hexdigest() == digest


def test_an_empty_trie_has_a_proof() -> None:
    trie, proof = prove(0, 0)
    assert (proof.closest_path, proof.flipped_bits, proof.value) == (EMPTY, (0,), None)
    assert is_proof_valid(trie.root(), encode_proof(proof))
    assert not is_proof_valid(make_trie(1).root(), encode_proof(proof))


def test_a_leaf_of_nothing_cannot_be_proven() -> None:
    trie = SessionTrie()
    trie.insert(b"key", b"", 0)
    assert not is_closest_valid(prove_closest(trie, path_of(0)), trie.root())


def test_a_path_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 31"):
        prove_closest(make_trie(1), bytes(31))


def test_the_extension_names_the_leaf_inserted_second() -> None:
    # Leaves 0 to 2 of which two share their first bit: the sibling of the third is an extension.
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        trie = SessionTrie()
        for number in order:
            value = f"relay-{number}".encode()
            trie.insert(sha256(value).digest(), value, 7)
        sibling = prove_closest(trie, path_of(0)).sibling_data
        assert sibling is not None
        assert sibling[0] == 2
        paths = [sha256(sha256(f"relay-{number}".encode()).digest()).digest() for number in order]
        together = [path for path in paths if path[0] >> 7 == sibling[3] >> 7]
        assert sibling[3:35] == together[1]


@pytest.mark.parametrize(
    "change",
    [
        {"path": path_of(1)},
        {"path": path_of(5)[:31]},
        {"depth": 257},
        {"depth": -1},
        {"depth": 255},
        {"flipped_bits": (8,)},
        {"flipped_bits": (8, 9, 200)},
        {"flipped_bits": (8, 9, -1)},
        {"flipped_bits": (8, 9, 0)},
        {"depth": 256, "flipped_bits": (256,)},
        {"closest_path": bytes(31)},
        {"closest_path": b""},
        {"closest_data": None},
        {"closest_data": bytes(7)},
        {"closest_data": bytes(16)},
        {"side_nodes": ()},
        {"side_nodes": (EMPTY,) * 257},
        {"side_nodes": (bytes(47),) * 12},
        {"sibling_data": b"\0"},
        {"sibling_data": bytes(99)},
        {"sibling_data": b"\2" + bytes(49)},
        {"sibling_data": b"\2\0\7" + bytes(40)},
        {"sibling_data": b"\2\0\7" + bytes(96)},
        {"non_membership_leaf": bytes(32)},
    ],
)
def test_refused(change: dict[str, object]) -> None:
    trie, proof = prove(257, 5)
    assert is_closest_valid(proof, trie.root())
    assert not is_closest_valid(replace(proof, **change), trie.root())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"sibling_data": None},
        {"depth": 0, "flipped_bits": ()},
        {"depth": 0, "flipped_bits": (), "path": path_of(1)},
        {"flipped_bits": (9, 8)},
        {"flipped_bits": (8, 9, 3, 3)},
        {"flipped_bits": (8, 9, 12)},
        {"non_membership_leaf": bytes(33)},
    ],
)
def test_accepted_as_by_the_chain(change: dict[str, object]) -> None:
    trie, proof = prove(257, 5)
    assert is_closest_valid(replace(proof, **change), trie.root())  # type: ignore[arg-type]


def test_absence_is_proven_by_another_leaf() -> None:
    """Without a value the chain takes a proof for one of absence, and asks what is there instead."""
    trie, proof = prove(2, 0)
    assert proof.closest_data is not None
    there = encode_leaf(proof.closest_path, proof.closest_data)
    absent = replace(proof, closest_data=None, non_membership_leaf=there)
    assert not is_closest_valid(absent, trie.root())
    elsewhere = bytearray(proof.closest_path)
    elsewhere[31] ^= 1
    assert is_closest_valid(replace(absent, closest_path=bytes(elsewhere)), trie.root())
    assert not is_closest_valid(replace(absent, closest_path=bytes(elsewhere)), EMPTY)


def test_counts_of_side_nodes_wrap_without_touching_sums() -> None:
    """Side nodes are the sender's numbers: here the counts overflow, and sums must not notice."""
    trie, proof = prove(1, 0)
    side = bytes(32) + (5).to_bytes(8, "big") + (2**64 - 1).to_bytes(8, "big")
    leaf = trie.root()
    preimage = b"\1" + leaf + side + (12).to_bytes(8, "big") + bytes(8)
    if proof.closest_path[0] >> 7:
        preimage = b"\1" + side + leaf + preimage[97:]
    forged = replace(proof, side_nodes=(side,), path=proof.closest_path)
    assert is_closest_valid(forged, compute_leaf(preimage))
    assert compute_inner(leaf, leaf)[32:] == (14).to_bytes(8, "big") + (2).to_bytes(8, "big")


def make_compact() -> CompactProof:
    return compact(prove(257, 5)[1])


def test_compact_form() -> None:
    _, proof = prove(257, 5)
    small = compact(proof)
    assert small.depth == b"\x0c"
    assert small.flipped_bits == (b"\x08", b"\x09")
    assert small.num_side_nodes == 12
    assert len(small.side_nodes) == 12 - small.bit_mask[0].bit_count() - small.bit_mask[1].bit_count()
    assert decompact(small) == proof
    assert compact(replace(proof, depth=256)).depth == b"\x01\x00"
    assert compact(replace(proof, depth=0)).depth == b"\x00"


@pytest.mark.parametrize(
    "change",
    [
        {"path": bytes(33)},
        {"depth": b"\0\0\x0c"},
        {"flipped_bits": (b"\0\0\1",)},
        {"num_side_nodes": -1},
        {"num_side_nodes": 257},
        {"bit_mask": b"\0"},
        {"bit_mask": b"\0\0\0"},
        {"bit_mask": b"\xff\xff"},
        {"side_nodes": ()},
    ],
)
def test_decompaction_refuses(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        decompact(replace(make_compact(), **change))  # type: ignore[arg-type]


def test_mask_bits_beyond_the_last_node_count() -> None:
    """As in the reference: such bits make up for a missing node, which then is not there."""
    small = make_compact()
    mask = bytes((small.bit_mask[0], small.bit_mask[1] | 1))
    with pytest.raises(ValueError, match="beyond the last"):
        decompact(replace(small, bit_mask=mask, side_nodes=small.side_nodes[:-1]))


def test_depth_and_bits_may_have_leading_zeros() -> None:
    small = make_compact()
    padded = replace(
        small, depth=b"\0" + small.depth, flipped_bits=tuple(b"\0" + b for b in small.flipped_bits)
    )
    assert decompact(padded) == decompact(small)


def test_without_its_inner_struct_a_proof_is_none() -> None:
    small = make_compact()
    encoded = encode_compact(small)
    assert decode_compact(encoded) == small
    # The value ends with the inner struct: its distance 1, nothing in it, and the end of the outer.
    bare = encode_compact(replace(small, side_nodes=(), bit_mask=b"", num_side_nodes=0, sibling_data=None))
    definitions, length, value = bare[:286], bare[286], bare[287:]
    assert length == len(value)
    assert value.endswith(b"\1\0\0")
    without = definitions + bytes((length - 2,)) + value[:-3] + b"\0"
    with pytest.raises(ValueError, match="no side nodes struct"):
        decode_compact(without)
    assert not is_proof_valid(EMPTY, without)
