"""One attempt at one supplier, as a value that nobody can change."""

from __future__ import annotations

from dataclasses import dataclass

from joey.core.errors import JoeyError

__all__ = ["RelayOutcome"]


@dataclass(frozen=True, slots=True)
class RelayOutcome:
    """What came of one attempt. Never holds a prompt or an answer.

    `fault` is `None` for an answer that was received and verified, whatever its HTTP `status`.
    Times are seconds: `started` on the event loop's clock, the others since `started`;
    `first_byte_s` is `None` when no byte came. `relay_hash` names the leaf, when there is one.
    """

    supplier_address: str
    service_id: str
    session_id: str
    started: float
    first_byte_s: float | None
    duration_s: float
    bytes_in: int
    bytes_out: int
    status: int | None
    fault: JoeyError | None
    relay_hash: bytes | None
