"""What a chain knows, as typed tables with drafts on top.

A draft reads through to the state below it and keeps its own writes until they are folded in or
dropped; so a message that fails, a transaction, and a block that cannot be written to disk leave
nothing behind. Rows are frozen values; keys are text. Every walk over a table is in the order of
its keys, so that nothing depends on the order in which rows were written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final, Generic, TypeVar, get_args, get_type_hints

from joey.core.protocol.claims import Claim
from joey.core.protocol.params import NetworkParams, SessionParams
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.session import Application, Gateway, Service, SessionHeader, Supplier

__all__ = [
    "Stamp",
    "State",
    "Table",
    "Account",
    "ApplicationServices",
    "Authority",
    "BlockHash",
    "ComputeUnitsHistory",
    "Difficulty",
    "DifficultyHistory",
    "ServicePeriod",
    "SubmittedProof",
    "Totals",
    "UnorderedNonce",
    "Validator",
    "claim_key",
    "height_key",
    "nonce_key",
]

V = TypeVar("V")

Stamp = tuple[object, ...]
"""What a table holds, without looking at it: equal stamps, equal rows. See `Table.stamp`."""


@dataclass(frozen=True, slots=True)
class Account:
    """What an address holds. `public_key` is `None` until the account has signed.

    `number` and `sequence` go into every signature: the account's and how many it has made.
    """

    number: int
    balance: Upokt = Upokt(0)
    sequence: int = 0
    public_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Validator:
    """A bonded validator: shares in the proposer's part of every claim, by stake."""

    address: str
    stake: Upokt


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the tables: all upokt there is, and how many accounts there are."""

    supply: Upokt
    accounts: int


@dataclass(frozen=True, slots=True)
class ServicePeriod:
    """From which height an application is staked for a service, and up to which (0: it still is)."""

    service_id: str
    height_activation: Height
    height_deactivation: Height


@dataclass(frozen=True, slots=True)
class ApplicationServices:
    """The services of an application that changed its service; without a change there is no row."""

    periods: tuple[ServicePeriod, ...]


@dataclass(frozen=True, slots=True)
class ComputeUnitsHistory:
    """A service's compute units per relay, each from a height on, oldest first."""

    changes: tuple[tuple[Height, ComputeUnits], ...]


@dataclass(frozen=True, slots=True)
class Difficulty:
    """A service's target from a height on, and the average of mined relays that led to it."""

    height: Height
    target: bytes
    num_relays_ema: int


@dataclass(frozen=True, slots=True)
class DifficultyHistory:
    """A service's targets, oldest first."""

    changes: tuple[Difficulty, ...]


@dataclass(frozen=True, slots=True)
class BlockHash:
    """The hash of a session's first block: the seed of its id and of its draw."""

    hash: bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """The account that may change parameters."""

    address: str


@dataclass(frozen=True, slots=True)
class UnorderedNonce:
    """The height of the block that used up an unordered transaction's nonce."""

    height: Height


@dataclass(frozen=True, slots=True)
class SubmittedProof:
    """A proof that came in with this block and is checked at its end. `proof` is a gob stream."""

    supplier_address: str
    header: SessionHeader
    proof: bytes


class Table(Generic[V]):
    """Rows by key, over the rows of the table below it, if any."""

    __slots__ = ("_below", "_rows", "_written")

    def __init__(self, below: Table[V] | None = None) -> None:
        self._below: Final = below
        self._rows: dict[str, V | None] = {}
        self._written = object()

    @property
    def stamp(self) -> Stamp:
        """What is another one after every write, here or below, and never comes again.

        Two tables of equal stamps hold the same rows; of different ones, they may or may not.
        """
        if self._below is None:
            return (self._written,)
        return (self._written, *self._below.stamp) if self._rows else self._below.stamp

    def get(self, key: str) -> V | None:
        """Return a row."""
        row = self._rows.get(key)
        if row is not None or self._below is None or key in self._rows:
            return row
        return self._below.get(key)

    def put(self, key: str, row: V) -> None:
        """Insert or replace a row."""
        self._rows[key] = row
        self._written = object()

    def remove(self, key: str) -> None:
        """Drop a row."""
        if self._below is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = None
        self._written = object()

    def items(self) -> Iterator[tuple[str, V]]:
        """Walk over all rows by ascending key, as they are when the walk begins.

        The table may be changed meanwhile, but the walk does not see it: who changes other rows than
        the one that is at hand must ask for each anew.
        """
        rows = self._collect()
        for key in sorted(rows):
            row = rows[key]
            if row is not None:
                yield key, row

    def changes(self) -> list[tuple[str, V | None]]:
        """Return what was written here and not below, by ascending key; `None` is a row dropped."""
        return sorted(self._rows.items(), key=lambda item: item[0])

    def fold(self) -> None:
        """Write all changes to the table below and forget them here."""
        assert self._below is not None, "only a draft can be folded"
        if self._below._below is None:
            for key, row in self._rows.items():
                if row is None:
                    self._below.remove(key)
                else:
                    self._below.put(key, row)
        elif self._rows:
            self._below._rows.update(self._rows)
            self._below._written = object()
        self._rows = {}

    def flatten(self) -> Table[V]:
        """Return a table over nothing with the rows of this draft and of all below it.

        What has no change is not copied: the table below is then returned itself.
        """
        if self._below is None:
            return self
        below = self._below.flatten()
        if not self._rows:
            return below
        flat: Table[V] = Table()
        flat._rows = dict(below._rows)
        for key, row in self._rows.items():
            if row is None:
                flat._rows.pop(key, None)
            else:
                flat._rows[key] = row
        return flat

    def _collect(self) -> dict[str, V | None]:
        if self._below is None:
            return dict(self._rows)
        return self._below._collect() | self._rows if self._rows else self._below._collect()


@dataclass(frozen=True, slots=True)
class State:
    """All tables of a chain. The keys are addresses and ids, but where said otherwise."""

    totals: Table[Totals]  # one row, with an empty key
    accounts: Table[Account]
    validators: Table[Validator]
    applications: Table[Application]
    application_services: Table[ApplicationServices]
    gateways: Table[Gateway]
    suppliers: Table[Supplier]  # `services` is left empty: `config_history` has them all
    services: Table[Service]
    compute_units: Table[ComputeUnitsHistory]
    difficulties: Table[DifficultyHistory]
    claims: Table[Claim]  # by `claim_key`
    proofs: Table[SubmittedProof]  # by `claim_key`; empty between blocks
    params: Table[NetworkParams]  # by `height_key` of the height from which `shared` of it holds
    session_params: Table[SessionParams]  # by `height_key` of the height from which they hold
    live_params: Table[NetworkParams]  # one row, with an empty key; see `queries.live_params`
    block_hashes: Table[BlockHash]  # by `height_key`
    unordered: Table[UnorderedNonce]  # by `nonce_key`
    authority: Table[Authority]  # one row, with an empty key; without it, the network's

    @classmethod
    def empty(cls) -> State:
        """Return a state without a row."""
        return cls(**{field.name: Table() for field in fields(cls)})

    def draft(self) -> State:
        """Return a state over this one, whose changes can be folded into it."""
        return State(**{name: Table(table) for name, table in self.tables()})

    def fold(self) -> None:
        """Write a draft's changes to the state below."""
        for _, table in self.tables():
            table.fold()

    def flatten(self) -> State:
        """Return a state over nothing with what this draft shows; tables without a change are shared."""
        return State(**{name: table.flatten() for name, table in self.tables()})

    def tables(self) -> list[tuple[str, Table[Any]]]:
        """Return every table with its name."""
        return [(field.name, getattr(self, field.name)) for field in fields(self)]

    def changes(self) -> list[tuple[str, str, object | None]]:
        """Return (table, key, row or `None`) for all that a draft changed, in a fixed order."""
        return [(name, key, row) for name, table in self.tables() for key, row in table.changes()]

    @classmethod
    def row_types(cls) -> dict[str, type]:
        """Return what each table is made of."""
        return {name: get_args(hint)[0] for name, hint in get_type_hints(cls).items()}


def claim_key(session_id: str, supplier_address: str) -> str:
    """Return the key of a claim: there is one per session and supplier."""
    return f"{session_id}/{supplier_address}"


def height_key(height: int) -> str:
    """Return a key whose order is that of heights."""
    return f"{height:020d}"


def nonce_key(timeout_nanoseconds: int, address: str) -> str:
    """Return the key of an unordered nonce: its order is that of the timeouts."""
    return f"{timeout_nanoseconds:020d}/{address}"
