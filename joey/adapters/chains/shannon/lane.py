"""The transactions of one signer: which sequence is next, which may still land, which was given up.

A `Sent` transaction has a fate: in a block, or never in one. Both are read from the blocks: a hash
index may lag behind them or be switched off, and what it does not find may be in a block all the same.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import anyio

from joey.core.units import Height
from joey.ports.chain import TransactionTerms

__all__ = ["Lane", "MessageKey", "Sent"]

_ABANDONED_MAX: Final = 1024
_MICROSECOND: Final = timedelta(microseconds=1)
_TIMEOUTS: Final = 30_000_000
"""How many timeouts are drawn from: half a minute of microseconds."""


MessageKey = tuple[tuple[str, bytes], ...]
"""Messages as the network encodes them: type and bytes of each."""


@dataclass(slots=True, eq=False)
class Sent:
    """A signed transaction that a node may have.

    No block up to `looked_through` holds it: at first because it was signed after that block was
    known, later because the blocks were looked through. `was_admitted`: a node has taken it.
    `unanswered`: how many times it was sent to a node that has not said what it did with it.
    `height_included` and `is_dead` are its fate, once known.
    """

    key: MessageKey
    raw: bytes
    hash: str
    terms: TransactionTerms
    looked_through: Height
    was_admitted: bool = False
    unanswered: int = 0
    height_included: Height | None = None
    is_dead: bool = False

    @property
    def sequence(self) -> int | None:
        """What it was signed with; `None` where it is unordered."""
        return self.terms.sequence if self.terms.timeout_time is None else None

    @property
    def timeout_height(self) -> Height:
        """No block above holds it; 0 for any."""
        return self.terms.timeout_height

    @property
    def timeout_time(self) -> datetime | None:
        """No later block holds it, where it is unordered."""
        return self.terms.timeout_time

    @property
    def is_doubtful(self) -> bool:
        """Whether a node may have it that has not said so."""
        return self.unanswered > 0


@dataclass(slots=True, eq=False)
class Lane:
    """The state of one signer's account as this process knows it.

    `lock` is held from the choice of a sequence until a node has answered, so that transactions reach
    the nodes in the order of their sequences; nobody holds it while waiting for a block.
    `sequence_floor`: what a node expects next, where another process uses the account as well.
    """

    address: str
    account_number: int | None = None
    sequence_committed: int = 0
    sequence_floor: int = 0
    height_resent: Height = Height(0)
    timeout_last: datetime | None = None
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    _pending: dict[str, Sent] = field(default_factory=dict)
    _abandoned: OrderedDict[MessageKey, list[Sent]] = field(default_factory=OrderedDict)

    def choose_sequence(self) -> int:
        """Return the least sequence that no transaction has used, nor one of ours that may land."""
        taken = {sent.sequence for sent in self._pending.values()}
        sequence = max(self.sequence_committed, self.sequence_floor)
        while sequence in taken:
            sequence += 1
        return sequence

    def choose_timeout(self, latest: datetime) -> datetime:
        """Return a time that no other transaction has: it is what tells unordered ones apart.

        No other of this lane, that is, and in all likelihood none of another process with the same key:
        which of many millions of microseconds before `latest` it begins at is drawn by lot.
        """
        wanted = latest - _MICROSECOND * secrets.randbelow(_TIMEOUTS)
        if self.timeout_last is not None and wanted <= self.timeout_last:
            wanted = self.timeout_last + _MICROSECOND
        self.timeout_last = wanted
        return wanted

    def note_account(self, number: int, sequence: int) -> None:
        """Take in what the chain says of the account; it may lag behind what is known here."""
        self.account_number = number
        self.sequence_committed = max(self.sequence_committed, sequence)

    def note_pending(self, sent: Sent) -> None:
        """Count a transaction that a node is about to be sent."""
        self._pending[sent.hash] = sent

    def note_included(self, sent: Sent, height: Height) -> None:
        """A block has it. Whether it has used its sequence only the account can tell."""
        sent.height_included = height
        self._pending.pop(sent.hash, None)

    def note_dead(self, sent: Sent) -> None:
        """No block will ever have it: its sequence is free again, unless another has used it."""
        sent.is_dead = True
        self._pending.pop(sent.hash, None)

    def list_pending(self) -> list[Sent]:
        """Return what may still land, in the order in which nodes must be sent it."""
        return sorted(self._pending.values(), key=lambda sent: sent.sequence or 0)

    def abandon(self, sent: Sent) -> None:
        """Remember a transaction that nobody waits for any more, and that has landed or still may."""
        self._abandoned.setdefault(sent.key, []).append(sent)
        self._abandoned.move_to_end(sent.key)
        while len(self._abandoned) > _ABANDONED_MAX:
            _, forgotten = self._abandoned.popitem(last=False)
            for one in forgotten:
                self._pending.pop(one.hash, None)

    def take_abandoned(self, key: MessageKey) -> Sent | None:
        """Return the oldest abandoned transaction with these very messages, to be waited for again."""
        waiting = self._abandoned.get(key)
        if not waiting:
            return None
        sent = waiting.pop(0)
        if not waiting:
            del self._abandoned[key]
        return sent

    def find(self, key: MessageKey, transaction_hash: str) -> Sent | None:
        """Return a transaction that is known here: one that may still land, or was given up.

        Whoever asks for it waits for it from now on.
        """
        for sent in self._abandoned.get(key, ()):
            if sent.hash == transaction_hash:
                self._abandoned[key].remove(sent)
                if not self._abandoned[key]:
                    del self._abandoned[key]
                return sent
        return self._pending.get(transaction_hash)
