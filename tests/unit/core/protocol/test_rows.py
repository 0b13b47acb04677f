"""Rows have canonical bytes and come back equal."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from joey.core.protocol.claims import Claim, ProofStatus
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams
from joey.core.protocol.rows import decode_row, encode_row
from joey.core.protocol.settlement import ProofVerdict
from joey.core.protocol.state import Account, State
from joey.core.units import Height, Upokt
from joey.core.wire.session import Application, Service, SessionHeader


@dataclass(frozen=True)
class Everything:
    number: int
    amount: Upokt
    data: bytes
    ratio: Fraction
    time: datetime
    names: tuple[str, ...]
    pair: tuple[Height, str]
    lists: dict[int, tuple[str, ...]]
    maybe: Upokt | None
    inner: Account
    flag: bool = False
    added_later: str = "default"


EVERYTHING = Everything(
    number=-(2**80),
    amount=Upokt(7),
    data=b"\x00\xff",
    ratio=Fraction(39, 40),
    time=datetime(2026, 1, 5, 12, 30, 0, 123456, tzinfo=UTC),
    names=("a", "ü"),
    pair=(Height(3), "x"),
    lists={20: ("b",), 3: ()},
    maybe=None,
    inner=Account(1, Upokt(5), 2, b"\x02" * 33),
)


def test_values_come_back_equal():
    assert decode_row(Everything, encode_row(EVERYTHING)) == EVERYTHING


@pytest.mark.parametrize("params", [MINIMAL, MAINNET])
def test_params_come_back_equal(params: NetworkParams):
    assert decode_row(NetworkParams, encode_row(params)) == params


def test_the_bytes_are_canonical():
    data = encode_row(EVERYTHING)
    assert data == encode_row(decode_row(Everything, data))
    assert data.isascii()
    assert b" " not in data
    members = json.loads(data)
    assert members["lists"] == [[3, []], [20, ["b"]]]
    assert members["data"] == "00ff"
    assert members["ratio"] == "39/40"
    assert members["time"] == 1767616200123456


def test_the_order_of_a_dict_does_not_show():
    one = Application("a", Upokt(1), "s", pending_undelegations={1: ("x",), 2: ("y",)})
    two = Application("a", Upokt(1), "s", pending_undelegations={2: ("y",), 1: ("x",)})
    assert encode_row(one) == encode_row(two)


def test_a_missing_member_takes_its_default():
    members = json.loads(encode_row(EVERYTHING))
    del members["added_later"]
    assert decode_row(Everything, json.dumps(members).encode()) == EVERYTHING


@pytest.mark.parametrize("data", [b"{}", b"[]", b"7", b"", b"\xff", b'{"id":"x"}'])
def test_what_is_no_row_is_refused(data: bytes):
    with pytest.raises(ValueError):
        decode_row(Service, data)


def test_other_types_have_no_bytes():
    @dataclass
    class Loose:
        numbers: list[int] = field(default_factory=list)

    with pytest.raises(TypeError, match="canonical"):
        encode_row(Loose())
    with pytest.raises(TypeError):
        encode_row(1.5)


def test_every_table_of_a_state_can_be_kept():
    types = State.row_types()
    assert set(types) == {name for name, _ in State.empty().tables()}
    assert types["accounts"] is Account


@dataclass(frozen=True)
class Coloured:
    status: ProofStatus
    verdict: ProofVerdict


def test_enums_are_their_values():
    row = Coloured(ProofStatus.INVALID, ProofVerdict.MISSING)
    assert json.loads(encode_row(row)) == {"status": 2, "verdict": "missing"}
    assert decode_row(Coloured, encode_row(row)) == row
    with pytest.raises(ValueError, match="7"):
        decode_row(Coloured, b'{"status":7,"verdict":"missing"}')


def test_claims_of_older_files_are_pending():
    header = SessionHeader("application", "service", "session", Height(1), Height(4))
    claim = Claim("supplier", header, bytes(48), ProofStatus.VALIDATED)
    assert decode_row(Claim, encode_row(claim)) == claim
    members = json.loads(encode_row(claim))
    del members["proof_status"]
    older = decode_row(Claim, json.dumps(members).encode())
    assert older.proof_status is ProofStatus.PENDING
