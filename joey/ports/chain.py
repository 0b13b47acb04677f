"""The chain as the roles see it: a network to read, to follow and to write.

Everything that has a price or a window is asked for *at a height*: there is no "current"
parameter. Reads are answered from what the chain has committed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from joey.core.crypto.keys import PrivateKey
from joey.core.protocol.claims import Claim
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.params import NetworkParams
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.messages import Message
from joey.core.wire.session import Application, Service, Session, Supplier

__all__ = ["Block", "Chain", "TransactionResult"]


@dataclass(frozen=True, slots=True)
class Block:
    """A committed block: its height, its 32-byte hash and its time (aware, UTC)."""

    height: Height
    hash: bytes
    time: datetime


@dataclass(frozen=True, slots=True)
class TransactionResult:
    """A transaction that is in a block. `hash` is SHA-256 of its bytes, upper-case hex."""

    hash: str
    height: Height
    events: tuple[ChainEvent, ...] = ()


class Chain(Protocol):
    """A Pocket network. Every method may raise `ChainUnavailable`.

    A thing that does not exist is `None`, never an exception.
    """

    async def head(self) -> Block:
        """Return the newest committed block."""
        ...

    async def block(self, height: Height) -> Block | None:
        """Return the block at `height`."""
        ...

    def follow(self) -> AsyncIterator[Block]:
        """Yield the head at once and then every new block, in order and without a gap."""
        ...

    async def params_at(self, height: Height) -> NetworkParams:
        """Return the parameters in force at `height`."""
        ...

    async def session(self, application: str, service: str, height: Height = Height(0)) -> Session | None:
        """Return the session of an application at a height (0: now).

        `None` when the application is not staked for the service at that height.
        Raises `ChainUnavailable` for a height ahead of the chain.
        """
        ...

    async def application(self, address: str) -> Application | None:
        """Return a staked application."""
        ...

    async def supplier(self, operator_address: str) -> Supplier | None:
        """Return a staked supplier."""
        ...

    async def service(self, service_id: str) -> Service | None:
        """Return a service with its card."""
        ...

    async def compute_units_at(self, service_id: str, height: Height) -> ComputeUnits | None:
        """Return a service's compute units per relay at a height."""
        ...

    async def difficulty_at(self, service_id: str, height: Height) -> bytes:
        """Return the 32-byte relay mining target of a service at a height."""
        ...

    async def public_key(self, address: str) -> bytes | None:
        """Return the 33-byte key of an account that has signed at least once."""
        ...

    async def balance(self, address: str) -> Upokt:
        """Return what an account can spend."""
        ...

    async def supply(self) -> Upokt:
        """Return all upokt there is: balances, stakes and module accounts."""
        ...

    async def claim(self, session_id: str, supplier: str) -> Claim | None:
        """Return a claim that is not settled yet."""
        ...

    async def submit(self, messages: Sequence[Message], signer: PrivateKey) -> TransactionResult:
        """Sign and send one transaction; return once it is in a block.

        Raises `TransactionRejected` when a message is refused (none of them then has any effect).
        """
        ...

    async def events(self, height: Height) -> tuple[ChainEvent, ...]:
        """Return all that happened in the block at `height`: transactions first, then its end."""
        ...
