"""Sessions as a supplier serves them: signed relays, their trie, and the proof that the chain asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from joey.core.crypto.curve import ORDER
from joey.core.crypto.keys import PrivateKey
from joey.core.crypto.ring import sign_ring
from joey.core.protocol.proofs import compute_proof_path
from joey.core.protocol.rings import PLACEHOLDER_PUBLIC_KEY
from joey.core.protocol.state import State
from joey.core.trie.closest import ClosestProof, prove_closest
from joey.core.trie.compact import encode_proof
from joey.core.trie.smst import SessionTrie
from joey.core.units import ComputeUnits
from joey.core.wire.messages import CreateClaim, SubmitProof
from joey.core.wire.relay import (
    RelayRequest,
    compute_relay_hash,
    compute_request_hash,
    encode_relay,
    sign_response,
)
from joey.core.wire.session import SessionHeader
from joey.testing.worlds import make_key

__all__ = ["ServedSession", "make_relay", "reveal_keys", "serve_session"]


def make_relay(
    header: SessionHeader,
    supplier: PrivateKey,
    *,
    ring: Sequence[bytes],
    signer: PrivateKey,
    prompt: str = "one two three",
) -> bytes:
    """Return a relay's bytes, signed by both sides; equal arguments give equal bytes.

    `ring` are public keys, that of `signer` among them.
    """
    request = RelayRequest(header, supplier.address, prompt.encode())
    message = compute_request_hash(request)
    draws = iter(range(1, 1000))

    def draw() -> int:
        seed = message + signer.secret + next(draws).to_bytes(2, "big")
        return int.from_bytes(sha256(seed).digest(), "big") % (ORDER - 1) + 1

    place = list(ring).index(signer.public_key)
    signed = replace(request, signature=sign_ring(message, ring, place, signer, draw))
    return encode_relay(signed, sign_response(header, f"an answer to {prompt}".encode(), supplier))


@dataclass(frozen=True, slots=True)
class ServedSession:
    """What a supplier has after a session: the trie of its relays."""

    header: SessionHeader
    supplier: PrivateKey
    trie: SessionTrie

    @property
    def claim(self) -> CreateClaim:
        """The message that commits to the trie."""
        return CreateClaim(self.supplier.address, self.header, self.trie.root())

    def open(self, seed_block_hash: bytes) -> ClosestProof:
        """Return the proof of the leaf that the seed block decides."""
        return prove_closest(self.trie, compute_proof_path(seed_block_hash, self.header.session_id))

    def prove(self, seed_block_hash: bytes) -> SubmitProof:
        """Return the message that proves the claim."""
        proof = encode_proof(self.open(seed_block_hash))
        return SubmitProof(self.supplier.address, self.header, proof)


def serve_session(
    header: SessionHeader,
    supplier: PrivateKey,
    *,
    application: PrivateKey,
    gateway: PrivateKey | None = None,
    relays: int = 3,
    compute_units: ComputeUnits = ComputeUnits(3000),
) -> ServedSession:
    """Serve so many different relays of an application, signed by its gateway or, without one, itself."""
    signer = application if gateway is None else gateway
    second = PLACEHOLDER_PUBLIC_KEY if gateway is None else gateway.public_key
    trie = SessionTrie()
    for number in range(relays):
        prompt = f"request {number} to {supplier.address}"
        ring = (application.public_key, second)
        relay = make_relay(header, supplier, ring=ring, signer=signer, prompt=prompt)
        trie.insert(compute_relay_hash(relay), relay, compute_units)
    return ServedSession(header, supplier, trie)


def reveal_keys(state: State, names: Iterable[str]) -> None:
    """Put the public keys of names on their accounts, as their first transactions would."""
    for name in names:
        key = make_key(name)
        account = state.accounts.get(key.address)
        assert account is not None, f"{name} has no account"
        state.accounts.put(key.address, replace(account, public_key=key.public_key))
