"""The newest block, known as soon as a node tells of it, and followers that miss none.

The truth is what the nodes answer when asked, every poll interval. A web socket only wakes the poll
earlier, so nothing is lost while it is down. A follower takes blocks by height: however long it was
slow or the nodes were away, it goes on where it was. Nothing is queued for it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator

import aiohttp
import anyio
from anyio.abc import TaskStatus

from joey.adapters.chains.shannon.blocks import Blocks
from joey.adapters.chains.shannon.connection import Connection
from joey.core.errors import ChainUnavailable
from joey.core.units import Height
from joey.ports.chain import Block

__all__ = ["HeadWatcher"]

_log = logging.getLogger(__name__)

_REST_FIRST_S = 0.5
_REST_MAX_S = 60.0
_HEARTBEAT_S = 20.0
_MESSAGE_BYTES_MAX = 4 * 2**20
_SUBSCRIBE = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "subscribe",
        # The header alone: the block is asked for by height.
        "params": {"query": "tm.event='NewBlockHeader'"},
    }
)


class HeadWatcher:
    """Knows the newest block while `run` runs."""

    def __init__(self, connection: Connection, blocks: Blocks, poll_interval_s: float) -> None:
        self._connection = connection
        self._blocks = blocks
        self._poll_interval_s = poll_interval_s
        self._head: Block | None = None
        self._advanced = anyio.Event()
        self._woken = anyio.Event()

    @property
    def head(self) -> Block:
        """The newest block known; known once `run` has started."""
        assert self._head is not None, "the head is known once the watcher has started"
        return self._head

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled; started once the first block is known. Raises `ChainUnavailable` before."""
        await self._read_highest()
        task_status.started()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen)
            await self._poll()

    async def refresh(self) -> Block:
        """Ask for the newest block now. Raises `ChainUnavailable`."""
        head = await self._connection.read_head()
        self._take(head)
        return head

    async def wait_beyond(self, height: Height) -> Block:
        """Return the newest block as soon as it is above `height`."""
        while self.head.height <= height:
            await self._advanced.wait()
        return self.head

    async def follow(self) -> AsyncGenerator[Block, None]:
        """Yield the newest block, then every one after it. Waits while no node answers.

        Raises `ChainUnavailable` only for a follower that is so late that no node keeps its next block.
        """
        block = self.head
        try:
            block = await self.refresh()
        except ChainUnavailable as error:
            _log.warning("following from the last block known: %s", error)
        yield block
        while True:
            while block.height < self.head.height:
                block = await self._read_patiently(Height(block.height + 1))
                yield block
            await self.wait_beyond(block.height)

    async def _read_patiently(self, height: Height) -> Block:
        while True:
            try:
                found = await self._blocks.read(height)
            except ChainUnavailable as error:
                if error.fields.get("pruned"):
                    raise
            else:
                if found is not None:
                    return found.block
            await anyio.sleep(self._poll_interval_s)

    async def _read_highest(self) -> None:
        head, is_to_go_by = await self._connection.read_highest()
        if is_to_go_by and self._head is not None and head.height < self._head.height:
            # What was told of before does not exist. Who has seen it waits until the chain is there.
            self._head = head
        self._take(head)

    def _take(self, head: Block) -> None:
        if self._head is None or head.height > self._head.height:
            self._head = head
            self._advanced.set()
            self._advanced = anyio.Event()

    async def _poll(self) -> None:
        is_failing = False
        while True:
            with anyio.move_on_after(self._poll_interval_s):
                await self._woken.wait()
            self._woken = anyio.Event()
            try:
                await self._read_highest()
            except ChainUnavailable as error:
                if not is_failing:
                    _log.warning("no new blocks: %s", error)
                is_failing = True
            else:
                if is_failing:
                    _log.info("the full nodes answer again, at height %d", self.head.height)
                is_failing = False

    async def _listen(self) -> None:
        """Wake the poll at every new block that a node announces; another node when one fails."""
        rest_s = _REST_FIRST_S
        while True:
            for node in self._connection.rpc.nodes:
                if await self._listen_to(node.websocket_url):
                    rest_s = _REST_FIRST_S
            await anyio.sleep(rest_s)
            rest_s = min(rest_s * 2, _REST_MAX_S)

    async def _listen_to(self, url: str) -> bool:
        """Listen until the socket closes; tell whether it ever said anything."""
        has_spoken = False
        try:
            async with self._connection.session.ws_connect(
                url,
                heartbeat=_HEARTBEAT_S,
                max_msg_size=_MESSAGE_BYTES_MAX,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
            ) as socket:
                await socket.send_str(_SUBSCRIBE)
                async for message in socket:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        break
                    has_spoken = True
                    # Also at the answer to the subscription: blocks may have come before it.
                    self._woken.set()
        except (aiohttp.ClientError, OSError) as error:
            _log.debug("no announcements of blocks: %s", type(error).__name__)
        return has_spoken
