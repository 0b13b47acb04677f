"""Every error: who is at fault, whether to try again, and how each audience is told.

A class says whose fault it is. It carries `code` (stable, lower-case, dotted), `http_status`,
`retry` (may another supplier, or a later try, succeed) and `signal` (what a gateway's reputation
makes of it). Context travels in keyword fields, never only in the text, so that programs can read
it: `SessionExpired("...", session_id=..., height=...)`.

Prompts and answers must never be put into a message or a field.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import ClassVar

__all__ = [
    "JoeyError",
    "ClientError",
    "InvalidRequest",
    "LimitExceeded",
    "UnknownModel",
    "NotAuthenticated",
    "QuotaExceeded",
    "NotFound",
    "MethodNotAllowed",
    "RequestTooLarge",
    "SupplierError",
    "Unreachable",
    "DeadlineExceeded",
    "EngineFailed",
    "ProtocolViolation",
    "BadSupplierSignature",
    "WrongSession",
    "PayloadHashMismatch",
    "Malformed",
    "Rejection",
    "SessionUnknown",
    "SessionExpired",
    "NotOffered",
    "StakeExhausted",
    "BadRing",
    "Busy",
    "OverLimit",
    "BadRelay",
    "ChainError",
    "ChainUnavailable",
    "TransactionRejected",
    "WindowClosed",
    "InsufficientFunds",
    "NotOnChain",
    "LedgerError",
    "UnbalancedEntry",
    "MissingFixing",
    "SupplyMismatch",
    "ConfigError",
    "InvariantBroken",
    "NoSupplierLeft",
    "RELAY_MINER_ERRORS",
    "Signal",
    "read_rejection",
    "walk_errors",
]


class Signal(Enum):
    """What an outcome says about a supplier; `joey.core.reputation` turns it into a score."""

    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    FATAL = "fatal"


class JoeyError(Exception):
    """The root. `fields` holds the context by name; `str()` is one clear line for a person."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    retry: ClassVar[bool] = False
    signal: ClassVar[Signal] = Signal.NONE
    exit_code: ClassVar[int] = 1
    openai_type: ClassVar[str] = "server_error"
    openai_code: ClassVar[str | None] = None

    def __init__(self, message: str, **fields: object) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class ClientError(JoeyError):
    """The caller must change something: no retry, no signal."""

    code = "client"
    http_status = 400
    openai_type = "invalid_request_error"


class InvalidRequest(ClientError):
    """The request cannot be read. Field `param` names the member at fault."""

    code = "client.invalid_request"


class LimitExceeded(ClientError):
    """The request is larger than the offer admits. Fields `param`, `limit`, `actual`."""

    code = "client.limit_exceeded"
    openai_code = "context_length_exceeded"


class RequestTooLarge(ClientError):
    """The body or the head has more bytes than the server reads."""

    code = "client.request_too_large"
    http_status = 413
    openai_code = "request_too_large"


class UnknownModel(ClientError):
    """No offer answers to this model name."""

    code = "client.unknown_model"
    http_status = 404
    openai_code = "model_not_found"


class NotFound(ClientError):
    """No such path."""

    code = "client.not_found"
    http_status = 404


class MethodNotAllowed(ClientError):
    """The path exists, the method does not."""

    code = "client.method_not_allowed"
    http_status = 405


class NotAuthenticated(ClientError):
    """The API key is missing or unknown."""

    code = "client.not_authenticated"
    http_status = 401
    openai_code = "invalid_api_key"


class QuotaExceeded(ClientError):
    """The tenant's quota is used up."""

    code = "client.quota_exceeded"
    http_status = 429
    openai_type = "insufficient_quota"
    openai_code = "insufficient_quota"


class SupplierError(JoeyError):
    """The supplier failed: another one may not."""

    code = "supplier"
    http_status = 502
    retry = True
    signal = Signal.MAJOR


class Unreachable(SupplierError):
    """No connection, or it broke."""

    code = "supplier.unreachable"


class DeadlineExceeded(SupplierError):
    """No answer in time."""

    code = "supplier.deadline_exceeded"
    http_status = 504


class EngineFailed(SupplierError):
    """The supplier's engine failed or broke off."""

    code = "supplier.engine_failed"


class ProtocolViolation(SupplierError):
    """The answer breaks the protocol: nothing in it may be trusted."""

    code = "supplier.protocol_violation"
    signal = Signal.FATAL


class BadSupplierSignature(ProtocolViolation):
    """The signature is not the supplier's over these bytes."""

    code = "supplier.bad_signature"


class WrongSession(ProtocolViolation):
    """The answer names another session than the request."""

    code = "supplier.wrong_session"


class PayloadHashMismatch(ProtocolViolation):
    """The signed hash is not that of the payload."""

    code = "supplier.payload_hash_mismatch"


class Malformed(ProtocolViolation):
    """The bytes cannot be decoded."""

    code = "supplier.malformed"


class Rejection(JoeyError):
    """A node declined a relay before doing the work."""

    code = "rejection"
    http_status = 403


class BadRelay(Rejection):
    """The relay request cannot be decoded or lacks a field."""

    code = "rejection.bad_relay"
    http_status = 400


class SessionUnknown(Rejection):
    """The header names no session of ours, or one in which we do not serve."""

    code = "rejection.session_unknown"
    retry = True


class SessionExpired(Rejection):
    """The session and its grace period are over."""

    code = "rejection.session_expired"
    retry = True


class NotOffered(Rejection):
    """This node does not serve the service."""

    code = "rejection.not_offered"
    http_status = 404
    retry = True
    signal = Signal.MINOR


class StakeExhausted(Rejection):
    """The application cannot pay this supplier for more in this session."""

    code = "rejection.stake_exhausted"
    http_status = 429
    retry = True


class BadRing(Rejection):
    """The ring signature is not one of the application's ring over these bytes."""

    code = "rejection.bad_ring"


class OverLimit(Rejection):
    """The request is larger than the offer admits, seen by the node."""

    code = "rejection.over_limit"
    http_status = 400


class Busy(Rejection):
    """All slots and the queue are full."""

    code = "rejection.busy"
    http_status = 503
    retry = True
    signal = Signal.MINOR


class ChainError(JoeyError):
    """The full node, or the window: later it may work."""

    code = "chain"
    http_status = 503
    retry = True


class ChainUnavailable(ChainError):
    """The chain does not answer."""

    code = "chain.unavailable"


class TransactionRejected(ChainError):
    """The chain refused a transaction. Fields `codespace`, `tx_code`."""

    code = "chain.transaction_rejected"
    retry = False


class WindowClosed(ChainError):
    """The block in which this was due has passed."""

    code = "chain.window_closed"
    retry = False


class InsufficientFunds(ChainError):
    """An account holds less than it was asked to give."""

    code = "chain.insufficient_funds"
    retry = False


class NotOnChain(ChainError):
    """What was asked for is not on the chain at that height."""

    code = "chain.not_found"
    http_status = 404
    retry = False


class LedgerError(JoeyError):
    """The books refuse: stop and tell a person."""

    code = "ledger"


class UnbalancedEntry(LedgerError):
    """The postings of an entry do not sum to zero in every unit."""

    code = "ledger.unbalanced_entry"


class MissingFixing(LedgerError):
    """No rate was fixed for the week."""

    code = "ledger.missing_fixing"


class SupplyMismatch(LedgerError):
    """Minted and burned, or books and chain, do not agree."""

    code = "ledger.supply_mismatch"


class ConfigError(JoeyError):
    """The operator must change something: one line, exit status 2."""

    code = "config"
    exit_code = 2


class NoSupplierLeft(JoeyError):
    """Every attempt of the plan failed, or the session has no supplier. `fields["causes"]`: codes."""

    code = "gateway.no_supplier_left"
    http_status = 503
    retry = True
    openai_code = "no_supplier_left"


class InvariantBroken(JoeyError):
    """Our bug: stop this role and keep the evidence."""

    code = "invariant_broken"
    exit_code = 70


RELAY_MINER_ERRORS: dict[type[Rejection] | type[SupplierError], tuple[str, int]] = {
    Rejection: ("undefined", 0),
    BadRelay: ("relayer_proxy", 14),
    SessionUnknown: ("relayer_proxy", 6),
    SessionExpired: ("relayer_proxy", 1),
    NotOffered: ("relayer_proxy", 3),
    StakeExhausted: ("relayer_proxy", 7),
    BadRing: ("rings", 3),
    OverLimit: ("relayer_proxy", 13),
    Busy: ("relayer_proxy", 7),
    SupplierError: ("relayer_proxy", 5),
    Unreachable: ("relayer_proxy", 9),
    DeadlineExceeded: ("relayer_proxy", 10),
    EngineFailed: ("relayer_proxy", 5),
    ProtocolViolation: ("relay_authenticator", 5),
    BadSupplierSignature: ("relay_authenticator", 5),
    WrongSession: ("relay_authenticator", 1),
    PayloadHashMismatch: ("relay_authenticator", 5),
    Malformed: ("relayer_proxy", 14),
}
"""Class to (codespace, code) of the network's `RelayMinerError`.

Two of our classes may share a pair of theirs; `description` then carries our own `code`, by which
`read_rejection` rebuilds the class. Source: pocket relayer proxy, authenticator and rings errors.
"""


def walk_errors() -> Iterator[type[JoeyError]]:
    """Yield every class of the tree once, root first."""
    waiting: list[type[JoeyError]] = [JoeyError]
    while waiting:
        cls = waiting.pop()
        yield cls
        waiting.extend(cls.__subclasses__())


_BY_CODE = {cls.code: cls for cls in RELAY_MINER_ERRORS}


def read_rejection(codespace: str, code: int, description: str, message: str) -> Rejection | SupplierError:
    """Rebuild what a node raised from the `RelayMinerError` it sent.

    A node of another make sends no `code` of ours in `description`: its pair is looked up, and an
    unknown pair becomes `EngineFailed`, the mildest fault of the supplier's own.
    """
    cls = _BY_CODE.get(description)
    if cls is None:
        pair = (codespace, code)
        cls = next((c for c, p in RELAY_MINER_ERRORS.items() if p == pair), EngineFailed)
    return cls(message or cls.code, codespace=codespace, relay_miner_code=code)
