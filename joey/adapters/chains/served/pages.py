"""Lists in pages, as the network cuts them.

A page holds 100 items unless `limit` says otherwise, and then tells the total too. `next_key` is the
key of the first item of the next page, whichever way the list is walked. Source: cosmos-sdk
types/query/pagination.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from joey.adapters.chains.served.snapshot import refuse_argument
from joey.core.wire.proto import pagination_pb2

__all__ = ["cut_page"]

T = TypeVar("T")

_LIMIT_DEFAULT = 100


def cut_page(
    rows: Iterable[tuple[str, T]], request: pagination_pb2.PageRequest
) -> tuple[list[T], pagination_pb2.PageResponse]:
    """Return one page of rows that ascend by key, and where the next begins.

    Raises `QueryRefused` for a request with both a key and an offset.
    """
    if request.key and request.offset:
        raise refuse_argument("paginate: invalid request, either offset or key is expected, got both")
    keyed = [(key.encode(), row) for key, row in rows]
    total = len(keyed)
    if request.reverse:
        keyed.reverse()
    if request.key:
        keyed = [
            one for one in keyed if (one[0] <= request.key if request.reverse else one[0] >= request.key)
        ]
    count_total = (request.count_total or not request.limit) and not request.key
    end = request.offset + (request.limit or _LIMIT_DEFAULT)
    page = keyed[request.offset : end]
    answer = pagination_pb2.PageResponse(total=total if count_total else 0)
    if end < len(keyed):
        answer.next_key = keyed[end][0]
    return [row for _, row in page], answer
