"""Server-sent events as bytes: where one ends, and which one ends the stream.

Events are passed on as they came; nothing here parses their JSON.
Source: WHATWG HTML, 9.2.6 "Interpreting an event stream".
"""

from __future__ import annotations

import re

__all__ = ["EventSplitter", "is_end_mark"]

# Atomic groups: a carriage return with its line feed is one line end, never two.
_EVENT_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_END_LONGEST = 4


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
    if b"[DONE]" not in event:
        return False
    lines = _LINE_END.split(event.removeprefix(b"\xef\xbb\xbf"))
    data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
    return b"\n".join(data).lstrip().startswith(b"[DONE]")
