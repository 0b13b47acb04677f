"""Entries and postings: the journal is a set of entries, each of which balances.

An entry moves amounts between accounts at one instant and sums to zero in every unit. POKT and
dollars never stand in one entry: where one is exchanged for the other, two entries name each other
by `link`. A mistake is put right by a further entry; none is ever changed or removed. Two entries
with one id are one entry, whatever order they come in.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from joey.core.errors import UnbalancedEntry
from joey.core.ledger.accounts import Unit
from joey.core.units import Height

__all__ = [
    "Entry",
    "EntryKind",
    "Memo",
    "Posting",
    "compute_balances",
    "decode_entry",
    "encode_entry",
    "make_postings",
]

Memo = tuple[tuple[str, int | str], ...]
"""Facts beside the amounts, as pairs sorted by name."""


class EntryKind(StrEnum):
    """What an entry is about."""

    SETTLEMENT = "settlement"  # a claim was paid
    SALE = "sale"  # what it was worth at the agreed price, linked to the settlement
    EXPIRY = "expiry"  # a claim ended unpaid, perhaps with a slash
    DISCARD = "discard"  # a claim was dropped by the network
    SUPPLY = "supply"  # what the chain says of a block's supply: no postings, kept for the audit
    INVOICE = "invoice"  # dollars due from a portal operator
    RESTORE = "restore"  # the POKT that the invoice is for, linked to it


@dataclass(frozen=True, slots=True)
class Posting:
    """One amount, added to one account."""

    account: str
    unit: Unit
    amount: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One event in the books. `time` is aware, in UTC; `height` is 0 when no block caused it.

    Raises `UnbalancedEntry` when the postings do not sum to zero in every unit, or mix units, and
    `ValueError` for a time without a zone. An entry without postings only keeps a fact.
    """

    id: str
    kind: EntryKind
    time: datetime
    height: Height
    postings: tuple[Posting, ...] = ()
    link: str = ""
    memo: Memo = ()

    def __post_init__(self) -> None:
        if self.time.tzinfo is None:
            raise ValueError(f"entry {self.id}: its time has no zone")
        sums: defaultdict[Unit, int] = defaultdict(int)
        for posting in self.postings:
            sums[posting.unit] += posting.amount
        wrong = {unit.value: amount for unit, amount in sums.items() if amount != 0}
        if wrong:
            raise UnbalancedEntry(
                f"entry {self.id} does not balance: its postings sum to {wrong}", id=self.id, sums=wrong
            )
        if len(sums) > 1:
            raise UnbalancedEntry(f"entry {self.id} mixes POKT and dollars: link two entries", id=self.id)

    def sum_of(self, account: str) -> int:
        """Return what this entry adds to an account."""
        return sum(posting.amount for posting in self.postings if posting.account == account)

    def text(self, name: str) -> str:
        """Return a fact of the memo as text. Raises `KeyError` when there is none of that name."""
        return str(dict(self.memo)[name])

    def number(self, name: str) -> int:
        """Return a fact of the memo as a number. Raises `KeyError` or `ValueError` when it is none."""
        return int(dict(self.memo)[name])


def make_postings(unit: Unit, amounts: Iterable[tuple[str, int]]) -> tuple[Posting, ...]:
    """Return postings in one unit, one per account in order of first mention, none of zero."""
    sums: dict[str, int] = {}
    for account, amount in amounts:
        sums[account] = sums.get(account, 0) + amount
    return tuple(Posting(account, unit, amount) for account, amount in sums.items() if amount != 0)


def compute_balances(entries: Iterable[Entry]) -> Mapping[tuple[str, Unit], int]:
    """Return the balance of every account that was ever posted to, by account and unit."""
    balances: dict[tuple[str, Unit], int] = {}
    for entry in entries:
        for posting in entry.postings:
            key = posting.account, posting.unit
            balances[key] = balances.get(key, 0) + posting.amount
    return balances


def encode_entry(entry: Entry) -> str:
    """Return an entry as canonical JSON (sorted keys, no spaces): equal entries have equal text."""
    return json.dumps(
        {
            "id": entry.id,
            "kind": entry.kind.value,
            "time": entry.time.astimezone(UTC).isoformat(),
            "height": entry.height,
            "link": entry.link,
            "memo": dict(entry.memo),
            "postings": [[p.account, p.unit.value, p.amount] for p in entry.postings],
        },
        sort_keys=True,
        separators=(",", ":"),
    )


def decode_entry(text: str) -> Entry:
    """Return the entry that `encode_entry` wrote. Raises `ValueError` for anything else."""
    try:
        data = json.loads(text)
        return Entry(
            id=data["id"],
            kind=EntryKind(data["kind"]),
            time=datetime.fromisoformat(data["time"]),
            height=Height(data["height"]),
            postings=tuple(
                Posting(account, Unit(unit), amount) for account, unit, amount in data["postings"]
            ),
            link=data["link"],
            memo=tuple(sorted(data["memo"].items())),
        )
    except (KeyError, TypeError, AttributeError) as wrong:
        raise ValueError(f"not an entry of the journal: {wrong}") from None
