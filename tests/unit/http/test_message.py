from __future__ import annotations

import pytest

from joey.http.message import SERVER_HEADERS, encode_head, encode_status_line, is_token


def test_head_keeps_order_case_and_repeats() -> None:
    headers = (("X-B", "1"), ("x-a", "2"), ("X-B", "3"))
    head = encode_head("GET / HTTP/1.1\r\n", headers, "Content-Length: 0\r\n")
    assert head == b"GET / HTTP/1.1\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    "name", ["Connection", "content-length", "Transfer-Encoding", "UPGRADE", "Keep-Alive", "TE", "Expect"]
)
def test_headers_of_another_connection_are_left_out(name: str) -> None:
    assert encode_head("GET / HTTP/1.1\r\n", ((name, "5"),), "") == b"GET / HTTP/1.1\r\n\r\n"


def test_a_server_writes_its_own_date_and_a_client_passes_one_on() -> None:
    assert b"Date" in encode_head("GET / HTTP/1.1\r\n", (("Date", "x"),), "")
    assert b"Date" not in encode_head("HTTP/1.1 200 OK\r\n", (("Date", "x"),), "", SERVER_HEADERS)


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x", "a\nb", "a\rb", "a\x00b", "a\x1bb", "\x7f", "\r\n"])
def test_a_value_with_a_control_character_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        encode_head("GET / HTTP/1.1\r\n", (("x", value),), "")


@pytest.mark.parametrize("start", ["GET / HTTP/1.1\r\nX: y\r\n", "GET /", "GET /\n HTTP/1.1\r\n"])
def test_a_start_line_is_one_line(start: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        encode_head(start, (), "")


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "é", "a\x00"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    assert not is_token(name)
    with pytest.raises(ValueError, match="not a token"):
        encode_head("GET / HTTP/1.1\r\n", ((name, "v"),), "")


def test_a_tab_and_latin_1_are_allowed_in_values_and_wider_text_is_not() -> None:
    assert encode_head("\r\n", (("x", "a\tb\xff"),), "") == b"\r\nx: a\tb\xff\r\n\r\n"
    with pytest.raises(ValueError, match="latin-1"):
        encode_head("\r\n", (("x", "\u20ac"),), "")


def test_status_lines() -> None:
    assert encode_status_line(200) == "HTTP/1.1 200 OK\r\n"
    assert encode_status_line(599) == "HTTP/1.1 599 \r\n"
    for status in (99, 100, 101, 1000):
        with pytest.raises(ValueError, match="not a final status"):
            encode_status_line(status)
