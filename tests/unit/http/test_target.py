from __future__ import annotations

import pytest

from joey.http.target import read_target


@pytest.mark.parametrize(
    ("url", "is_tls", "host", "port", "header", "path"),
    [
        ("http://a", False, "a", 80, "a", "/"),
        ("http://A:80/", False, "a", 80, "a", "/"),
        ("https://a/x%2Fy?b=c%20d", True, "a", 443, "a", "/x%2Fy?b=c%20d"),
        ("http://a:8080/x#part", False, "a", 8080, "a:8080", "/x"),
        ("http://a?b", False, "a", 80, "a", "/?b"),
        ("http://[::1]:9/x", False, "::1", 9, "[::1]:9", "/x"),
    ],
)
def test_urls(url: str, is_tls: bool, host: str, port: int, header: str, path: str) -> None:
    target = read_target(url)
    assert (target.origin.is_tls, target.origin.host, target.origin.port) == (is_tls, host, port)
    assert (target.host, target.path) == (header, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/x",
        "a/x",
        "ftp://a/",
        "http:///x",
        "http://",
        "http://user@a/",
        "http://user:word@a/",
        "http://a/x y",
        "http://a/\r\nX: y",
        "http://a/\u00e9",
        "http://a:port/",
        "http://a:99999/",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        read_target(url)
