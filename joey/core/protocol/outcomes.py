"""What became of a transaction that is in a block, in the terms in which the network tells it.

A message that fails makes its transaction fail: code not zero, the fee paid, the sequence used, and
nothing else done. Within this process a refusal keeps the codespace and code that the network's module
registers; on the wire they are lost for pocket's own messages, whose handlers answer with a gRPC
status: codespace `undefined`, code 1, and the reason in the log. Cosmos messages keep theirs.
Which status goes with which refusal is known for those named below, from the handlers; the others,
by far the most, are `InvalidArgument`.
Source: cosmos-sdk baseapp/baseapp.go (runMsgs), cosmossdk.io/errors (ABCIInfo); poktroll
x/*/keeper/msg_server_*.go.
"""

from __future__ import annotations

from dataclasses import dataclass

from joey.core.errors import TransactionRejected
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.fees import OUT_OF_GAS
from joey.core.wire.messages import Message, Send

__all__ = ["PANIC", "TransactionOutcome", "describe_bug", "describe_failure"]

PANIC = ("sdk", 111222)
"""Codespace and code of what went wrong without being refused. Source: cosmossdk.io/errors, ErrPanic."""

_UNDEFINED = ("undefined", 1)
"""Codespace and code of an error that no module has registered."""
_INVALID_SIGNER = 1100

_STATUS = {
    ("application", 1104): "NotFound",
    ("application", 1112): "FailedPrecondition",
    ("application", 1113): "FailedPrecondition",
    ("application", 1114): "FailedPrecondition",
    ("gateway", 1104): "NotFound",
    ("gateway", 1107): "FailedPrecondition",
    ("service", 1117): "NotFound",
    ("service", 1118): "PermissionDenied",
    ("supplier", 1103): "NotFound",
    ("supplier", 1105): "FailedPrecondition",
}


@dataclass(frozen=True, slots=True)
class TransactionOutcome:
    """A transaction's result. `code` 0: it took effect; otherwise `refusal` is why not.

    `codespace`, `code` and `log` are the network's words; `refusal` has the codespace and code that the
    module registers. `gas_wanted` is the limit that the transaction named. `bug` is what a handler
    raised that is no refusal: a mistake of ours, for the log of whoever makes the block.
    """

    code: int
    codespace: str
    log: str
    gas_wanted: int
    gas_used: int
    events: tuple[ChainEvent, ...] = ()
    refusal: TransactionRejected | None = None
    bug: Exception | None = None


def describe_bug(error: Exception, gas_wanted: int, gas_used: int) -> TransactionOutcome:
    """Return the outcome of a transaction whose message raised what is no refusal.

    The text names the error's kind only: it is part of the block, and the same on every machine.
    """
    codespace, code = PANIC
    text = f"recovered: {type(error).__name__}"
    refusal = TransactionRejected(text, codespace=codespace, tx_code=code)
    return TransactionOutcome(code, codespace, text, gas_wanted, gas_used, refusal=refusal, bug=error)


def describe_failure(refusal: TransactionRejected, message: Message, index: int) -> tuple[str, int, str]:
    """Return codespace, code and log of a transaction whose message at `index` was refused."""
    codespace, code = str(refusal.fields["codespace"]), int(str(refusal.fields["tx_code"]))
    if (codespace, code) == OUT_OF_GAS:
        # Gas is counted by the machinery around the messages, which does not name them.
        return codespace, code, refusal.message
    where = f"failed to execute message; message index: {index}: "
    if isinstance(message, Send):
        return codespace, code, where + refusal.message
    status = _find_status(codespace, code)
    return *_UNDEFINED, f"{where}rpc error: code = {status} desc = {refusal.message}"


def _find_status(codespace: str, code: int) -> str:
    if code == _INVALID_SIGNER:
        return "PermissionDenied"
    fallback = "FailedPrecondition" if codespace == "proof" else "InvalidArgument"
    return _STATUS.get((codespace, code), fallback)
