"""The proof of a claim: made when the chain asks for one, judged as the chain will, and sent.

Nothing of a proof is kept but the terms of its transaction: it shows a relay, and is the same whenever
it is made, for the claim's root, the seed block and the log decide all of it. So a node that was stopped
makes the same one and sends the same bytes again, unless the chain has accepted it by then.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import anyio.from_thread
import anyio.to_thread

from joey.core.crypto.keys import PrivateKey
from joey.core.errors import TransactionRejected, WindowClosed
from joey.core.protocol.claims import Claim, ProofRequirement, ProofStatus
from joey.core.protocol.proofs import compute_proof_path, compute_proof_requirement, find_proof_fault
from joey.core.protocol.windows import Window
from joey.core.trie.closest import prove_folded
from joey.core.trie.compact import encode_proof
from joey.core.trie.smst import FoldedTrie
from joey.core.units import Height
from joey.core.wire.messages import SubmitProof
from joey.node.alarms import tell_undone
from joey.node.head import Head
from joey.node.miner import SessionTries
from joey.node.rings import fetch_ring
from joey.ports.chain import Chain, TransactionResult, TransactionTerms
from joey.ports.stores import ClaimRecord, Claims, RelayLog

__all__ = ["MadeProof", "Proving"]

_log = logging.getLogger("joey.node")


@dataclass(frozen=True, slots=True)
class MadeProof:
    """A proof as it goes on chain, and why the chain would not accept it (`None`: it would)."""

    encoded: bytes
    fault: str | None


class Proving:
    """The steps of a proof. Every one may be repeated."""

    def __init__(self, chain: Chain, head: Head, log: RelayLog, claims: Claims, tries: SessionTries) -> None:
        self._chain = chain
        self._head = head
        self._relay_log = log
        self._claims = claims
        self._tries = tries

    async def advance(self, record: ClaimRecord, window: Window, key: PrivateKey) -> bool:
        """Prove a claim if that is due and not done; tell whether the chain has accepted its proof.

        No proof is sent that the chain would not take. Whether one is due is asked anew at every block,
        since a threshold may change. Raises `OSError` and `Busy` when the store fails, and
        `ChainUnavailable`.
        """
        if record.state == "proved":
            return True
        header, supplier = record.header, record.supplier_address
        height = self._head.height
        claim = await self._chain.claim(header.session_id, supplier, height)
        seed_block = await self._chain.block(Height(window.open - 1))
        if claim is None or seed_block is None:
            return False
        if claim.proof_status is ProofStatus.VALIDATED:
            await self._claims.save(replace(record, state="proved", terms=None))
            return True
        if await self._was_judged(record, claim):
            tell_undone("proven", header, height, window, "the chain found the proof invalid")
            return False
        if not await self._is_due(claim, seed_block.hash):
            return False
        trie = await self._tries.find(header, supplier, claim.root, claim.relays)
        if trie is None:
            tell_undone("proven", header, height, window, "the log does not lead to the claimed root")
            return False
        made = await self.make_proof(claim, trie, seed_block.hash, key)
        if made.fault is not None:
            tell_undone("proven", header, height, window, made.fault)
            return False
        record = replace(record, state="proving", proof_height=height)
        await self._claims.save(record)
        return await self._send(record, made.encoded, window, key)

    async def _was_judged(self, record: ClaimRecord, claim: Claim) -> bool:
        """Tell whether the chain would find this proof invalid as it did before, and take its fee again.

        Its bytes are the same, and so is the ring that they were judged by.
        """
        if claim.proof_status is not ProofStatus.INVALID or not record.proof_tx_hash:
            return False
        judged = await fetch_ring(self._chain, record.header, record.proof_height)
        return judged == await fetch_ring(self._chain, record.header)

    async def make_proof(
        self, claim: Claim, trie: FoldedTrie, seed_block_hash: bytes, key: PrivateKey
    ) -> MadeProof:
        """Make the proof that a seed block asks for and judge it by all the chain's own rules."""
        header, supplier = claim.header, claim.supplier_address
        session = await self._chain.session(
            header.application_address, header.service_id, header.height_start
        )
        if session is None or supplier not in {drawn.operator_address for drawn in session.suppliers}:
            return MadeProof(b"", "the chain has no such session with this supplier")
        target = await self._chain.difficulty_at(header.service_id, header.height_start)
        ring = await fetch_ring(self._chain, header)

        def read_value(relay_hash: bytes) -> bytes:
            (value,) = anyio.from_thread.run(
                self._relay_log.values, header.session_id, supplier, [relay_hash]
            )
            return value

        def work() -> MadeProof:
            path = compute_proof_path(seed_block_hash, header.session_id)
            try:
                encoded = encode_proof(prove_folded(trie, path, read_value))
            except ValueError as error:
                return MadeProof(b"", str(error))
            fault = find_proof_fault(
                encoded,
                claim=claim,
                header=session.header,
                seed_block_hash=seed_block_hash,
                target=target,
                ring=ring,
                supplier_public_key=key.public_key,
            )
            return MadeProof(encoded, fault)

        return await anyio.to_thread.run_sync(work)

    async def _is_due(self, claim: Claim, seed_block_hash: bytes) -> bool:
        header = claim.header
        requirement = compute_proof_requirement(
            # One that was found invalid draws as the fresh one did.
            replace(claim, proof_status=ProofStatus.PENDING),
            target=await self._chain.difficulty_at(header.service_id, header.height_start),
            shared_start=(await self._chain.params_at(header.height_start)).shared,
            proof_params=(await self._chain.live_params()).proof,
            seed_block_hash=seed_block_hash,
        )
        return requirement is not ProofRequirement.NOT_REQUIRED

    async def _send(self, record: ClaimRecord, encoded: bytes, window: Window, key: PrivateKey) -> bool:
        """Submit a proof, by the terms of its record if it has any; tell whether the chain found it valid."""

        async def keep_terms(terms: TransactionTerms) -> None:
            await self._claims.save(replace(record, terms=terms))

        result: TransactionResult | None = None
        with self._head.cancel_at(Height(window.close + 1)):
            try:
                result = await self._chain.submit(
                    [SubmitProof(record.supplier_address, record.header, encoded)],
                    key,
                    timeout_height=window.close,
                    on_signed=keep_terms,
                    terms=record.terms,
                )
            except (TransactionRejected, WindowClosed) as error:
                await self._claims.save(replace(record, terms=None))
                tell_undone("proven", record.header, self._head.height, window, error)
        return result is not None and await self._check(record, result.hash, result.height, window)

    async def _check(self, record: ClaimRecord, tx_hash: str, height: Height, window: Window) -> bool:
        """Record a proof that is in a block; tell whether it holds."""
        header = record.header
        record = replace(record, proof_tx_hash=tx_hash, proof_height=height, terms=None)
        claim = await self._chain.claim(header.session_id, record.supplier_address, height)
        if claim is None and height >= window.close:
            # Settled in the same block, which tells what became of it.
            await self._claims.save(record)
            return True
        is_valid = claim is not None and claim.proof_status is ProofStatus.VALIDATED
        if not is_valid:
            tell_undone("proven", header, height, window, "the chain found the proof invalid")
        await self._claims.save(replace(record, state="proved") if is_valid else record)
        if is_valid:
            _log.info("proved session %s", header.session_id)
        return is_valid
