"""The head of an answer, and how its body is framed for who asked.

Source: RFC 9112, section 6, and RFC 9110, section 6.6.1 for the date.
"""

from __future__ import annotations

from joey.http.exchange import Response
from joey.http.message import SERVER_HEADERS, encode_head, encode_status_line
from joey.http.request_reader import Asked

__all__ = ["encode_stream_head", "encode_whole", "is_without_body"]

_BODILESS = (204, 304)


def encode_whole(response: Response, asked: Asked | None, date_line: str, *, keep_alive: bool) -> bytes:
    """Return an answer with a body of bytes; `asked` is `None` where nothing could be asked.

    Raises `ValueError` for a status or header that cannot be sent, `TypeError` for a body that is no
    bytes.
    """
    body = response.body
    if not isinstance(body, bytes):
        raise TypeError("this answer needs a body of bytes")
    framing = date_line
    if response.status not in _BODILESS:
        framing += f"Content-Length: {len(body)}\r\n"
    if not keep_alive:
        framing += "Connection: close\r\n"
    elif asked is not None and asked.is_old:
        framing += "Connection: keep-alive\r\n"
    head = encode_head(encode_status_line(response.status), response.headers, framing, SERVER_HEADERS)
    return head if is_without_body(response, asked) else head + body


def encode_stream_head(response: Response, asked: Asked, date_line: str, *, keep_alive: bool) -> bytes:
    """Return the head of an answer that is sent in chunks, or to an old client until the end.

    Raises `ValueError` for a status or header that cannot be sent.
    """
    framing = date_line
    if not asked.is_old and response.status not in _BODILESS:
        framing += "Transfer-Encoding: chunked\r\n"
    if not keep_alive:
        framing += "Connection: close\r\n"
    return encode_head(encode_status_line(response.status), response.headers, framing, SERVER_HEADERS)


def is_without_body(response: Response, asked: Asked | None) -> bool:
    """Tell whether the answer ends with its head, whatever its body says."""
    return response.status in _BODILESS or (asked is not None and asked.request.method == "HEAD")
