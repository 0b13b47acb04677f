"""Small questions that several messages ask, refused with the network's codes."""

from __future__ import annotations

from joey.core.crypto.keys import is_address
from joey.core.errors import TransactionRejected
from joey.core.protocol.params import SharedParams
from joey.core.protocol.sessions import compute_session_end
from joey.core.units import Height

__all__ = [
    "check_address",
    "compute_next_session_start",
    "compute_unbonding_end",
    "is_chain_address",
    "is_session_end",
    "refuse",
]


def refuse(codespace: str, code: int, text: str) -> TransactionRejected:
    """Return what to raise. `codespace` and `code` are those that the network registers."""
    return TransactionRejected(text, codespace=codespace, tx_code=code)


def is_chain_address(address: str) -> bool:
    """Tell whether a text is an address as the chain writes it: bech32 could be in upper case, too."""
    return address == address.lower() and is_address(address)


def check_address(address: str) -> None:
    """Raise `TransactionRejected` unless the text is an address as the chain writes it, in lower case."""
    if not is_chain_address(address):
        raise refuse("sdk", 7, f"{address!r} is not an address")


def compute_next_session_start(height: Height, shared: SharedParams) -> Height:
    """Return the first height of the session after the one that `height` is in."""
    return Height(compute_session_end(height, shared) + 1)


def is_session_end(height: Height, shared: SharedParams) -> bool:
    """Tell whether a session ends with this height."""
    return compute_session_end(height, shared) == height


def compute_unbonding_end(height_unstaked: Height, period_sessions: int, shared: SharedParams) -> Height:
    """Return the height at whose end a stake is given back.

    `height_unstaked` is the end of the session in which that was asked for, `shared` the live
    parameters of the block that asks: a change of them reaches those who wait.
    """
    return Height(height_unstaked + period_sessions * shared.num_blocks_per_session)
