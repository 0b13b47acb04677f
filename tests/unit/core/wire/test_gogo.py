"""Reading bytes as the network's Go code does, where google.protobuf would not."""

from __future__ import annotations

import pytest

from joey.core.wire.gogo import marshal, unmarshal, write_varint
from joey.core.wire.proto.relay_pb2 import RelayRequest, RelayResponse
from joey.core.wire.proto.session_pb2 import SessionHeader


def read(wire: str) -> str:
    return marshal(unmarshal(RelayRequest, bytes.fromhex(wire))).hex()


@pytest.mark.parametrize(
    ("wire", "kept"),
    [
        ("120161", "120161"),
        ("1201610a020a00", "0a020a00120161"),
        ("1201611201621203616263", "1203616263"),
        ("0a020a000a031a0161", "0a050a001a0161"),
        ("7a0161120161", "120161"),
        ("780112016178ff01", "120161"),
        ("79000000000000000012016175000000007d00000000", "120161"),
        ("0a041a02fffe", "0a041a02fffe"),
        ("0a82000a001200", "0a020a00"),
        # A group is skipped without comparing the numbers of its fields, even number zero.
        ("7b0801120163020161" + "7c" + "120161", "120161"),
        ("7b83018c0104120161", "120161"),
        # A field number is cut to 32 bits: 2^32 + 2 is payload again.
        ("9280808080010161", "120161"),
        # The tenth byte of a varint is cut to what 64 bits hold.
        ("0a0d0a0b20ffffffffffffffffff7f", "0a0d0a0b20ffffffffffffffffff01"),
    ],
)
def test_accepts_what_go_accepts(wire: str, kept: str) -> None:
    assert read(wire) == kept


@pytest.mark.parametrize(
    "wire",
    [
        "1001",  # payload as a varint
        "1261",  # payload beyond the end
        "12",  # no length
        "128080808080808080808001",  # a length of eleven bytes
        "12ffffffffffffffffff01",  # a negative length
        "0200",  # field number zero
        "8280808040",  # a number that is negative in 32 bits
        "0c",  # a group ends at the top
        "7c",
        "7b",  # a group without an end
        "7b120561",  # a field of a group beyond the end
        "7e00",  # wire type 6
        "7f00",  # wire type 7
        "79000000",  # too short for 64 bits
        "7a0561",
        "0a020c00",  # an error inside
        "0a03200561",  # a header's field outside of it
        "0a040a021801",  # text as a varint
        "ffffffffffffffffffffff01",
    ],
)
def test_refuses_what_go_refuses(wire: str) -> None:
    with pytest.raises(ValueError):
        read(wire)


def test_keeps_negative_heights() -> None:
    header = SessionHeader(session_start_block_height=-1, session_end_block_height=-(2**63))
    assert unmarshal(SessionHeader, header.SerializeToString()) == header


def test_tells_an_empty_hash_from_none() -> None:
    assert unmarshal(RelayResponse, bytes.fromhex("2200")).HasField("payload_hash")
    assert unmarshal(RelayResponse, bytes.fromhex("7a002200")).HasField("payload_hash")
    assert not unmarshal(RelayResponse, b"").HasField("payload_hash")


def test_errors_name_no_content() -> None:
    with pytest.raises(ValueError) as caught:
        unmarshal(RelayRequest, b"\x12\x7fsecret prompt")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("value", "wire"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02")])
def test_write_varint(value: int, wire: str) -> None:
    assert write_varint(value).hex() == wire
