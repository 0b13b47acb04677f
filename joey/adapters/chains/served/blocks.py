"""A block with all that the network's interfaces tell of it.

What only a light client looks at (validator sets, consensus parameters, results) is a stand-in: a
hash that is constant for a chain. The block's own hash is the chain's, and covers everything that the
chain knows; it is no Merkle root of the header, as CometBFT's is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp

from joey.adapters.chains.local.chain import LocalChain
from joey.core.units import Height
from joey.core.wire.proto import comet_types_pb2
from joey.ports.chain import Block, IncludedTransaction

__all__ = ["BlockRecord", "compute_data_hash", "read_block", "write_block"]


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """A block, the hash of the one before it (empty for the first), and its transactions."""

    chain_id: str
    block: Block
    previous_hash: bytes
    transactions: tuple[IncludedTransaction, ...]

    @property
    def data_hash(self) -> bytes:
        """The Merkle root over the transactions."""
        return compute_data_hash([one.raw for one in self.transactions])

    @property
    def validator_key(self) -> bytes:
        """32 bytes that stand for the key of the one process that makes blocks."""
        return hashlib.sha256(b"joey validator\0" + self.chain_id.encode()).digest()

    @property
    def proposer_address(self) -> bytes:
        """20 bytes. Source: CometBFT crypto/ed25519, the first of SHA-256 over the key."""
        return hashlib.sha256(self.validator_key).digest()[:20]

    @property
    def constant_hash(self) -> bytes:
        """What stands in the fields that only a light client looks at."""
        return hashlib.sha256(self.validator_key + b"constant").digest()


async def read_block(chain: LocalChain, height: Height) -> BlockRecord | None:
    """Return the block at `height`."""
    block = await chain.block(height)
    if block is None:
        return None
    previous = await chain.block(Height(height - 1)) if height > 1 else None
    return BlockRecord(
        chain_id=chain.genesis.chain_id,
        block=block,
        previous_hash=b"" if previous is None else previous.hash,
        transactions=await chain.transactions(height),
    )


def compute_data_hash(transactions: Sequence[bytes]) -> bytes:
    """Return the root of a Merkle tree whose leaves are the transactions' hashes.

    Source: CometBFT types/tx.go and crypto/merkle/tree.go (RFC 6962).
    """
    return _compute_root([hashlib.sha256(raw).digest() for raw in transactions])


def _compute_root(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + _compute_root(leaves[:split]) + _compute_root(leaves[split:])).digest()


def write_block(record: BlockRecord) -> tuple[comet_types_pb2.BlockID, comet_types_pb2.Block]:
    """Return a block's id and the block as messages."""
    time = Timestamp()
    time.FromDatetime(record.block.time)
    constant = record.constant_hash
    header = comet_types_pb2.Header(
        chain_id=record.chain_id,
        height=record.block.height,
        time=time,
        last_block_id=comet_types_pb2.BlockID(hash=record.previous_hash),
        last_commit_hash=constant,
        data_hash=record.data_hash,
        validators_hash=constant,
        next_validators_hash=constant,
        consensus_hash=constant,
        app_hash=record.previous_hash,
        last_results_hash=constant,
        evidence_hash=hashlib.sha256(b"").digest(),
        proposer_address=record.proposer_address,
    )
    data = comet_types_pb2.Data(txs=[one.raw for one in record.transactions])
    block_id = comet_types_pb2.BlockID(
        hash=record.block.hash,
        part_set_header=comet_types_pb2.PartSetHeader(total=1, hash=record.block.hash),
    )
    return block_id, comet_types_pb2.Block(header=header, data=data)
