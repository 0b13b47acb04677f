"""Server-sent events as bytes: where one ends, and which one ends the stream.

Events are passed on as they came; nothing here parses their JSON.
Source: WHATWG HTML, 9.2.6 "Interpreting an event stream".
"""

from __future__ import annotations

import re

__all__ = ["EndMarkGate", "EventSplitter", "is_end_mark"]

# Atomic groups: a carriage return with its line feed is one line end, never two.
_EVENT_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_END_LONGEST = 4
_END_MARK = b"[DONE]"
_BLANK_LINES = (b"\n\n", b"\r\n\r\n")


class EventSplitter:
    """Cuts a stream of bytes, which arrive cut anywhere, after each event."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._scanned = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes and return the events that are now whole, each with its blank line."""
        rest = self._rest
        rest += data
        events: list[bytes] = []
        start = 0
        position = self._scanned
        while match := _EVENT_END.search(rest, position):
            position = match.end()
            events.append(bytes(rest[start:position]))
            start = position
        del rest[:start]
        self._scanned = max(0, len(rest) - _END_LONGEST)
        return events

    @property
    def rest(self) -> bytes:
        """The bytes after the last whole event."""
        return bytes(self._rest)


def is_end_mark(event: bytes) -> bool:
    """Tell whether an event's data begins with `[DONE]`, by which OpenAI ends a stream."""
    if _END_MARK not in event:
        return False
    lines = _LINE_END.split(event.removeprefix(b"\xef\xbb\xbf"))
    data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
    return b"\n".join(data).lstrip().startswith(_END_MARK)


class EndMarkGate:
    """Lets whole events pass, and holds back the end mark and all that follows it."""

    def __init__(self) -> None:
        self._splitter = EventSplitter()
        self._is_between = True
        self._held: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Take bytes, which arrive cut anywhere, and return those that may pass; often none."""
        if self._held:
            self._held.append(data)
            return b""
        if self._is_between and _END_MARK not in data and data.endswith(_BLANK_LINES):
            # Nearly always: whole events, none of which is the mark. No need to look for their ends.
            return data
        events = self._splitter.feed(data)
        self._is_between = not self._splitter.rest
        marks = (number for number, event in enumerate(events) if is_end_mark(event))
        count = next(marks, len(events))
        if count < len(events):
            self._held = [*events[count:], self._splitter.rest]
        return b"".join(events[:count])

    @property
    def held(self) -> bytes:
        """What has not passed: the mark and all after it, or an event that is not whole."""
        return b"".join(self._held) if self._held else self._splitter.rest
