"""Asking full nodes for a value: whole lists, and errors as the port has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from google.protobuf.message import Message

from joey.adapters.chains.shannon.connection import Connection
from joey.adapters.chains.shannon.failover import RequestRefused
from joey.core.errors import ChainUnavailable
from joey.core.units import Height
from joey.core.wire.proto import pagination_pb2

__all__ = ["Asker", "make_unavailable", "read_answer"]

ResponseType = TypeVar("ResponseType", bound=Message)
WireType = TypeVar("WireType", bound=Message)
ValueType = TypeVar("ValueType")

_HEAD: Final = Height(0)
_PAGE: Final = 1000


class Asker:
    """Every method raises `ChainUnavailable`; heights are as `joey.ports.chain` says."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def ask(
        self, path: str, request: Message, response_type: type[ResponseType], height: Height = _HEAD
    ) -> ResponseType | None:
        """Return one answer; `None` for what does not exist at that height."""
        try:
            return await self._connection.query(path, request, response_type, height=height)
        except RequestRefused as error:
            raise make_unavailable(error) from None

    async def ask_pages(
        self,
        path: str,
        make_request: Callable[[pagination_pb2.PageRequest], Message],
        response_type: type[ResponseType],
        read_next: Callable[[ResponseType], bytes],
        height: Height,
    ) -> Sequence[ResponseType]:
        """Return all pages of a list, all from one height."""
        if not height:
            height = (await self._connection.read_head()).height
        pages: list[ResponseType] = []
        key = b""
        while True:
            request = make_request(pagination_pb2.PageRequest(key=key, limit=_PAGE))
            page = await self.ask(path, request, response_type, height)
            if page is None:
                return pages
            pages.append(page)
            key = read_next(page)
            if not key:
                return pages


def make_unavailable(error: RequestRefused) -> ChainUnavailable:
    """Return the port's error for a question that a node will not answer."""
    return ChainUnavailable(f"the full node refuses: {error}", status=error.status)


def read_answer(read: Callable[[WireType], ValueType], wire: WireType) -> ValueType:
    """Return what a reader makes of an answer; one that it cannot read is no answer."""
    try:
        return read(wire)
    except ValueError as error:
        raise ChainUnavailable(f"a full node answers what cannot be: {error}") from None
