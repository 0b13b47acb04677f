"""What the roles keep, as protocols: the node's evidence, the portal's counts, the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from joey.core.ledger.agreements import AgreedPrice
from joey.core.ledger.invoices import Fixing, Invoice
from joey.core.ledger.journal import Entry
from joey.core.units import ComputeUnits, Height
from joey.core.wire.session import SessionHeader
from joey.ports.chain import TransactionTerms

__all__ = [
    "ClaimRecord",
    "Claims",
    "Invoices",
    "Journal",
    "LoggedRelay",
    "LoggedSession",
    "Prices",
    "RelayLog",
    "Tenant",
    "Tenants",
    "Usage",
    "UsageCount",
]


@dataclass(frozen=True, slots=True)
class LoggedRelay:
    """Evidence of one served relay: the leaf's value (`relay_bytes`, without the answer) and its hash."""

    relay_hash: bytes
    relay_bytes: bytes


@dataclass(frozen=True, slots=True)
class LoggedSession:
    """A session in which a supplier of this node has served, and how many relays are in the log."""

    header: SessionHeader
    supplier_address: str
    relays: int


class RelayLog(Protocol):
    """The append-only evidence of a node."""

    async def append(self, header: SessionHeader, supplier_address: str, relay: LoggedRelay) -> None:
        """Keep one relay. Returns when it would survive a power cut; appending it again changes nothing."""
        ...

    async def sessions(self) -> Sequence[LoggedSession]:
        """List what is in the log, oldest session first."""
        ...

    async def relays(self, session_id: str, supplier_address: str) -> Sequence[LoggedRelay]:
        """Return the relays of one session in the order they were served."""
        ...

    async def hashes(self, session_id: str, supplier_address: str) -> Sequence[bytes]:
        """Return the relay hashes of one session in the order they were served."""
        ...

    async def values(
        self, session_id: str, supplier_address: str, hashes: Sequence[bytes]
    ) -> Sequence[bytes]:
        """Return the bytes of relays of one session, by their hashes and in that order.

        Raises `OSError` when one is not there.
        """
        ...

    async def forget(self, session_id: str, supplier_address: str) -> None:
        """Drop a session once it is settled, or can never be."""
        ...


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """A claim this node has decided on.

    `state` is one of `due`, `claimed`, `proving`, `proved`, `settled`, `lost` and `unknown` (both with
    the reason in `note`). `tx_hash` and `proof_tx_hash` are empty until the chain has the claim and its
    proof; until then `height` and `proof_height` are the newest there was when it was to be sent, and from
    then on those of their blocks. `relays` are those that count, the first ones of the log.

    `terms` are those of the transaction that is on its way, or may be: of the claim while it is `due`, of
    the proof while it is `proving`. `None`: nothing was sent of which the end is not known.
    """

    header: SessionHeader
    supplier_address: str
    root: bytes
    relays: int
    compute_units: ComputeUnits
    state: str
    tx_hash: str = ""
    height: Height = Height(0)
    note: str = ""
    proof_tx_hash: str = ""
    proof_height: Height = Height(0)
    terms: TransactionTerms | None = None


class Claims(Protocol):
    """What a node has claimed."""

    async def save(self, record: ClaimRecord) -> None:
        """Insert or replace the record of a (session, supplier); durable on return."""
        ...

    async def get(self, session_id: str, supplier_address: str) -> ClaimRecord | None:
        """Return one record."""
        ...

    async def all(self) -> Sequence[ClaimRecord]:
        """Return all records, oldest session first."""
        ...


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer of a portal, as an API key shows it."""

    name: str
    operator: str


class Tenants(Protocol):
    """Who may call a portal. Keys are kept as SHA-256 only."""

    async def find(self, key_hash: bytes) -> Tenant | None:
        """Return the tenant of an API key, by the SHA-256 of the key's UTF-8 text."""
        ...

    async def add(self, tenant: Tenant, key_hash: bytes) -> None:
        """Give a tenant a key."""
        ...


@dataclass(frozen=True, slots=True)
class UsageCount:
    """What one call adds: never a prompt, never an answer."""

    tenant: str
    service_id: str
    day: str
    relays: int
    failed: int
    bytes_in: int
    bytes_out: int


class Usage(Protocol):
    """Counts per tenant, service and UTC day."""

    async def record(self, counts: Iterable[UsageCount]) -> None:
        """Add counts; durable on return."""
        ...

    async def totals(self) -> Sequence[UsageCount]:
        """Return the sums, by tenant, service and day."""
        ...


class Journal(Protocol):
    """The books: entries are only ever added."""

    async def append(self, entries: Sequence[Entry], *, height: Height | None = None) -> int:
        """Add entries and, in the same transaction, remember the chain height they reach to.

        An entry whose id is known and whose content is equal is passed over; a known id with
        other content raises `InvariantBroken`. Returns how many were new.
        """
        ...

    async def entries(self, *, since_id: int = 0) -> Sequence[Entry]:
        """Return entries in the order they were added, but for the first `since_id` of them."""
        ...

    async def height(self) -> Height:
        """Return the chain height up to which events are booked (0: none)."""
        ...


class Invoices(Protocol):
    """Weekly rates and what was invoiced by them: written once each."""

    async def save_fixing(self, fixing: Fixing) -> Fixing:
        """Keep a week's rate and return the one in force: the first ever saved for the week."""
        ...

    async def fixing(self, week: str) -> Fixing | None:
        """Return the rate of a week such as `2026-W47`."""
        ...

    async def save_invoice(self, invoice: Invoice) -> None:
        """Keep an invoice and, in the same transaction, add the entries that `book_invoice` makes of it.

        Raises `InvariantBroken` when its number, or a settlement on it, was invoiced before.
        """
        ...

    async def invoices(self) -> Sequence[Invoice]:
        """Return all invoices, oldest first."""
        ...


class Prices(Protocol):
    """What was agreed for a relay, by service and session start height: written once each."""

    async def save_price(self, price: AgreedPrice) -> None:
        """Keep what holds for a service from a height on. Saving it again changes nothing.

        Raises `InvariantBroken` when another price is kept for that service and height.
        """
        ...

    async def price_at(self, service_id: str, height: Height) -> AgreedPrice | None:
        """Return the price of a service for sessions that start at `height`: the newest at or below it."""
        ...
