"""The trie is a dictionary with a root: the plain definition, any order, proofs of every leaf."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from joey.core.trie.closest import is_closest_valid, prove_closest
from joey.core.trie.compact import compact, decode_proof, decompact, encode_proof, is_proof_valid
from joey.core.trie.smst import SessionTrie, fold, fold_range

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
    sides: list[dict[bytes, bytes]] = [{}, {}]
    for path, data in leaves.items():
        sides[path[depth // 8] >> 7 - depth % 8 & 1][path] = data
    left, right = (plain_root(side, depth + 1) for side in sides)
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
