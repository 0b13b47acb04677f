"""`joey settle check`: a chain's settlements beside what the rules make of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.core.errors import ConfigError, SupplyMismatch
from joey.testing.commands import WORLD, address, make_folder, run, run_json, with_chain
from joey.testing.histories import play_chain

UNTIL = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a chain on which claims were settled."""
    path = make_folder(tmp_path / "data", is_staked=False)

    async def play(chain: LocalChain) -> None:
        await play_chain(chain, WORLD, until=UNTIL)

    with_chain(path, play)
    return path


def test_right_settlements_are_said_to_be_right(folder: Path) -> None:
    reports = run_json(folder, "settle", "check", "2", str(UNTIL))
    claims = [claim for report in reports for claim in report["claims"]]
    assert claims
    assert all(report["differences"] == [] for report in reports)
    assert {claim["end"] for claim in claims} == {"settled"}
    assert all(claim["settled_upokt"] == claim["claimed_upokt"] == claim["minted_upokt"] for claim in claims)
    said = run(folder, "settle", "check", "2", str(UNTIL)).stdout
    assert f"block 2 to {UNTIL}: {len(claims)} claims settled as the rules say" in said


def test_a_session_is_found_where_it_was_settled(folder: Path) -> None:
    named = ("--application", address(WORLD.application), "--service", WORLD.service.id)
    (report,) = run_json(folder, "settle", "check", "10", *named)
    assert report["height"] == 25
    assert len(report["claims"]) == 1


def test_the_first_difference_ends_it(folder: Path) -> None:
    with sqlite3.connect(folder / "chain.db") as file:
        (data,) = file.execute("SELECT data FROM events WHERE kind = 'ClaimSettled' LIMIT 1").fetchone()
        wrong = data.replace(b'"minted":', b'"minted":1')
        assert wrong != data
        file.execute("UPDATE events SET data = ? WHERE data = ?", (wrong, data))
    file.close()
    result = run(folder, "settle", "check", "2", str(UNTIL))
    assert isinstance(result.exception, SupplyMismatch)
    assert "the first difference: claim" in result.exception.message
    assert ": minted should be" in result.exception.message
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("9", "8"), "is before HEIGHT"),
        (("9", "--application", address("application")), "go together"),
        (("9", "--application", "pokt1"), "is not an address"),
        (("1",), "block 1 settles nothing"),
        (("0",), "0 is not in the range"),
    ],
)
def test_what_cannot_be_checked_is_told(folder: Path, arguments: tuple[str, ...], text: str) -> None:
    result = run(folder, "settle", "check", *arguments)
    assert result.exit_code == 2
    assert text in result.stderr


def test_sessions_that_are_not_there_or_not_settled(folder: Path) -> None:
    for height, application, text in (
        ("10", "newcomer", "no session"),
        (str(UNTIL), "application", "settled at"),
    ):
        named = ("--application", address(application), "--service", WORLD.service.id)
        result = run(folder, "settle", "check", height, *named)
        assert isinstance(result.exception, ConfigError)
        assert text in result.exception.message
