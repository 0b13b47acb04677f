from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joey.core.openai.events import EndMarkGate, EventSplitter, is_end_mark

STREAM = b"data: one\n\ndata: two\r\n\r\n: comment\r\rdata: [DONE]\n\nrest"
EVENTS = [b"data: one\n\n", b"data: two\r\n\r\n", b": comment\r\r", b"data: [DONE]\n\n"]


def test_events_end_with_their_blank_line() -> None:
    splitter = EventSplitter()
    assert splitter.feed(STREAM) == EVENTS
    assert splitter.rest == b"rest"


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM)), max_size=12))
def test_no_byte_is_lost_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    splitter = EventSplitter()
    events = [event for a, b in itertools.pairwise(edges) for event in splitter.feed(STREAM[a:b])]
    assert b"".join(events) + splitter.rest == STREAM
    assert [event for event in events if is_end_mark(event)]


def test_a_stream_fed_byte_by_byte_yields_each_event_at_its_last_byte() -> None:
    splitter = EventSplitter()
    events = [splitter.feed(STREAM[i : i + 1]) for i in range(11)]
    assert events[:10] == [[]] * 10
    assert events[10] == [b"data: one\n\n"]


def test_a_carriage_return_with_its_line_feed_is_one_line_end() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: a\r\ndata: b\r\n") == []
    assert splitter.feed(b"\r\n") == [b"data: a\r\ndata: b\r\n\r\n"]


def test_a_long_event_in_many_pieces_is_scanned_once() -> None:
    splitter = EventSplitter()
    for _ in range(20_000):
        assert splitter.feed(b"x" * 50) == []
    assert len(splitter.feed(b"\n\n")[0]) == 1_000_002


@pytest.mark.parametrize(
    "event",
    [
        b"data: [DONE]\n\n",
        b"data:[DONE]\n\n",
        b"data: [DONE]\r\n\r\n",
        b"\ndata: [DONE]\n\n",
        b": hello\ndata: [DONE]\n\n",
        b"event: x\rdata: [DONE] and more\r\r",
        b"data:  [DONE]\n\n",
        b"\xef\xbb\xbfdata: [DONE]\n\n",
    ],
)
def test_an_end_mark(event: bytes) -> None:
    assert is_end_mark(event)


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"content":"[DONE]"}\n\n',
        b": data: [DONE]\n\n",
        b"data: x\ndata: [DONE]\n\n",
        b"data: {}\n\n",
        b"\n\n",
        b"event: [DONE]\n\n",
    ],
)
def test_no_end_mark(event: bytes) -> None:
    assert not is_end_mark(event)


MARKED = b'data: {"content":"[DONE]"}\n\ndata: two\r\n\r\n: comment\r\rdata: x\n\n'
END = b"data: [DONE]\n\n: after\n\nrest"


@given(st.lists(st.integers(min_value=0, max_value=len(MARKED + END)), max_size=12))
def test_a_gate_holds_the_end_mark_and_what_follows_wherever_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(MARKED + END)]
    gate = EndMarkGate()
    passed = [gate.feed((MARKED + END)[a:b]) for a, b in itertools.pairwise(edges)]
    assert b"".join(passed) == MARKED
    assert gate.held == END


def test_a_gate_passes_each_event_once_it_is_whole() -> None:
    gate = EndMarkGate()
    assert gate.feed(b"data: 1\n\ndata: 2\n\n") == b"data: 1\n\ndata: 2\n\n"
    assert gate.feed(b"data: 3\n\ndata: ") == b"data: 3\n\n"
    assert gate.held == b"data: "
    assert gate.feed(b"[DONE] is text\n") == b""
    assert gate.feed(b"\n") == b""
    assert gate.feed(b"data: 4\n\n") == b""
    assert gate.held == b"data: [DONE] is text\n\ndata: 4\n\n"
