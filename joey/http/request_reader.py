"""Bytes of a connection to requests: what is HTTP/1.1, within bounds and unambiguous, and nothing else.

llhttp reads strictly (bare line feeds, folded lines, doubled or conflicting lengths are errors);
what it leaves open, such as two Host headers or an unknown coding, is refused here. Knows no socket.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import httptools

from joey.http.exchange import ServerLimits, ServerRequest

__all__ = ["Asked", "Refused", "RequestReader", "Stage"]

_FRAMING_PER_BODY_BYTE = 8
"""A body in chunks of one byte has five bytes of framing to each; more is chunk extensions."""


@lru_cache(maxsize=512)
def _lower_name(name: bytes) -> str:
    return name.lower().decode("latin-1")


class Stage(Enum):
    """Where in a message the next byte falls."""

    BETWEEN = 0
    HEAD = 1
    BODY = 2


class Refused(Exception):
    """This is no request that a handler should see. Nothing more can be read from the connection."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Asked:
    """A whole request, and what its sender can do: `is_old` is HTTP/1.0, which knows no chunks."""

    request: ServerRequest
    keep_alive: bool
    is_old: bool


class RequestReader:
    """Feed it bytes, take whole requests from it.

    `stage` tells how far the message being read has come and `messages` how many were begun;
    `invitation_due` that its sender waits for `100 Continue`; `finished` that the last request said
    it is the last: what follows is not to be fed.
    """

    def __init__(self, limits: ServerLimits, peer: str) -> None:
        self.stage = Stage.BETWEEN
        self.messages = 0
        self.invitation_due = False
        self.finished = False
        self.asked: list[Asked] = []
        self._head_bytes_max = limits.head_bytes_max
        self._body_bytes_max = limits.body_bytes_max
        self._peer = peer
        self._parser = httptools.HttpRequestParser(self)
        self._resumed = False
        self._begin()

    def _begin(self) -> None:
        self._unbounded_bytes = 0
        self._head_bytes = 0
        self._method = ""
        self._target = b""
        self._path = ""
        self._query = ""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._keep_alive = True
        self._is_old = False
        self.invitation_due = False

    @property
    def method(self) -> str:
        """The method of the message being read, once its head is whole; empty before."""
        return self._method

    def take(self) -> list[Asked]:
        """Return the requests that became whole, in order, and forget them."""
        asked, self.asked = self.asked, []
        return asked

    def close(self) -> None:
        """Let go of the parser, which refers back to this reader."""
        del self._parser

    def feed(self, data: bytes) -> None:
        """Read on. Raises `Refused`; requests before the refused one can still be taken."""
        messages = self.messages
        try:
            self._feed(data)
        except httptools.HttpParserCallbackError as error:
            refused = error.__context__
            if isinstance(refused, Refused):
                raise refused from None
            raise
        except httptools.HttpParserError:
            if not self.finished:
                raise Refused(400, "the request is not HTTP/1.1") from None
        if self.stage is not Stage.BETWEEN and messages == self.messages:
            self._unbounded_bytes += len(data)
            self._check_unbounded()

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                rest = data[upgrade.args[0] :]
            else:
                return
            # We change to no other protocol, so the request stays one of HTTP/1.1; but llhttp takes
            # its head for the end. A new parser is told the framing and reads the body.
            self._resumed = True
            self._parser = httptools.HttpRequestParser(self)
            data = self._encode_framing() + rest

    def _encode_framing(self) -> bytes:
        head = "POST / HTTP/1.1\r\n"
        for name in ("content-length", "transfer-encoding"):
            if name in self._headers:
                head += f"{name}: {self._headers[name]}\r\n"
        return f"{head}\r\n".encode("ascii")

    def _check_unbounded(self) -> None:
        """Bound what no callback counts: a line without end, and chunk extensions.

        Counted from the second read of a message on: the first may begin with other messages.
        """
        allowed = self._head_bytes_max
        spent = self._unbounded_bytes
        if self.stage is Stage.BODY:
            spent -= self._body_bytes
            allowed += _FRAMING_PER_BODY_BYTE * self._body_bytes
        if spent > allowed:
            raise self._head_too_large()

    def _head_too_large(self) -> Refused:
        return Refused(431, f"the head has more than {self._head_bytes_max} bytes")

    def _body_too_large(self) -> Refused:
        return Refused(413, f"the body has more than {self._body_bytes_max} bytes")

    # The parser's callbacks. What they raise ends the parser, and comes out of `feed`.

    def on_message_begin(self) -> None:
        """Begin a message."""
        if not self._resumed:
            self._begin()
            self.stage = Stage.HEAD
            self.messages += 1

    def on_url(self, url: bytes) -> None:
        """Gather the target, which may come in pieces."""
        if not self._resumed:
            self._target += url
            self._head_bytes += len(url)
            if self._head_bytes > self._head_bytes_max:
                raise self._head_too_large()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Gather a header; a trailer is counted and dropped."""
        if self._resumed and self.stage is Stage.BODY and self._body_bytes == 0:
            return
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._head_bytes_max:
            raise self._head_too_large()
        if self.stage is not Stage.HEAD:
            return
        key = _lower_name(name)
        text = value.decode("latin-1").rstrip(" \t")  # the parser leaves it there
        headers = self._headers
        if key in headers:
            if key == "host":
                raise Refused(400, "there is more than one Host header")
            text = f"{headers[key]}, {text}"
        headers[key] = text

    def on_headers_complete(self) -> None:
        """Decide from the head whether the body is worth reading."""
        if self._resumed:
            return
        parser = self._parser
        headers = self._headers
        self.stage = Stage.BODY
        self._method = parser.get_method().decode("ascii")
        version = parser.get_http_version()
        self._is_old = version == "1.0"
        if version != "1.1" and not self._is_old:
            raise Refused(505, "this is neither HTTP/1.1 nor HTTP/1.0")
        if self._method == "CONNECT":
            raise Refused(405, "this is no proxy")
        if not self._is_old and "host" not in headers:
            raise Refused(400, "there is no Host header")
        self._read_target(self._target.decode("latin-1"))
        self._read_framing()
        self._keep_alive = parser.should_keep_alive()
        if parser.should_upgrade():
            tokens = {token.strip() for token in headers.get("connection", "").lower().split(",")}
            self._keep_alive = not self._is_old and "close" not in tokens

    def _read_framing(self) -> None:
        headers = self._headers
        coding = headers.get("transfer-encoding")
        if coding is not None:
            if self._is_old:
                raise Refused(400, "HTTP/1.0 knows no Transfer-Encoding")
            if coding.lower() != "chunked":
                raise Refused(501, "no Transfer-Encoding but chunked is known")
        length = int(headers.get("content-length", "0"))
        if length > self._body_bytes_max:
            raise self._body_too_large()
        expectation = headers.get("expect")
        if expectation is not None and not self._is_old:
            if expectation.lower() != "100-continue":
                raise Refused(417, "no expectation but 100-continue is known")
            self.invitation_due = coding is not None or length > 0

    def _read_target(self, target: str) -> None:
        """Split the target into path and query. Source: RFC 9112, section 3.2."""
        if "#" in target:
            raise Refused(400, "the target has a fragment")
        if not target.startswith("/") and not (target == "*" and self._method == "OPTIONS"):
            scheme, separator, rest = target.partition("://")
            if not separator or scheme.lower() not in ("http", "https"):
                raise Refused(400, "the target is neither a path nor a URL")
            end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
            authority, target = rest[:end], rest[end:]
            if not authority or "@" in authority:
                raise Refused(400, "the target's authority is not a host")
            self._headers["host"] = authority
            if not target.startswith("/"):
                target = f"/{target}"
        self._path, _, self._query = target.partition("?")

    def on_body(self, body: bytes) -> None:
        """Gather a piece of the body."""
        self.invitation_due = False
        self._body_bytes += len(body)
        if self._body_bytes > self._body_bytes_max:
            raise self._body_too_large()
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Make a request of what was gathered."""
        if self._parser.should_upgrade() and not self._resumed:
            return
        self._resumed = False
        self.stage = Stage.BETWEEN
        self.invitation_due = False
        self.finished = not self._keep_alive
        request = ServerRequest(
            self._method,
            self._path,
            self._query,
            self._headers,
            self._body[0] if len(self._body) == 1 else b"".join(self._body),
            self._peer,
        )
        self.asked.append(Asked(request, self._keep_alive, self._is_old))
