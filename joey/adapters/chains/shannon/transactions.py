"""Signing, sending and finding transactions, so that no message ever takes effect twice.

The invariant: **while a transaction may still get into a block, no other one is signed for its
messages.** It is sent again as often as it takes, and to other nodes, but always the same bytes, which
the network takes once. It can no longer get into a block, and only then may its messages be signed
anew, when one of these is certain:

- every node that was sent it has refused it, and none was left without an answer;
- the chain has passed its timeout, and none of the blocks up to there holds it;
- its sequence was used by another transaction: the account says so at a height, and none of the
  blocks up to that height holds it.

What is certain is read from blocks alone. That a node forgot a transaction, does not find its hash, or
says that it knows the bytes already, proves nothing. For the second way to exist, every transaction is
given a timeout, also where the caller asked for none.

What an earlier process had signed is made again from its terms, to the byte, and may have been sent by
then: so it is held to the same, and only the second and the third way can end it.

A caller who stops waiting leaves its transaction behind. If the same messages are submitted again, that
one is waited for; the same messages submitted side by side are different transactions.
Source: cosmos-sdk x/auth/ante and CometBFT mempool, for what nodes do.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from typing import Final

import anyio

from joey.adapters.chains.shannon.broadcasting import broadcast
from joey.adapters.chains.shannon.connection import Connection
from joey.adapters.chains.shannon.events import Happenings
from joey.adapters.chains.shannon.fates import Fates
from joey.adapters.chains.shannon.fees import estimate_fee
from joey.adapters.chains.shannon.following import HeadWatcher
from joey.adapters.chains.shannon.lane import Lane, MessageKey, Sent
from joey.adapters.chains.shannon.refusals import WRONG_SEQUENCE, make_rejection
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ChainUnavailable, TransactionRejected, WindowClosed
from joey.core.units import Height
from joey.core.wire.message_codec import encode_message
from joey.core.wire.messages import Message
from joey.core.wire.transactions import compute_transaction_hash, sign_transaction
from joey.ports.chain import Fee, IncludedTransaction, OnSigned, TransactionResult, TransactionTerms

__all__ = ["Transactions", "TransactionSettings"]

_log = logging.getLogger(__name__)

_NONE: Final = Height(0)
_TIMEOUT_BLOCKS: Final = 30
_TIMEOUT_UNORDERED: Final = timedelta(minutes=9, seconds=50)
_RESEND_BLOCKS: Final = 2
_SIGNATURES_MAX: Final = 8
_ADMISSIONS_MAX: Final = 16
_SENDINGS_MAX: Final = 5
_PAUSE_FIRST_S: Final = 0.1
_PAUSE_MAX_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class TransactionSettings:
    """Price of gas in upokt, the margin over a simulation, and whether sequences are left out."""

    gas_price: Fraction
    gas_margin: Fraction
    unordered: bool


class Transactions:
    """One lane per signer."""

    def __init__(
        self,
        connection: Connection,
        watcher: HeadWatcher,
        fates: Fates,
        happenings: Happenings,
        settings: TransactionSettings,
    ) -> None:
        self._connection = connection
        self._watcher = watcher
        self._fates = fates
        self._happenings = happenings
        self._settings = settings
        self._lanes: dict[str, Lane] = {}

    async def estimate_fee(self, messages: Sequence[Message], signer: PrivateKey) -> Fee:
        """Return what `submit` would offer. Raises as `joey.ports.chain` says."""
        return await self._estimate(await self._find_lane(signer.address), messages, signer)

    async def submit(
        self,
        messages: Sequence[Message],
        signer: PrivateKey,
        timeout_height: Height,
        on_signed: OnSigned | None,
        terms: TransactionTerms | None,
    ) -> TransactionResult:
        """Sign and send one transaction; return once it is in a block. Raises as `joey.ports.chain` says."""
        key = _encode(messages)
        lane = await self._find_lane(signer.address)
        for _ in range(_SIGNATURES_MAX):
            is_taken_up = False
            if terms is not None:
                sent = await self._restore(lane, key, messages, signer, terms)
                terms = None
            elif (abandoned := lane.take_abandoned(key)) is not None:
                sent, is_taken_up = abandoned, True
            else:
                self._check_timeout(timeout_height)
                sent = await self._sign_and_send(lane, key, messages, signer, timeout_height, on_signed)
            try:
                if is_taken_up and on_signed is not None:
                    await on_signed(replace(sent.terms, hash=sent.hash))
                included = await self._wait(lane, sent)
            except BaseException:
                lane.abandon(sent)
                raise
            if included is not None:
                return _read_result(included)
        raise ChainUnavailable(f"{_SIGNATURES_MAX} transactions in turn found no block before their timeout")

    def _check_timeout(self, timeout_height: Height) -> None:
        head = self._watcher.head.height
        if timeout_height and timeout_height <= head:
            raise WindowClosed(
                f"the transaction was to be in a block by height {timeout_height}, the chain is at {head}",
                height=head,
                timeout_height=timeout_height,
            )

    async def _find_lane(self, address: str) -> Lane:
        lane = self._lanes.setdefault(address, Lane(address))
        if lane.account_number is None:
            await self._fates.ask_account(lane)
        return lane

    async def _estimate(self, lane: Lane, messages: Sequence[Message], signer: PrivateKey) -> Fee:
        return await estimate_fee(
            self._connection,
            messages,
            signer,
            sequence=lane.choose_sequence(),
            gas_price=self._settings.gas_price,
            gas_margin=self._settings.gas_margin,
        )

    # --- signing ---

    async def _sign_and_send(
        self,
        lane: Lane,
        key: MessageKey,
        messages: Sequence[Message],
        signer: PrivateKey,
        timeout_height: Height,
        on_signed: OnSigned | None,
    ) -> Sent:
        """Return a transaction that a node has admitted or may have.

        Raises `TransactionRejected` when nodes refuse it, `ChainUnavailable` when none could be sent it.
        """
        fee = await self._estimate(lane, messages, signer)
        pause_s = 0.0
        async with lane.lock:
            for _ in range(_ADMISSIONS_MAX):
                sent = self._sign(lane, key, messages, signer, timeout_height, fee)
                lane.note_pending(sent)
                if on_signed is not None:
                    await self._tell(lane, sent, on_signed)
                try:
                    refusal = await broadcast(self._connection, sent)
                except ChainUnavailable:
                    if sent.is_doubtful:
                        return sent
                    lane.note_dead(sent)
                    raise
                except BaseException:
                    lane.abandon(sent)
                    raise
                if refusal is None or sent.is_doubtful:
                    if lane.list_pending() == [sent]:
                        lane.height_resent = self._watcher.head.height
                    return sent
                lane.note_dead(sent)
                refused = make_rejection(
                    refusal.log, refusal.codespace, refusal.code, transaction_hash=sent.hash
                )
                if refusal.pair != WRONG_SEQUENCE:
                    raise refused
                await anyio.sleep(pause_s)
                pause_s = min(pause_s * 2 + _PAUSE_FIRST_S, _PAUSE_MAX_S)
                await self._fates.find_sequence(lane, sent, refusal)
        raise refused

    @staticmethod
    async def _tell(lane: Lane, sent: Sent, on_signed: OnSigned) -> None:
        try:
            await on_signed(replace(sent.terms, hash=sent.hash))
        except BaseException:
            # No node was sent it.
            lane.note_dead(sent)
            raise

    def _sign(
        self,
        lane: Lane,
        key: MessageKey,
        messages: Sequence[Message],
        signer: PrivateKey,
        timeout_height: Height,
        fee: Fee,
    ) -> Sent:
        head = self._watcher.head
        # Also a block that others were told of cannot hold what is not signed yet.
        height_known = max(head.height, self._connection.height_seen)
        if self._settings.unordered:
            timeout_time = lane.choose_timeout(head.time + _TIMEOUT_UNORDERED)
            terms = TransactionTerms(0, fee.gas, fee.amount, timeout_height, timeout_time)
        else:
            timeout_height = timeout_height or Height(height_known + _TIMEOUT_BLOCKS)
            terms = TransactionTerms(lane.choose_sequence(), fee.gas, fee.amount, timeout_height)
        return self._make(lane, key, messages, signer, terms, height_known)

    def _make(
        self,
        lane: Lane,
        key: MessageKey,
        messages: Sequence[Message],
        signer: PrivateKey,
        terms: TransactionTerms,
        looked_through: Height,
    ) -> Sent:
        assert lane.account_number is not None
        raw = sign_transaction(
            messages,
            signer,
            chain_id=self._connection.chain_id,
            account_number=lane.account_number,
            sequence=terms.sequence,
            timeout_height=terms.timeout_height,
            fee=terms.fee,
            gas_limit=terms.gas,
            unordered=terms.timeout_time is not None,
            timeout_time=terms.timeout_time,
        )
        return Sent(key, raw, compute_transaction_hash(raw), terms, looked_through)

    async def _restore(
        self,
        lane: Lane,
        key: MessageKey,
        messages: Sequence[Message],
        signer: PrivateKey,
        terms: TransactionTerms,
    ) -> Sent:
        """Make a transaction again whose terms somebody kept. Raises `ChainUnavailable`."""
        sent = self._make(lane, key, messages, signer, terms, _NONE)
        known = lane.find(key, sent.hash)
        if known is not None:
            return known
        # Nobody knows any more which nodes were sent it.
        sent.unanswered = 1
        await self._fates.restore(lane, sent)
        self._warn_of_gap(lane, sent)
        return lane.find(key, sent.hash) or sent

    def _warn_of_gap(self, lane: Lane, sent: Sent) -> None:
        """Say when nothing is known that uses a sequence before: whatever is sent next fills the gap."""
        is_open = sent.height_included is None and not sent.is_dead
        missing = lane.choose_sequence()
        if is_open and sent.sequence is not None and missing < sent.sequence:
            _log.warning(
                "transaction %s of %s waits for sequence %d, which nothing uses: any other transaction of"
                " this key, such as `joey chain tx send`, lets it through",
                sent.hash,
                lane.address,
                missing,
            )

    # --- waiting ---

    async def _wait(self, lane: Lane, sent: Sent) -> IncludedTransaction | None:
        """Return a transaction once it is in a block, `None` once it never can be.

        Raises `ChainUnavailable` when no node takes it that can say so.
        """
        failures = 0
        pause_s = _PAUSE_FIRST_S
        while True:
            head = self._watcher.head.height
            try:
                if sent.looked_through >= head:
                    head = (await self._watcher.refresh()).height
                included = await self._find(lane, sent)
                if included is not None or sent.is_dead:
                    return included
                if not sent.was_admitted or head >= lane.height_resent + _RESEND_BLOCKS:
                    await self._fates.send_again(lane)
                    failures = 0
                    if sent.is_dead or sent.height_included is not None:
                        continue
            except ChainUnavailable:
                failures += 1
                if not sent.was_admitted and failures >= _SENDINGS_MAX:
                    raise
                with anyio.move_on_after(pause_s):
                    await self._watcher.wait_beyond(head)
                pause_s = min(pause_s * 2, _PAUSE_MAX_S)
            else:
                await self._watcher.wait_beyond(head)

    async def _find(self, lane: Lane, sent: Sent) -> IncludedTransaction | None:
        await self._fates.look(lane, sent)
        if sent.height_included is None:
            return None
        for included in await self._happenings.transactions(sent.height_included):
            if included.hash == sent.hash:
                return included
        raise ChainUnavailable(f"block {sent.height_included} is not what it was")


def _encode(messages: Sequence[Message]) -> MessageKey:
    try:
        return tuple(encode_message(message) for message in messages)
    except ValueError as error:
        raise TransactionRejected(str(error), codespace="sdk", tx_code=2) from None


def _read_result(included: IncludedTransaction) -> TransactionResult:
    if included.code != 0:
        raise make_rejection(
            included.log,
            included.codespace,
            included.code,
            transaction_hash=included.hash,
            height=included.height,
        )
    return TransactionResult(included.hash, included.height, included.events)
