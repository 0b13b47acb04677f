"""Signing and sending for accounts whose keys are here, so that no message takes effect twice.

A transaction lives in this process alone until it is in a block. So one that neither waits nor is in a
block, and that the chain does not take, never will be in one, and its messages may be signed anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import anyio

from joey.adapters.chains.local.archive import Archive
from joey.adapters.chains.local.entrance import Entrance, read_submission
from joey.adapters.chains.local.mempool import DUPLICATE, Waiting
from joey.adapters.chains.local.production import Submission
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import TransactionRejected, WindowClosed
from joey.core.protocol.transition import WRONG_SEQUENCE
from joey.core.units import Height
from joey.core.wire.messages import Message
from joey.ports.chain import Fee, IncludedTransaction, OnSigned, TransactionResult, TransactionTerms

__all__ = ["Submitter"]

_SIGNATURES_MAX = 64
_TIMED_OUT = ("sdk", 30)


class Submitter:
    """Submits to a chain's `entrance`. `add` and `find_block` let a transaction wait, and wait for it."""

    def __init__(
        self,
        entrance: Entrance,
        archive: Archive,
        *,
        add: Callable[[Submission], Waiting],
        find_block: Callable[[Waiting], Awaitable[TransactionResult]],
    ) -> None:
        self._entrance = entrance
        self._archive = archive
        self._add = add
        self._find_block = find_block
        self._signing = anyio.Lock()

    async def submit(
        self,
        messages: Sequence[Message],
        signer: PrivateKey,
        *,
        timeout_height: Height,
        fee: Fee,
        on_signed: OnSigned | None,
    ) -> TransactionResult:
        """Sign and send one transaction; return once it is in a block. Raises as `joey.ports.chain` says."""
        try:
            for _ in range(_SIGNATURES_MAX):
                try:
                    waiting = await self._sign(messages, signer, timeout_height, fee, on_signed)
                    return await self._find_block(waiting)
                except TransactionRejected as refusal:
                    # Another of this account's came in between, or one before it was left out of the
                    # block: this one is signed anew.
                    if not _is(refusal, WRONG_SEQUENCE):
                        raise
                    refused = refusal
            raise refused
        except TransactionRejected as refusal:
            if timeout_height and _is(refusal, _TIMED_OUT):
                raise WindowClosed(
                    f"the chain has passed height {timeout_height}", height=timeout_height
                ) from refusal
            raise

    async def submit_again(
        self, messages: Sequence[Message], signer: PrivateKey, terms: TransactionTerms
    ) -> TransactionResult | None:
        """Return what becomes of a transaction that was signed before; `None`: no block can ever hold it.

        Raises `TransactionRejected` when it is in a block and failed there.
        """
        submission = read_submission(self._entrance.sign(messages, signer, terms))
        waiting = self._entrance.find(submission.hash)
        if waiting is None:
            included = await self._archive.transaction(submission.hash)
            if included is not None:
                return _read_result(included)
        try:
            return await self._find_block(waiting or self._add(submission))
        except TransactionRejected as refusal:
            # It may have come in, and into a block, while the archive was asked.
            waiting = self._entrance.find(submission.hash)
            if waiting is not None and _is(refusal, DUPLICATE):
                return await self._find_block(waiting)
            included = await self._archive.transaction(submission.hash)
            if included is None:
                return None
            if included.code and not _is(refusal, WRONG_SEQUENCE):
                raise
            return _read_result(included)

    async def _sign(
        self,
        messages: Sequence[Message],
        signer: PrivateKey,
        timeout_height: Height,
        fee: Fee,
        on_signed: OnSigned | None,
    ) -> Waiting:
        if on_signed is None:
            # Without a pause, so that nobody else finds the same sequence due.
            terms = self._entrance.choose_terms(signer, timeout_height=timeout_height, fee=fee)
            return self._add(read_submission(self._entrance.sign(messages, signer, terms)))
        async with self._signing:
            terms = self._entrance.choose_terms(signer, timeout_height=timeout_height, fee=fee)
            submission = read_submission(self._entrance.sign(messages, signer, terms))
            await on_signed(replace(terms, hash=submission.hash))
            return self._add(submission)


def _read_result(included: IncludedTransaction) -> TransactionResult:
    if included.code:
        raise TransactionRejected(
            included.log,
            codespace=included.codespace,
            tx_code=included.code,
            log=included.log,
            hash=included.hash,
            height=included.height,
        )
    return TransactionResult(included.hash, included.height, included.events)


def _is(refusal: TransactionRejected, kind: tuple[str, int]) -> bool:
    return (refusal.fields["codespace"], refusal.fields["tx_code"]) == kind
