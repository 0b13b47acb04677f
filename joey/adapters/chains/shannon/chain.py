"""Pocket Network as `joey.ports.chain.Chain`, through full nodes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import anyio

from joey.adapters.chains.shannon.accounts import Accounts
from joey.adapters.chains.shannon.asking import Asker
from joey.adapters.chains.shannon.blocks import Blocks
from joey.adapters.chains.shannon.connection import Connection, open_connection
from joey.adapters.chains.shannon.events import Happenings
from joey.adapters.chains.shannon.fates import Fates
from joey.adapters.chains.shannon.following import HeadWatcher
from joey.adapters.chains.shannon.parameters import Parameters
from joey.adapters.chains.shannon.queries import Queries
from joey.adapters.chains.shannon.transactions import Transactions, TransactionSettings
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ConfigError
from joey.core.protocol.claims import Claim
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.params import NetworkParams
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.messages import Message
from joey.core.wire.session import Application, Gateway, Service, Session, Supplier
from joey.ports.chain import (
    Block,
    Fee,
    IncludedTransaction,
    OnSigned,
    TransactionResult,
    TransactionTerms,
)

__all__ = ["Settings", "ShannonChain", "open_chain"]

_HEAD = Height(0)


@dataclass(frozen=True, slots=True)
class Settings:
    """What `open_shannon_chain` takes, by the same names."""

    chain_id: str
    gas_price: Fraction
    gas_margin: Fraction
    request_timeout_s: float
    poll_interval_s: float
    unordered: bool
    ca_file: Path | None

    def __post_init__(self) -> None:
        if self.gas_price < 0:
            raise ConfigError(f"a price of gas of {self.gas_price} upokt is below 0")
        if self.gas_margin < 1:
            raise ConfigError(f"a margin of {self.gas_margin} offers less gas than is used")
        if self.request_timeout_s <= 0 or self.poll_interval_s <= 0:
            raise ConfigError("the time-out and the interval for full nodes must be above 0 seconds")


class ShannonChain:
    """A network. Made by `open_shannon_chain`; methods are as in `joey.ports.chain`."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._connection = connection
        self._blocks = Blocks(connection)
        self._parameters = Parameters(connection)
        asker = Asker(connection)
        self._accounts = Accounts(asker)
        self._queries = Queries(connection, asker, self._parameters)
        self._happenings = Happenings(
            connection, self._blocks, self._parameters, self._queries, self._accounts
        )
        self.watcher = HeadWatcher(connection, self._blocks, settings.poll_interval_s)
        self._transactions = Transactions(
            connection,
            self.watcher,
            Fates(connection, self.watcher, self._blocks, self._accounts, self._happenings),
            self._happenings,
            TransactionSettings(settings.gas_price, settings.gas_margin, settings.unordered),
        )

    async def chain_id(self) -> str:
        """Return the name of the network."""
        return self._connection.chain_id

    async def head(self) -> Block:
        """Return the newest committed block."""
        return await self.watcher.refresh()

    async def block(self, height: Height) -> Block | None:
        """Return the block at `height`."""
        found = await self._blocks.read(height)
        return None if found is None else found.block

    def follow(self) -> AsyncGenerator[Block, None]:
        """Yield the head at once and then every new block, also after a time without a full node."""
        return self.watcher.follow()

    async def params_at(self, height: Height) -> NetworkParams:
        """Return the parameters that sessions go by at `height`."""
        return await self._parameters.params_at(height)

    async def live_params(self, height: Height = _HEAD) -> NetworkParams:
        """Return the parameters that the block after `height` executes with."""
        return await self._parameters.live_params(height)

    async def session(self, application: str, service: str, height: Height = _HEAD) -> Session | None:
        """Return the session of an application at a height."""
        return await self._queries.session(application, service, height)

    async def application(self, address: str, height: Height = _HEAD) -> Application | None:
        """Return a staked application."""
        return await self._queries.application(address, height)

    async def applications(self, gateway: str = "", height: Height = _HEAD) -> tuple[Application, ...]:
        """Return all applications by address, or those that delegate to a gateway."""
        return await self._queries.applications(gateway, height)

    async def gateway(self, address: str, height: Height = _HEAD) -> Gateway | None:
        """Return a staked gateway."""
        return await self._queries.gateway(address, height)

    async def supplier(self, operator_address: str, height: Height = _HEAD) -> Supplier | None:
        """Return a staked supplier."""
        return await self._queries.supplier(operator_address, height)

    async def suppliers(self, service_id: str = "", height: Height = _HEAD) -> tuple[Supplier, ...]:
        """Return all suppliers by operator address, or those of a service."""
        return await self._queries.suppliers(service_id, height)

    async def service(self, service_id: str, height: Height = _HEAD) -> Service | None:
        """Return a service with its card."""
        return await self._queries.service(service_id, height)

    async def services(self, height: Height = _HEAD) -> tuple[Service, ...]:
        """Return all services by id."""
        return await self._queries.services(height)

    async def compute_units_at(self, service_id: str, height: Height) -> ComputeUnits | None:
        """Return a service's compute units per relay for a session that starts at a height."""
        return await self._queries.compute_units_at(service_id, height)

    async def difficulty_at(self, service_id: str, height: Height) -> bytes:
        """Return a service's 32-byte relay mining target for a session that starts at a height."""
        return await self._queries.difficulty_at(service_id, height)

    async def public_key(self, address: str) -> bytes | None:
        """Return the 33-byte key of an account that has signed at least once."""
        return await self._accounts.public_key(address)

    async def balance(self, address: str, height: Height = _HEAD) -> Upokt:
        """Return what an account can spend."""
        return await self._accounts.balance(address, height)

    async def supply(self, height: Height = _HEAD) -> Upokt:
        """Return all upokt there is."""
        return await self._accounts.supply(height)

    async def claim(self, session_id: str, supplier: str, height: Height = _HEAD) -> Claim | None:
        """Return a claim that is not settled at that height."""
        return await self._queries.claim(session_id, supplier, height)

    async def claims(
        self,
        *,
        session_id: str = "",
        supplier: str = "",
        height_session_end: Height = _HEAD,
        height: Height = _HEAD,
    ) -> tuple[Claim, ...]:
        """Return the claims that are not settled, by session and supplier."""
        return await self._queries.claims(
            session_id=session_id, supplier=supplier, height_session_end=height_session_end, height=height
        )

    async def estimate_fee(self, messages: Sequence[Message], signer: PrivateKey) -> Fee:
        """Return what `submit` would offer for these messages."""
        return await self._transactions.estimate_fee(messages, signer)

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

        `on_signed` is also told the terms of one that an earlier call had signed, and this one takes up.
        `TransactionRejected` has the fields that `joey.adapters.chains.shannon.refusals` names.
        """
        return await self._transactions.submit(messages, signer, timeout_height, on_signed, terms)

    async def transaction(self, transaction_hash: str) -> IncludedTransaction | None:
        """Return a transaction that is in a block."""
        return await self._happenings.transaction(transaction_hash)

    async def transactions(self, height: Height) -> tuple[IncludedTransaction, ...]:
        """Return the transactions of the block at `height`, those that failed included."""
        return await self._happenings.transactions(height)

    async def events(self, height: Height) -> tuple[ChainEvent, ...]:
        """Return all that happened in the block at `height`.

        Where no node keeps the state of that height any more, the change of the supply is left out, and
        a claim that was discarded, and cannot be read, is told of as worth 0.
        """
        return await self._happenings.events(height)


@asynccontextmanager
async def open_chain(
    grpc_urls: Sequence[str], rpc_urls: Sequence[str], settings: Settings
) -> AsyncIterator[ShannonChain]:
    """Open a network. See `joey.adapters.chains.shannon.open_shannon_chain`."""
    async with open_connection(
        grpc_urls,
        rpc_urls,
        chain_id=settings.chain_id,
        request_timeout_s=settings.request_timeout_s,
        ca_file=settings.ca_file,
    ) as connection:
        chain = ShannonChain(connection, settings)
        try:
            async with anyio.create_task_group() as tasks:
                await tasks.start(chain.watcher.run)
                yield chain
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            # Whoever opens a chain meets its errors, and their own, as they are.
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise
