"""Proofs: which leaf a supplier must open.

Source: pocket pkg/crypto/protocol/proof_path.go.
"""

from __future__ import annotations

from hashlib import sha256

__all__ = ["compute_proof_path"]


def compute_proof_path(block_hash: bytes, session_id: str) -> bytes:
    """Return the 32-byte path to which the closest leaf must be proven.

    `block_hash` is that of the block before the proof window opens; the session id enters as its
    hex text.
    """
    return sha256(block_hash + session_id.encode()).digest()
