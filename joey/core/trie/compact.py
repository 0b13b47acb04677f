"""The closest proof as it goes on chain: empty side nodes as bits, then a Go gob stream.

Source: pokt-network/smt v0.14.1 proofs.go (compact form), Go encoding/gob (bytes). The stream
describes its three types first. Their ids depend on what the writing process encoded before; ours
are those of a process that encoded nothing else, with a recent Go.
"""

from __future__ import annotations

from dataclasses import dataclass

from joey.core.trie.closest import ClosestProof, is_closest_valid
from joey.core.trie.gob import ListOf, StructOf, decode_gob, encode_int, encode_uint
from joey.core.trie.smst import EMPTY, PATH_BITS

__all__ = [
    "CompactProof",
    "TYPE_IDS",
    "compact",
    "decode_compact",
    "decode_proof",
    "decompact",
    "encode_compact",
    "encode_proof",
    "is_proof_valid",
]

TYPE_IDS = (64, 65, 66)
"""Ids of the outer struct, the list of byte strings, the inner struct. Go before 1.20 begins at 65."""

_DEPTH_LENGTH_MAX = 2
"""Bytes that 256, the greatest depth, needs."""

_BYTE_LIST = ListOf("bytes")
_LOCAL_TYPE = StructOf(
    {
        "Path": "bytes",
        "FlippedBits": _BYTE_LIST,
        "Depth": "bytes",
        "ClosestPath": "bytes",
        "ClosestValueHash": "bytes",
        "ClosestProof": StructOf(
            {
                "SideNodes": _BYTE_LIST,
                "NonMembershipLeafData": "bytes",
                "BitMask": "bytes",
                "NumSideNodes": "int",
                "SiblingData": "bytes",
            }
        ),
    }
)

_BYTES_ID, _INT_ID = 5, 2


@dataclass(frozen=True, slots=True)
class CompactProof:
    """A closest proof with its empty side nodes left out; they are the ones in `bit_mask`.

    `depth` and `flipped_bits` are big-endian, shortest, zero being one zero byte. Bit i of the mask,
    most significant first, stands for side node i.
    """

    path: bytes
    flipped_bits: tuple[bytes, ...]
    depth: bytes
    closest_path: bytes
    closest_data: bytes | None
    side_nodes: tuple[bytes, ...]
    bit_mask: bytes
    num_side_nodes: int
    sibling_data: bytes | None = None
    non_membership_leaf: bytes | None = None


def compact(proof: ClosestProof) -> CompactProof:
    """Return the compact form."""
    count = len(proof.side_nodes)
    mask = 0
    for node in proof.side_nodes:
        mask = mask << 1 | (node == EMPTY)
    mask <<= -count % 8
    return CompactProof(
        path=proof.path,
        flipped_bits=tuple(_encode_number(bit) for bit in proof.flipped_bits),
        depth=_encode_number(proof.depth),
        closest_path=proof.closest_path,
        closest_data=proof.closest_data,
        side_nodes=tuple(node for node in proof.side_nodes if node != EMPTY),
        bit_mask=mask.to_bytes((count + 7) // 8, "big"),
        num_side_nodes=count,
        sibling_data=proof.sibling_data,
        non_membership_leaf=proof.non_membership_leaf,
    )


def decompact(proof: CompactProof) -> ClosestProof:
    """Return the full form. Raises `ValueError` for what the chain cannot expand."""
    if len(proof.path) != PATH_BITS // 8:
        raise ValueError("the path has another length")
    if any(len(number) > _DEPTH_LENGTH_MAX for number in (proof.depth, *proof.flipped_bits)):
        raise ValueError("the depth or a flipped bit is too long")
    count = proof.num_side_nodes
    if not 0 <= count <= PATH_BITS:
        raise ValueError("the number of side nodes is out of range")
    if len(proof.bit_mask) != (count + 7) // 8:
        raise ValueError("the bit mask has another length")
    mask = int.from_bytes(proof.bit_mask, "big")
    if count and len(proof.side_nodes) != count - mask.bit_count():
        raise ValueError("there are more or fewer side nodes than the bit mask says")
    given = iter(proof.side_nodes)
    side_nodes = []
    for place in range(count):
        is_empty = mask >> (len(proof.bit_mask) * 8 - 1 - place) & 1
        node = EMPTY if is_empty else next(given, None)
        if node is None:
            raise ValueError("the bit mask names side nodes beyond the last")
        side_nodes.append(node)
    return ClosestProof(
        path=proof.path,
        flipped_bits=tuple(int.from_bytes(number, "big") for number in proof.flipped_bits),
        depth=int.from_bytes(proof.depth, "big"),
        closest_path=proof.closest_path,
        closest_data=proof.closest_data,
        side_nodes=tuple(side_nodes),
        sibling_data=proof.sibling_data,
        non_membership_leaf=proof.non_membership_leaf,
    )


def encode_proof(proof: ClosestProof, type_ids: tuple[int, int, int] = TYPE_IDS) -> bytes:
    """Return the bytes that go on chain."""
    return encode_compact(compact(proof), type_ids)


def decode_proof(encoded: bytes) -> ClosestProof:
    """Read a proof off the chain, whatever its type ids. Raises `ValueError`."""
    return decompact(decode_compact(encoded))


def is_proof_valid(root: bytes, encoded: bytes) -> bool:
    """Tell whether the chain accepts the bytes as a proof against a claim's root. It never raises."""
    try:
        proof = decode_proof(encoded)
    except ValueError:
        return False
    return is_closest_valid(proof, root)


def encode_compact(proof: CompactProof, type_ids: tuple[int, int, int] = TYPE_IDS) -> bytes:
    """Return a compact proof as a gob stream: three type definitions and the value."""
    outer, byte_list, inner = type_ids
    outer_fields = (_BYTES_ID, byte_list, _BYTES_ID, _BYTES_ID, _BYTES_ID, inner)
    inner_fields = (byte_list, _BYTES_ID, _BYTES_ID, _INT_ID, _BYTES_ID)
    closest_proof = _LOCAL_TYPE.fields["ClosestProof"]
    assert isinstance(closest_proof, StructOf)
    tree = _encode_fields(
        _encode_list(proof.side_nodes),
        _encode_bytes(proof.non_membership_leaf),
        _encode_bytes(proof.bit_mask),
        encode_int(proof.num_side_nodes) if proof.num_side_nodes else None,
        _encode_bytes(proof.sibling_data),
    )
    value = _encode_fields(
        _encode_bytes(proof.path),
        _encode_list(proof.flipped_bits),
        _encode_bytes(proof.depth),
        _encode_bytes(proof.closest_path),
        _encode_bytes(proof.closest_data),
        tree,
    )
    return b"".join(
        (
            _define_struct("SparseCompactMerkleClosestProof", outer, tuple(_LOCAL_TYPE.fields), outer_fields),
            _define_list("[][]uint8", byte_list),
            _define_struct("SparseCompactMerkleProof", inner, tuple(closest_proof.fields), inner_fields),
            _encode_message(encode_int(outer) + value),
        )
    )


def decode_compact(encoded: bytes) -> CompactProof:
    """Read a compact proof from a gob stream. Raises `ValueError`, also without its inner struct."""
    fields = decode_gob(encoded, _LOCAL_TYPE)
    inner = fields.get("ClosestProof")
    if inner is None:
        raise ValueError("the proof has no side nodes struct")
    return CompactProof(
        path=fields.get("Path", b""),
        flipped_bits=tuple(fields.get("FlippedBits", ())),
        depth=fields.get("Depth", b""),
        closest_path=fields.get("ClosestPath", b""),
        closest_data=fields.get("ClosestValueHash") or None,
        side_nodes=tuple(inner.get("SideNodes", ())),
        bit_mask=inner.get("BitMask", b""),
        num_side_nodes=inner.get("NumSideNodes", 0),
        sibling_data=inner.get("SiblingData") or None,
        non_membership_leaf=inner.get("NonMembershipLeafData") or None,
    )


def _encode_number(number: int) -> bytes:
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def _encode_message(content: bytes) -> bytes:
    return encode_uint(len(content)) + content


def _encode_bytes(data: bytes | None) -> bytes | None:
    """Return a byte string, or `None` for an empty one, which gob leaves out."""
    return _encode_message(data) if data else None


def _encode_list(items: tuple[bytes, ...]) -> bytes | None:
    """Return a list of byte strings, or `None` for an empty one, which gob leaves out."""
    return encode_uint(len(items)) + b"".join(_encode_message(item) for item in items) if items else None


def _encode_fields(*fields: bytes | None) -> bytes:
    """Return a struct: each field that is there after its distance from the one before, then zero."""
    encoded, previous = bytearray(), -1
    for index, field in enumerate(fields):
        if field is not None:
            encoded += encode_uint(index - previous) + field
            previous = index
    return bytes(encoded) + b"\0"


def _encode_name(name: str, type_id: int) -> bytes:
    return _encode_fields(_encode_message(name.encode()), encode_int(type_id))


def _define_struct(name: str, type_id: int, names: tuple[str, ...], types: tuple[int, ...]) -> bytes:
    """Return the message that describes a struct: field 2 of the type union."""
    fields = encode_uint(len(names)) + b"".join(map(_encode_name, names, types))
    union = _encode_fields(None, None, _encode_fields(_encode_name(name, type_id), fields))
    return _encode_message(encode_int(-type_id) + union)


def _define_list(name: str, type_id: int) -> bytes:
    """Return the message that describes a list of byte strings: field 1 of the type union."""
    union = _encode_fields(None, _encode_fields(_encode_name(name, type_id), encode_int(_BYTES_ID)))
    return _encode_message(encode_int(-type_id) + union)
