"""The height that this process has told its callers of, and when it may be believed.

What was told once stays true: an answer about "now" from a node that is not there yet does not count.
So one false height would put every honest node behind for good. Therefore a node that tells of a higher
block must deliver it, of our network and with the hash that it named; and a height that no node has
reached in many polls is given up. A node that forges whole blocks is not found out by this: blocks are
not verified here.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from joey.adapters.chains.shannon.failover import NodeBehind, NodeFailed, NodePruned, RequestRefused
from joey.adapters.chains.shannon.json_reading import read_hex, read_int, read_member, read_text, read_time
from joey.adapters.chains.shannon.rpc_node import RpcNode
from joey.core.units import Height
from joey.ports.chain import Block

__all__ = ["Head", "HeightSeen", "check_head", "read_head"]

_log = logging.getLogger(__name__)

_POLLS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Head:
    """What a node says its newest block is, and which network it says it belongs to."""

    network: str
    block: Block


class HeightSeen:
    """The highest block that callers were told of: `height`."""

    def __init__(self) -> None:
        self.height = Height(0)
        self._polls_below = 0

    def note(self, height: Height) -> None:
        """Remember that callers are about to be told of a block."""
        if height >= self.height:
            self.height = height
            self._polls_below = 0

    def note_poll(self, height: Height) -> bool:
        """Take in the highest block that any node had when all were asked.

        Tells whether that is now the height to go by: because it is no lower than the one told of, or
        because no node has reached that one in so many polls that there can be no such block.
        """
        if height < self.height:
            self._polls_below += 1
            if self._polls_below < _POLLS_MAX:
                return False
            _log.error(
                "no full node has block %d, asked %d times: going on from %d",
                self.height,
                self._polls_below,
                height,
            )
            self.height = height
        self.note(height)
        return True


async def read_head(node: RpcNode) -> Head:
    """Return what a node says of itself. Raises `NodeFailed`."""
    try:
        status = await node.call("status")
        sync = read_member(status, "sync_info")
        head = Block(
            Height(read_int(sync, "latest_block_height")),
            read_hex(sync, "latest_block_hash"),
            read_time(sync, "latest_block_time"),
        )
        network = read_text(status, "node_info", "network")
    except RequestRefused as error:
        raise NodeFailed(str(error)) from None
    except ValueError:
        raise NodeFailed("its status cannot be read") from None
    if head.height < 1 or len(head.hash) != 32:
        raise NodeFailed("it has no block yet")
    return Head(network, head)


async def check_head(node: RpcNode, head: Head) -> None:
    """Find out whether a node has the block that it tells of. Raises `NodeFailed`."""
    height = head.block.height
    try:
        result = await node.call("block", height=str(height))
        header = read_member(result, "block", "header")
        is_it = (
            read_int(header, "height") == height
            and read_text(header, "chain_id") == head.network
            and read_hex(result, "block_id", "hash") == head.block.hash
        )
    except (NodeBehind, NodePruned, RequestRefused) as error:
        raise NodeFailed(f"it says that it is at {height}, and has no such block: {error}") from None
    except ValueError:
        raise NodeFailed(f"its block {height} cannot be read") from None
    if not is_it:
        raise NodeFailed(f"its block {height} is not the one that it tells of")
