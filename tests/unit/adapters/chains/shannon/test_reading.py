"""Small readers: addresses, the RPC's JSON, refusals, and the bounded cache."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from joey.adapters.chains.shannon.addresses import (
    GrpcAddress,
    RpcAddress,
    read_grpc_addresses,
    read_rpc_addresses,
)
from joey.adapters.chains.shannon.json_reading import (
    read_bytes,
    read_hex,
    read_int,
    read_list,
    read_object,
    read_text,
    read_time,
)
from joey.adapters.chains.shannon.recent import Recent
from joey.adapters.chains.shannon.refusals import make_rejection, read_expected_sequence, read_registered


def test_addresses_have_the_ports_of_their_kind() -> None:
    assert read_grpc_addresses(["http://node", "https://node", "http://[::1]:5"]) == (
        GrpcAddress("http://node:9090", "node:9090", False),
        GrpcAddress("https://node:443", "node:443", True),
        GrpcAddress("http://[::1]:5", "[::1]:5", False),
    )
    assert read_rpc_addresses(["http://node", "https://user:secret@node/base/"]) == (
        RpcAddress("http://node:26657", "http://node:26657/", "ws://node:26657/websocket"),
        RpcAddress(
            "https://node:443",
            "https://user:secret@node:443/base/",
            "wss://user:secret@node:443/base/websocket",
        ),
    )


def test_json_is_read_as_the_rpc_writes_it() -> None:
    reply = {"a": {"n": "12", "m": 3, "l": None, "h": "0AfF", "t": "2026-01-05T00:00:30.1234569Z"}}
    assert read_int(reply, "a", "n") == 12
    assert read_int(reply, "a", "m") == 3
    assert read_int(reply, "a", "absent") == 0
    assert read_list(reply, "a", "l") == []
    assert read_object(reply, "b") == {}
    assert read_text(reply, "b", "c") == ""
    assert read_hex(reply, "a", "h") == b"\x0a\xff"
    assert read_bytes("AAE=") == b"\x00\x01"
    assert read_time(reply, "a", "t") == datetime(2026, 1, 5, 0, 0, 30, 123456, tzinfo=UTC)
    assert read_time("2026-01-05T00:00:30Z") == datetime(2026, 1, 5, 0, 0, 30, tzinfo=UTC)
    assert read_time("2026-01-05T00:00:30.5Z").microsecond == 500_000


@pytest.mark.parametrize("read", [read_int, read_list, read_object, read_text, read_time, read_hex])
def test_wrong_shapes_are_value_errors(read: object) -> None:
    assert callable(read)
    for wrong in (True, 1.5, object()):
        with pytest.raises(ValueError):
            read({"x": wrong}, "x")
    with pytest.raises(ValueError):
        read([1], "x")


def test_the_sequence_that_is_expected_is_read_from_its_own_error_alone() -> None:
    assert read_expected_sequence("account sequence mismatch, expected 7, got 9: incorrect account") == 7
    assert read_expected_sequence("wrong number of signers; expected 1, got 2") is None


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("1upokt is smaller than 2upokt: insufficient funds with gas used: '61234'", ("sdk", 5)),
        ("insufficient funds [cosmos/cosmos-sdk@v0.53.7/x/bank/send.go:278] with gas used: '1'", ("sdk", 5)),
        ("rpc error: code = X desc = proof not required with gas used: '9'", ("undefined", 1)),
    ],
)
def test_the_registered_error_is_the_end_of_a_simulations_text(text: str, pair: tuple[str, int]) -> None:
    assert read_registered(text) == pair


def test_a_refusal_without_a_text_says_its_code() -> None:
    error = make_rejection("", "sdk", 13)
    assert str(error) == "the network refuses the transaction: sdk 13"
    assert error.fields["reason"] == ""


def test_the_cache_keeps_what_was_used_last_within_its_bounds() -> None:
    cache: Recent[int, str] = Recent(3, weight_max=10)
    for number in range(3):
        cache.put(number, str(number), weight=3)
    assert cache.get(0) == "0"
    cache.put(3, "3", weight=1)
    assert [cache.get(number) for number in range(4)] == ["0", None, "2", "3"]
    cache.put(4, "large", weight=100)
    assert [cache.get(number) for number in (0, 2, 3, 4)] == [None, None, None, "large"]
    cache.put(4, "small", weight=1)
    cache.put(5, "other", weight=9)
    assert (cache.get(4), cache.get(5), len(cache)) == ("small", "other", 2)
