"""The small parts of the served chain: arguments, queries of subscribers, times, roots, pages."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from joey.adapters.chains.served.blocks import compute_data_hash
from joey.adapters.chains.served.comet_arguments import Arguments, BadArguments
from joey.adapters.chains.served.comet_json import format_time
from joey.adapters.chains.served.comet_subscriptions import Publication, parse_query
from joey.adapters.chains.served.pages import cut_page
from joey.adapters.chains.served.snapshot import QueryRefused
from joey.core.wire.proto import pagination_pb2


@pytest.mark.parametrize(
    ("is_url", "value", "expected"),
    [
        (True, "5", 5),
        (True, '"5"', 5),
        (True, "-5", -5),
        (True, "", None),
        (True, "5.0", BadArguments),
        (True, "0x5", BadArguments),
        (True, "9223372036854775808", BadArguments),
        (False, "5", 5),
        (False, 5, 5),
        (False, None, None),
        (False, True, BadArguments),
        (False, 5.0, BadArguments),
        (False, "", BadArguments),
        (False, [5], BadArguments),
    ],
)
def test_integers(is_url: bool, value: Any, expected: Any) -> None:
    arguments = Arguments({"height": value}, is_url=is_url)
    if expected is BadArguments:
        with pytest.raises(BadArguments, match="height"):
            arguments.integer("height")
    else:
        assert arguments.integer("height") == expected
        assert Arguments({}, is_url=is_url).integer("height") is None


@pytest.mark.parametrize(
    ("is_url", "value", "expected"),
    [
        (True, "0xAbcd", b"\xab\xcd"),
        (True, "0x", b""),
        (True, '"a\\u0062"', b"ab"),
        (True, "", b""),
        (True, "abcd", BadArguments),
        (True, "0xabc", BadArguments),
        (True, '"a\\"', BadArguments),
        (False, "q80=", b"\xab\xcd"),
        (False, None, b""),
        (False, "q80", BadArguments),
        (False, "q!80=", BadArguments),
        (False, 5, BadArguments),
    ],
)
def test_bytes(is_url: bool, value: Any, expected: Any) -> None:
    arguments = Arguments({"tx": value}, is_url=is_url)
    if expected is BadArguments:
        with pytest.raises(BadArguments, match="tx"):
            arguments.data("tx")
    else:
        assert arguments.data("tx") == expected


def test_flags_texts_and_positions() -> None:
    assert Arguments({"prove": "true"}, is_url=True).flag("prove")
    assert not Arguments({}, is_url=True).flag("prove")
    assert Arguments({"prove": True}, is_url=False).flag("prove")
    with pytest.raises(BadArguments):
        Arguments({"prove": "true"}, is_url=False).flag("prove")
    assert Arguments({"path": '"/a"'}, is_url=True).text("path") == "/a"
    assert Arguments({"data": "0aff"}, is_url=False).hexadecimal("data") == b"\x0a\xff"
    with pytest.raises(BadArguments):
        Arguments({"data": "0af"}, is_url=False).hexadecimal("data")
    assert Arguments.from_params(["/a", "00"], ("path", "data")).text("path") == "/a"
    for params in (["a", "b"], "text", 5):
        with pytest.raises(BadArguments):
            Arguments.from_params(params, ("path",))


def test_queries_of_subscribers() -> None:
    assert parse_query("tm.event='NewBlock'") == (("tm.event", "NewBlock"),)
    assert parse_query(" tm.event = 'Tx' AND tx.height = 5 ") == (("tm.event", "Tx"), ("tx.height", "5"))
    publication = Publication({}, {"tm.event": ["Tx"], "tx.height": ["5"]})
    assert publication.matches(parse_query("tm.event='Tx' AND tx.height=5"))
    assert not publication.matches(parse_query("tm.event='Tx' AND tx.height=6"))
    assert not publication.matches(parse_query("tm.event='Tx' AND a.b='c'"))
    for text in ("", "tm.event", "tm.event>'x'", "a='b' OR c='d'", "a='b' AND", "a='" + "b" * 600 + "'"):
        with pytest.raises(ValueError, match="query"):
            parse_query(text)


def test_times_are_written_as_go_writes_them() -> None:
    assert format_time(datetime(2026, 1, 5, tzinfo=UTC)) == "2026-01-05T00:00:00Z"
    assert format_time(datetime(2026, 1, 5, 1, 2, 3, 450_000, tzinfo=UTC)) == "2026-01-05T01:02:03.45Z"
    assert format_time(datetime(2026, 1, 5, 1, 2, 3, 1, tzinfo=UTC)) == "2026-01-05T01:02:03.000001Z"


def test_the_root_over_transactions() -> None:
    """RFC 6962: leaves behind 0x00, nodes behind 0x01, split at the largest power of two below."""

    def digest(data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    leaves = [digest(b"\0" + digest(raw)) for raw in (b"a", b"b", b"c", b"d", b"e")]
    four = digest(b"\1" + digest(b"\1" + leaves[0] + leaves[1]) + digest(b"\1" + leaves[2] + leaves[3]))
    assert compute_data_hash([]) == digest(b"")
    assert compute_data_hash([b"a"]) == leaves[0]
    assert compute_data_hash([b"a", b"b", b"c"]) == digest(
        b"\1" + digest(b"\1" + leaves[0] + leaves[1]) + leaves[2]
    )
    assert compute_data_hash([b"a", b"b", b"c", b"d", b"e"]) == digest(b"\1" + four + leaves[4])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_pages_put_together_are_the_list(limit: int, reverse: bool) -> None:
    rows = [(f"{number:02d}", number) for number in range(20)]
    found: list[int] = []
    request = pagination_pb2.PageRequest(limit=limit, reverse=reverse, count_total=True)
    while True:
        page, answer = cut_page(rows, request)
        assert len(page) <= limit
        assert answer.total == (0 if request.key else 20)
        found += page
        if not answer.next_key:
            break
        request.key = answer.next_key
    assert found == (list(range(19, -1, -1)) if reverse else list(range(20)))


def test_a_page_of_no_size_has_a_hundred_and_a_total() -> None:
    rows = [(f"{number:03d}", number) for number in range(150)]
    page, answer = cut_page(rows, pagination_pb2.PageRequest())
    assert (len(page), answer.next_key, answer.total) == (100, b"100", 150)
    page, answer = cut_page(rows, pagination_pb2.PageRequest(offset=2**64 - 1, limit=2**64 - 1))
    assert (page, answer.next_key, answer.total) == ([], b"", 0)
    with pytest.raises(QueryRefused):
        cut_page(rows, pagination_pb2.PageRequest(offset=1, key=b"1"))
