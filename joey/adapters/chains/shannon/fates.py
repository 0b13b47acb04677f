"""What became of sent transactions, read from the blocks, and sending again what may still land.

See `joey.adapters.chains.shannon.transactions` for when a transaction is dead.
"""

from __future__ import annotations

from joey.adapters.chains.shannon.accounts import Accounts
from joey.adapters.chains.shannon.blocks import Blocks
from joey.adapters.chains.shannon.broadcasting import Refusal, broadcast, broadcast_to_all
from joey.adapters.chains.shannon.connection import Connection
from joey.adapters.chains.shannon.following import HeadWatcher
from joey.adapters.chains.shannon.lane import Lane, Sent
from joey.adapters.chains.shannon.refusals import WRONG_SEQUENCE, read_expected_sequence
from joey.core.errors import TransactionRejected
from joey.core.units import Height

__all__ = ["Fates"]


class Fates:
    """Every method raises `ChainUnavailable`."""

    def __init__(
        self, connection: Connection, watcher: HeadWatcher, blocks: Blocks, accounts: Accounts
    ) -> None:
        self._connection = connection
        self._watcher = watcher
        self._blocks = blocks
        self._accounts = accounts

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
                lane.note_included(sent, height)
                return
            sent.looked_through = max(sent.looked_through, height)
            if sent.timeout_time is not None and block.block.time > sent.timeout_time:
                lane.note_dead(sent)

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
