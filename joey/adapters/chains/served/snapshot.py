"""What a query is answered from, and how it is refused."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from joey.core.protocol.state import State
from joey.core.units import Height
from joey.ports.chain import Block

__all__ = ["QueryRefused", "Snapshot", "not_found", "refuse_argument"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state after a block. It never changes, so it may be read in any thread."""

    state: State
    block: Block


class QueryRefused(Exception):
    """A query's answer is a gRPC status and a text. Never leaves this package.

    `height`: the state that it was asked of, 0 where it was asked of none.
    """

    def __init__(self, status: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.height = Height(0)


def not_found(text: str) -> QueryRefused:
    """Return the refusal of a thing that is not there."""
    return QueryRefused(grpc.StatusCode.NOT_FOUND, text)


def refuse_argument(text: str) -> QueryRefused:
    """Return the refusal of a request that cannot be right."""
    return QueryRefused(grpc.StatusCode.INVALID_ARGUMENT, text)
