import json
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner, Result

from joey.adapters.stores.sqlite.ledger import SqliteLedger
from joey.cli.economy import economy
from joey.core.errors import ConfigError, SupplyMismatch
from joey.core.ledger.agreements import AgreedPrice, Terms
from joey.core.ledger.invoices import Fixing
from joey.core.ledger.rules import book_event
from joey.core.protocol.params import MAINNET
from joey.core.units import ComputeUnits, Height, NanoUsd, Upokt
from joey.testing.settlements import make_header, make_supply_changed, settle_session

TIME = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)
WEEK = "2026-W47"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data folder with one session of the reference purchase, main-net parameters."""
    price = AgreedPrice("text", Height(1), WEEK, NanoUsd(750_000), NanoUsd(250_000_000), ComputeUnits(20_549))
    events = settle_session(
        make_header("app", "text"), {"s0": 1000}, compute_units=ComputeUnits(20_549), params=MAINNET
    )
    events = (*events, make_supply_changed(Height(9), events, Upokt(10**15)))
    entries = [
        entry
        for event in events
        for entry in book_event(event, height=Height(9), time=TIME, terms=Terms("portal", price))
    ]

    async def fill() -> None:
        ledger = SqliteLedger(tmp_path / "ledger.db")
        await ledger.append(entries, height=Height(9))
        await ledger.save_fixing(Fixing(WEEK, NanoUsd(250_000_000), "fixed", TIME))
        ledger.close()

    anyio.run(fill)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(economy, arguments)


def test_close_invoices_once(folder: Path) -> None:
    first = run("close", "--data", str(folder))
    assert first.exit_code == 0, first.output
    assert "JOEY-2026-W47-portal-1" in first.output
    again = run("close", "--data", str(folder), "--json")
    assert json.loads(again.output) == []


def test_close_of_a_named_week(folder: Path) -> None:
    assert json.loads(run("close", "--data", str(folder), "--json", "--week", "2026-W46").output) == []
    (invoice,) = json.loads(run("close", "--data", str(folder), "--json", "--week", WEEK).output)
    assert invoice["number"] == "JOEY-2026-W47-portal-1"


def test_close_of_no_week_says_so(folder: Path) -> None:
    result = run("close", "--data", str(folder), "--week", "soon")
    assert result.exit_code == 2
    assert "'soon' is not a week such as 2026-W47" in result.output


def test_invoices_for_people(folder: Path) -> None:
    run("close", "--data", str(folder))
    output = run("invoices", "--data", str(folder)).output
    heads, line, total = output.splitlines()
    assert heads.split()[:3] == ["invoice", "service", "application"]
    assert line.split() == [
        "JOEY-2026-W47-portal-1", "text", "app", "1000", "20549000", "2.999948", "0.74998775", "52",
    ]  # fmt: skip
    assert "at 0.25 dollars per POKT (fixed)" in total


def test_invoices_for_programs(folder: Path) -> None:
    run("close", "--data", str(folder))
    (invoice,) = json.loads(run("invoices", "--data", str(folder), "--json").output)
    assert invoice["total"] == {
        "relays": 1000,
        "burned_upokt": 2_999_948,
        "reimbursed_upokt": 3,
        "minted_upokt": 2_924_949,
        "residue_upokt": "52",
        "nano_usd": 749_987_750,
    }


def test_journal_for_people(folder: Path) -> None:
    output = run("journal", "--data", str(folder)).output
    assert "stake:application:app" in output
    assert "-2.999951 POKT" in output
    assert "0.000013000000000 USD" not in output
    assert "0.000013 USD" in output


def test_journal_for_programs(folder: Path) -> None:
    entries = json.loads(run("journal", "--data", str(folder), "--json").output)
    assert [entry["kind"] for entry in entries] == ["settlement", "sale", "supply"]


def test_balances(folder: Path) -> None:
    balances = json.loads(run("journal", "--data", str(folder), "--balances", "--json").output)
    assert ["supply:burn", "upokt", 2_999_948] in balances
    assert "supply:burn" in run("journal", "--data", str(folder), "--balances").output


def test_audit_for_people(folder: Path) -> None:
    result = run("audit", "--data", str(folder))
    assert result.exit_code == 0, result.output
    assert "the supply changed by -0.074996 POKT" in result.output
    assert "every upokt is accounted for" in result.output


def test_audit_for_programs(folder: Path) -> None:
    report = json.loads(run("audit", "--data", str(folder), "--json").output)
    assert report["clean"] is True
    assert (report["burned_upokt"], report["minted_upokt"], report["inflation_upokt"]) == (
        2_999_948,
        2_924_949,
        3,
    )


def test_audit_that_finds_something_raises(folder: Path) -> None:
    async def add() -> None:
        ledger = SqliteLedger(folder / "ledger.db")
        (entry, *_) = book_event(
            settle_session(
                make_header("app", "text", number=2),
                {"s0": 1},
                compute_units=ComputeUnits(99),
                params=MAINNET,
            )[0],
            height=Height(8),
            time=TIME,
            terms=Terms("portal"),
        )
        await ledger.append([entry])
        ledger.close()

    anyio.run(add)
    result = run("audit", "--data", str(folder))
    assert isinstance(result.exception, SupplyMismatch)
    assert "DIFFERENCE block 8: upokt burned should be 0, is 14" in result.output


def test_folder_without_books_is_named(tmp_path: Path) -> None:
    result = run("invoices", "--data", str(tmp_path))
    assert isinstance(result.exception, ConfigError)
    assert "there are no books at" in result.exception.message
    assert not (tmp_path / "ledger.db").exists()
