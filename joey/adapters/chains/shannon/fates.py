"""What became of sent transactions, read from the blocks, and sending again what may still land.

See `joey.adapters.chains.shannon.transactions` for when a transaction is dead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from joey.adapters.chains.shannon.accounts import Accounts
from joey.adapters.chains.shannon.blocks import Blocks
from joey.adapters.chains.shannon.broadcasting import Refusal, broadcast, broadcast_to_all
from joey.adapters.chains.shannon.connection import Connection
from joey.adapters.chains.shannon.events import Happenings
from joey.adapters.chains.shannon.following import HeadWatcher
from joey.adapters.chains.shannon.lane import Lane, Sent
from joey.adapters.chains.shannon.refusals import WRONG_SEQUENCE, read_expected_sequence
from joey.core.errors import ChainUnavailable, TransactionRejected
from joey.core.units import Height

__all__ = ["Fates", "find_last"]

_UNORDERED_MAX: Final = timedelta(minutes=10)
"""How far ahead of its block the timeout of an unordered transaction may be.

Source: cosmos-sdk x/auth/ante/unordered.go.
"""


async def find_last(head: Height, is_so: Callable[[Height], Awaitable[bool]]) -> Height:
    """Return the last height up to `head` at which something is so that never is so again; 0 for none.

    Asks near the head first: what lies far back may be pruned.
    """
    step, so, not_so = 1, head, Height(head + 1)
    while so > 0 and not await is_so(so):
        so, not_so = Height(max(0, so - step)), so
        step *= 2
    while not_so - so > 1:
        middle = Height((so + not_so) // 2)
        if await is_so(middle):
            so = middle
        else:
            not_so = middle
    return so


class Fates:
    """Every method raises `ChainUnavailable`."""

    def __init__(
        self,
        connection: Connection,
        watcher: HeadWatcher,
        blocks: Blocks,
        accounts: Accounts,
        happenings: Happenings,
    ) -> None:
        self._connection = connection
        self._watcher = watcher
        self._blocks = blocks
        self._accounts = accounts
        self._happenings = happenings

    async def ask_account(self, lane: Lane) -> None:
        """Take in what the chain says of the account. Raises `TransactionRejected` when it has none."""
        account = await self._accounts.account(lane.address)
        if account is None:
            text = f"account {lane.address} does not exist; send it something first"
            raise TransactionRejected(text, codespace="sdk", tx_code=9)
        lane.note_account(account.number, account.sequence)

    async def look(self, lane: Lane, sent: Sent) -> None:
        """Look through the blocks that have come, and note the transaction's fate if they tell it."""
        head = self._watcher.head.height
        while sent.height_included is None and not sent.is_dead:
            if sent.timeout_height and sent.looked_through >= sent.timeout_height:
                lane.note_dead(sent)
                return
            if sent.looked_through >= head:
                return
            height = Height(sent.looked_through + 1)
            block = await self._blocks.read(height)
            if block is None:
                return
            if sent.hash in block.hashes:
                await self._note_included(lane, sent, height)
                return
            sent.looked_through = max(sent.looked_through, height)
            if sent.timeout_time is not None and block.block.time > sent.timeout_time:
                lane.note_dead(sent)

    async def restore(self, lane: Lane, sent: Sent) -> None:
        """Find out what became of a transaction that an earlier process had signed, and may have sent.

        Its block is not searched for: it can only be one. An ordered transaction is in the block that
        has used its sequence, or in none; an unordered one in none that is ten minutes before its time.
        """
        head = (await self._watcher.refresh()).height
        await self.ask_account(lane)
        try:
            sent.looked_through = await self._find_before(lane, sent, head)
            if sent.sequence is None or sent.looked_through == head:
                lane.note_pending(sent)
                await self.look(lane, sent)
                return
            height = Height(sent.looked_through + 1)
            block = await self._blocks.read(height)
        except ChainUnavailable as error:
            included = await self._find_by_hash(sent) if error.fields.get("pruned") else None
            if included is None:
                raise
            await self._note_included(lane, sent, included)
            return
        if block is not None and sent.hash in block.hashes:
            await self._note_included(lane, sent, height)
        else:
            lane.note_dead(sent)

    async def _find_before(self, lane: Lane, sent: Sent, head: Height) -> Height:
        """Return the last block up to which none holds a transaction."""
        pruned: dict[Height, ChainUnavailable] = {}

        async def is_before(height: Height) -> bool:
            try:
                return await self._is_before(lane, sent, height)
            except ChainUnavailable as error:
                if not error.fields.get("pruned"):
                    raise
                # The search goes on above it; only where it ends here, the answer is not known.
                pruned[height] = error
                return True

        found = await find_last(head, is_before)
        if found in pruned:
            raise pruned[found]
        return found

    async def _is_before(self, lane: Lane, sent: Sent, height: Height) -> bool:
        """Tell whether no block up to a height can hold a transaction."""
        if sent.timeout_time is not None:
            block = await self._blocks.read(height)
            return block is not None and block.block.time < sent.timeout_time - _UNORDERED_MAX
        account = await self._accounts.account(lane.address, height)
        return account is None or account.sequence <= sent.terms.sequence

    async def _find_by_hash(self, sent: Sent) -> Height | None:
        found = await self._happenings.transaction(sent.hash)
        return None if found is None else found.height

    async def _note_included(self, lane: Lane, sent: Sent, height: Height) -> None:
        # One that failed its first checks in the block has used no sequence: then it is the account's
        # still, and what was signed with the next ones waits for it.
        if sent.sequence is not None:
            await self.ask_account(lane)
        lane.note_included(sent, height)

    async def send_again(self, lane: Lane) -> None:
        """Send all that waits to all nodes, in order: one may have forgotten, or never have had it."""
        async with lane.lock:
            lane.height_resent = self._watcher.head.height
            for waiting in lane.list_pending():
                refusals = await broadcast_to_all(self._connection, waiting)
                if any(refusal.pair == WRONG_SEQUENCE for refusal in refusals):
                    await self._check_sequence(lane, waiting)

    async def _check_sequence(self, lane: Lane, waiting: Sent) -> None:
        """Note a transaction as dead when another has used its sequence: certain at one same height."""
        await self.look(lane, waiting)
        if waiting.height_included is not None or waiting.is_dead or waiting.sequence is None:
            return
        account = await self._accounts.account(lane.address, waiting.looked_through)
        if account is not None and account.sequence > waiting.sequence:
            lane.note_account(account.number, account.sequence)
            lane.note_dead(waiting)

    async def find_sequence(self, lane: Lane, refused: Sent, refusal: Refusal) -> None:
        """Find out why a node expects another sequence than the one signed with."""
        for other in lane.list_pending():
            await self.look(lane, other)
        await self.ask_account(lane)
        expected = read_expected_sequence(refusal.log)
        if expected is None or refused.sequence is None:
            return
        if expected > refused.sequence:
            lane.sequence_floor = expected
            return
        # The node lacks what comes before, or what somebody else had sent it is gone again.
        lane.sequence_floor = 0
        for other in lane.list_pending():
            await broadcast(self._connection, other)
