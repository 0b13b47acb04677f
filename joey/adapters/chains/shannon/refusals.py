"""Why the network refused a transaction, from what it says, for programs to read.

The registered code of a Pocket handler is lost on the way (all of them arrive as codespace
"undefined", code 1), and a simulation tells no code at all: the text is what there is.
Sources: cosmos-sdk types/errors/errors.go; poktroll x/proof/types/errors.go, x/proof/keeper/session.go.
"""

from __future__ import annotations

import re
from typing import Final

from joey.core.errors import TransactionRejected
from joey.core.units import Height

__all__ = [
    "ALREADY_KNOWN",
    "MEMPOOL_FULL",
    "WRONG_SEQUENCE",
    "make_rejection",
    "read_expected_sequence",
    "read_registered",
]

ALREADY_KNOWN: Final = ("sdk", 19)
"""The node has these very bytes in its mempool, or had them not long ago."""

MEMPOOL_FULL: Final = ("sdk", 20)
"""The node takes no transactions at the moment."""

WRONG_SEQUENCE: Final = ("sdk", 32)
"""The transaction was signed with another sequence than is due."""

UNDEFINED: Final = ("undefined", 1)

_REGISTERED: Final = (
    ("tx parse error", 2),
    ("invalid sequence", 3),
    ("unauthorized", 4),
    ("insufficient funds", 5),
    ("unknown request", 6),
    ("invalid address", 7),
    ("invalid pubkey", 8),
    ("unknown address", 9),
    ("invalid coins", 10),
    ("out of gas", 11),
    ("memo too large", 12),
    ("insufficient fee", 13),
    ("maximum number of signatures exceeded", 14),
    ("no signatures supplied", 15),
    ("invalid request", 18),
    ("tx already in mempool", 19),
    ("mempool is full", 20),
    ("tx too large", 21),
    ("tx timeout height", 30),
    ("incorrect account sequence", 32),
)

_REASONS: Final = (
    (
        "claim_window",
        re.compile(
            r"claim window (open|close) height|earliest claim commit height|outside of .*claim window", re.I
        ),
    ),
    (
        "proof_window",
        re.compile(
            r"proof window (open|close) height|earliest proof commit height|outside of .*proof window", re.I
        ),
    ),
    ("proof_not_required", re.compile(r"proof not required|proof is not required", re.I)),
    (
        "insufficient_funds",
        re.compile(r"insufficient (funds|fee)|is smaller than|not enough (funds|balance)", re.I),
    ),
    ("wrong_sequence", re.compile(r"account sequence mismatch|incorrect account sequence", re.I)),
)

_EXPECTED: Final = re.compile(r"sequence mismatch, expected (\d{1,20}), got \d", re.I)
_GAS_NOTE: Final = re.compile(r"(:? \[[^\]]*@v[^\]]*\])? with gas used: '\d+'.*$", re.S)


def make_rejection(
    log: str, codespace: str, code: int, *, transaction_hash: str = "", height: Height | None = None
) -> TransactionRejected:
    """Return the error of a refusal.

    Fields: `codespace` and `tx_code`; `log` as it came; `reason`, one of `claim_window`,
    `proof_window`, `proof_not_required`, `insufficient_funds`, `wrong_sequence` and "" for all else;
    `hash`, and `height` when the transaction is in a block, where it has paid its fee.
    """
    reason = next((name for name, pattern in _REASONS if pattern.search(log)), "")
    return TransactionRejected(
        log or f"the network refuses the transaction: {codespace} {code}",
        codespace=codespace,
        tx_code=code,
        log=log,
        reason=reason,
        hash=transaction_hash,
        height=height,
    )


def read_registered(text: str) -> tuple[str, int]:
    """Return codespace and code of the registered error that a simulation's text ends in."""
    text = _GAS_NOTE.sub("", text).strip().lower()
    return next((("sdk", code) for ending, code in _REGISTERED if text.endswith(ending)), UNDEFINED)


def read_expected_sequence(log: str) -> int | None:
    """Return the sequence that a node expects, where it says so."""
    match = _EXPECTED.search(log)
    return None if match is None else int(match[1])
