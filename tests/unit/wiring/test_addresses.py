from __future__ import annotations

import socket

import pytest

from joey.core.errors import ConfigError
from joey.wiring.addresses import check_is_free, format_url, is_free, split_address


@pytest.mark.parametrize(
    ("address", "parts"),
    [("127.0.0.1:3069", ("127.0.0.1", 3069)), ("[::1]:0", ("::1", 0)), ("host:80", ("host", 80))],
)
def test_addresses(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address, "gateway.listen") == parts


@pytest.mark.parametrize("address", ["", "3069", ":3069", "host:", "host:x", "host:-1"])
def test_a_wrong_address_names_its_setting(address: str) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.listen must look like"):
        split_address(address, "gateway.listen")


def test_an_example_fits_its_flag_and_a_port_is_bounded() -> None:
    with pytest.raises(ConfigError, match=r"--rpc must look like 127\.0\.0\.1:26657"):
        split_address("x", "--rpc")
    with pytest.raises(ConfigError, match="--grpc: a port is at most 65535, not 70000"):
        split_address("host:70000", "--grpc")


def test_a_taken_port_is_named_with_its_fix() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        with pytest.raises(
            ConfigError,
            match=f"gateway.listen: 127.0.0.1:{port} is taken by another program: stop it, or use --listen",
        ):
            check_is_free(f"127.0.0.1:{port}", "gateway.listen", "use --listen")
    assert is_free("127.0.0.1", port)
    check_is_free(f"127.0.0.1:{port}", "gateway.listen", "use --listen")


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"gateway\.listen: cannot listen at 192\.0\.2\.1:80"):
        check_is_free("192.0.2.1:80", "gateway.listen", "use --listen")


def test_urls() -> None:
    assert format_url("127.0.0.1", 80) == "http://127.0.0.1:80"
    assert format_url("::1", 80) == "http://[::1]:80"
