"""The chain as the roles see it: a network to read, to follow and to write.

Everything that has a price or a window is asked for *at a height*: there is no "current"
parameter. Reads are answered from what the chain has committed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from joey.core.crypto.keys import PrivateKey
from joey.core.protocol.claims import Claim
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.params import NetworkParams
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.messages import Message
from joey.core.wire.session import Application, Gateway, Service, Session, Supplier

__all__ = [
    "Block",
    "Chain",
    "Fee",
    "IncludedTransaction",
    "OnSigned",
    "TransactionResult",
    "TransactionTerms",
]

_HEAD = Height(0)


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


@dataclass(frozen=True, slots=True)
class Fee:
    """What a transaction may use and what it pays for that."""

    gas: int
    amount: Upokt


@dataclass(frozen=True, slots=True)
class IncludedTransaction:
    """A transaction in a block, `raw` as it came. `code` 0: it took effect; otherwise `log` says why not.

    A transaction that failed has paid its fee and used its sequence, and did nothing else.
    """

    hash: str
    raw: bytes
    height: Height
    code: int = 0
    codespace: str = ""
    log: str = ""
    gas_wanted: int = 0
    gas_used: int = 0
    events: tuple[ChainEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class TransactionTerms:
    """All that decides on a transaction's bytes beside its messages, its key and the chain.

    `timeout_time` (aware, UTC) stands instead of the sequence where a transaction is unordered. `hash`
    is that of the signed bytes, as `on_signed` is told it; nothing depends on it.
    """

    sequence: int
    gas: int
    fee: Upokt
    timeout_height: Height
    timeout_time: datetime | None = None
    hash: str = field(default="", compare=False)


OnSigned = Callable[[TransactionTerms], Awaitable[None]]
"""Is told the terms of a transaction that was signed, before it is sent."""


class Chain(Protocol):
    """A Pocket network. Every method may raise `ChainUnavailable`.

    A thing that does not exist is `None`, never an exception. Where a method takes a `height`, it
    answers from the state after the block at that height, 0 being the newest; `ChainUnavailable`
    when that height is ahead, or no longer kept.
    """

    async def chain_id(self) -> str:
        """Return the name of the network, which every signature covers."""
        ...

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
        """Return the parameters that sessions go by at `height`: windows, prices, the session grid.

        Those of the other modules are the live ones where the network keeps no history of them.
        """
        ...

    async def live_params(self, height: Height = _HEAD) -> NetworkParams:
        """Return the parameters that the block after `height` executes with: proofs, shares, stakes."""
        ...

    async def session(self, application: str, service: str, height: Height = _HEAD) -> Session | None:
        """Return the session of an application at a height (0: now).

        `None` when the application is not staked for the service at that height.
        Raises `ChainUnavailable` for a height ahead of the chain.
        """
        ...

    async def application(self, address: str, height: Height = _HEAD) -> Application | None:
        """Return a staked application."""
        ...

    async def applications(self, gateway: str = "", height: Height = _HEAD) -> tuple[Application, ...]:
        """Return all applications by address, or those that delegate to a gateway."""
        ...

    async def gateway(self, address: str, height: Height = _HEAD) -> Gateway | None:
        """Return a staked gateway."""
        ...

    async def supplier(self, operator_address: str, height: Height = _HEAD) -> Supplier | None:
        """Return a staked supplier with the services that it offers at that height."""
        ...

    async def suppliers(self, service_id: str = "", height: Height = _HEAD) -> tuple[Supplier, ...]:
        """Return all suppliers by operator address, or those of a service."""
        ...

    async def service(self, service_id: str, height: Height = _HEAD) -> Service | None:
        """Return a service with its card."""
        ...

    async def services(self, height: Height = _HEAD) -> tuple[Service, ...]:
        """Return all services by id."""
        ...

    async def compute_units_at(self, service_id: str, height: Height) -> ComputeUnits | None:
        """Return a service's compute units per relay for a session that starts at a height."""
        ...

    async def difficulty_at(self, service_id: str, height: Height) -> bytes:
        """Return a service's 32-byte relay mining target for a session that starts at a height."""
        ...

    async def public_key(self, address: str) -> bytes | None:
        """Return the 33-byte key of an account that has signed at least once."""
        ...

    async def balance(self, address: str, height: Height = _HEAD) -> Upokt:
        """Return what an account can spend."""
        ...

    async def supply(self, height: Height = _HEAD) -> Upokt:
        """Return all upokt there is: balances, stakes and module accounts."""
        ...

    async def claim(self, session_id: str, supplier: str, height: Height = _HEAD) -> Claim | None:
        """Return a claim that is not settled at that height."""
        ...

    async def claims(
        self,
        *,
        session_id: str = "",
        supplier: str = "",
        height_session_end: Height = _HEAD,
        height: Height = _HEAD,
    ) -> tuple[Claim, ...]:
        """Return the claims that are not settled, by session and supplier; all, or those asked for."""
        ...

    async def estimate_fee(self, messages: Sequence[Message], signer: PrivateKey) -> Fee:
        """Return what `submit` would offer for these messages.

        Raises `TransactionRejected` when they would be refused now.
        """
        ...

    async def submit(
        self,
        messages: Sequence[Message],
        signer: PrivateKey,
        *,
        timeout_height: Height = _HEAD,
        on_signed: OnSigned | None = None,
        terms: TransactionTerms | None = None,
    ) -> TransactionResult:
        """Sign and send one transaction; return once it is in a block.

        `on_signed` is awaited with the terms of every transaction that is signed, before it is sent: who
        keeps them can, after a crash, submit the same messages with the same `terms`. Those very bytes
        are then sent again, and nothing else is signed for as long as they may still get into a block.

        `timeout_height`: the last block that may hold it; 0 for any. Raises `TransactionRejected` when
        a message is refused (none of them then has any effect), `WindowClosed` when the chain has
        passed the timeout without it, and `ChainUnavailable` when it could not be sent. A caller that
        stops waiting, or is told `ChainUnavailable`, may find the transaction in a block later.
        """
        ...

    async def transaction(self, transaction_hash: str) -> IncludedTransaction | None:
        """Return a transaction that is in a block, by the hash that `submit` returned."""
        ...

    async def transactions(self, height: Height) -> tuple[IncludedTransaction, ...]:
        """Return the transactions of the block at `height`, in order, those that failed included."""
        ...

    async def events(self, height: Height) -> tuple[ChainEvent, ...]:
        """Return all that happened in the block at `height`: transactions first, then its end."""
        ...
