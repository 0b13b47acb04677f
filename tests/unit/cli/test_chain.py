"""`joey chain`: what it prints of an embedded chain in a file, for people and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from joey.adapters.chains.local.chain import LocalChain
from joey.cli import cli
from joey.core.errors import ChainUnavailable, ConfigError, NotOnChain
from joey.core.protocol.windows import compute_claim_window
from joey.core.units import Height
from joey.core.wire.messages import CreateClaim
from joey.core.wire.session import Session
from joey.testing.commands import WORLD, address, make_folder, read_table, run, run_json, with_chain
from joey.testing.worlds import make_key, make_trie_root


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the world at block 9, the first of a session that drew both suppliers."""
    path = make_folder(tmp_path_factory.mktemp("chain") / "data")
    with_chain(path, lambda chain: go_to(chain, 9))
    return path


async def go_to(chain: LocalChain, height: int) -> None:
    while (await chain.head()).height < height:
        await chain.make_block()


def refused(folder: Path, *arguments: str) -> str:
    result = run(folder, *arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert isinstance(result.exception, NotOnChain), result.exception
    return result.exception.message


def test_status(folder: Path) -> None:
    document = run_json(folder, "chain", "status")
    assert document["chain_id"] == "joey-test"
    assert document["height"] == 9
    assert document["session"] == {"number": 3, "height_start": 9, "height_end": 12}
    assert document["supply_upokt"].endswith("000000")
    assert len(document["block_hash"]) == 64
    rows = dict(row for row in read_table(run(folder, "chain", "status").stdout))
    assert rows["height"] == "9"
    assert rows["session"] == "3, blocks 9 to 12"
    assert rows["block hash"] == document["block_hash"]


def test_params_of_sessions_and_live(folder: Path) -> None:
    document = run_json(folder, "chain", "params")
    assert document["height"] == 9
    assert document["session"]["shared"]["num_blocks_per_session"] == 4
    assert document["session"]["supplier"] == {"min_stake_upokt": "1000000", "staking_fee_upokt": "1"}
    assert document["live"] == document["session"]
    assert "unknown" not in document["live"]["tokenomics"]["mint_allocation_percentages"]
    rows = {row[0]: row[1:] for row in read_table(run(folder, "chain", "params").stdout)}
    assert rows["parameter"] == ["sessions at 9", "live"]
    assert rows["tokenomics.mint_equals_burn_claim_distribution.dao"] == ["0.045", "0.045"]


def test_params_of_a_height_ahead_have_no_live_ones(folder: Path) -> None:
    document = run_json(folder, "chain", "params", "--height", "500")
    assert document["session"]["session"] == {"num_suppliers_per_session": 5}
    assert document["live"] is None
    rows = read_table(run(folder, "chain", "params", "--height", "500").stdout)
    assert {row[2] for row in rows[1:] if len(row) == 3} == {"unknown"}
    assert "executes with is not known yet" in rows[-1][0]


def read_session(folder: Path, height: int = 0) -> Session:
    async def read(chain: LocalChain) -> Session | None:
        return await chain.session(address("application"), "text", Height(height))

    session = with_chain(folder, read)
    assert session is not None
    return session


def test_session_with_its_suppliers_in_the_order_drawn(folder: Path) -> None:
    session = read_session(folder)
    document = run_json(folder, "chain", "session", address("application"), "text")
    assert document["header"]["session_id"] == session.header.session_id
    drawn = [supplier.operator_address for supplier in session.suppliers]
    assert [one["operator_address"] for one in document["suppliers"]] == drawn
    windows = document["windows"]
    assert windows["grace_end"] == 20
    assert windows["claim"] == {"open": 22, "close": 24, "state": "ahead", "in_blocks": 12}
    assert (windows["proof"]["open"], windows["settlement"]) == (24, 25)
    text = run(folder, "chain", "session", address("application"), "text").stdout
    rows = read_table(text)
    assert ["claims", "22 to 24, in 12 blocks"] in rows
    at = rows.index(["drawn", "supplier", "url", "rpc type"])
    assert rows[at + 1 :] == [
        [str(place), one, "http://127.0.0.1:8545", "REST"] for place, one in enumerate(drawn, 1)
    ]


def test_no_session_says_why(folder: Path) -> None:
    assert "no application" in refused(folder, "chain", "session", address("gateway"), "text")
    assert "staked for text, not for other" in refused(
        folder, "chain", "session", address("application"), "other"
    )
    ahead = run(folder, "chain", "session", address("application"), "text", "--height", "50")
    assert isinstance(ahead.exception, ChainUnavailable)


def test_supplier(folder: Path) -> None:
    document = run_json(folder, "chain", "supplier", address("supplier 1"))
    assert document["stake_upokt"] == str(WORLD.supplier_stake)
    (service,) = document["services"]
    assert service["endpoints"] == [{"url": "http://127.0.0.1:8545", "rpc_type": "REST"}]
    assert service["revenue_shares"] == [{"address": address("supplier 1"), "percentage": 100}]
    rows = read_table(run(folder, "chain", "supplier", address("supplier 1")).stdout)
    assert ["stake", "100,000.000000 POKT"] in rows
    assert rows[-1][0] == "text"
    assert f"100 % {address('supplier 1')}" in rows[-1]


def test_supplier_of_an_earlier_height(folder: Path) -> None:
    assert "at height 2" in refused(folder, "chain", "supplier", address("supplier 1"), "--height", "2")
    before = run_json(folder, "chain", "supplier", address("supplier 1"), "--height", "8")
    assert before["services"] == []


def test_application_and_gateway(folder: Path) -> None:
    document = run_json(folder, "chain", "app", address("application"))
    assert document["stake_upokt"] == str(WORLD.application_stake)
    assert document["delegated_gateways"] == [address("gateway")]
    assert document["spend_limit_per_session_upokt"] is None
    rows = read_table(run(folder, "chain", "app", address("application")).stdout)
    assert ["gateway", address("gateway")] in rows
    document = run_json(folder, "chain", "gateway", address("gateway"))
    assert document["applications"] == [address("application")]
    rows = read_table(run(folder, "chain", "gateway", address("gateway")).stdout)
    assert ["application", address("application")] in rows


def test_service(folder: Path) -> None:
    document = run_json(folder, "chain", "service", "text")
    assert (document["compute_units_per_relay"], document["relay_price_upokt"]) == (3000, "3000")
    assert document["card"] is None
    rows = read_table(run(folder, "chain", "service", "text").stdout)
    assert ["in force", "3000 at block 9, 3000 upokt a relay"] in rows


@pytest.mark.parametrize("what", ["supplier", "app", "gateway", "service"])
def test_what_is_not_there(folder: Path, what: str) -> None:
    assert "there is no" in refused(folder, "chain", what, address("poor"))


@pytest.fixture(scope="module")
def claimed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Session]:
    """Return the world with a claim of session 9 to 12, in the block that opens its claim window."""
    path = make_folder(tmp_path_factory.mktemp("claim") / "data")
    with_chain(path, lambda chain: go_to(chain, 9))
    session = read_session(path)

    async def claim(chain: LocalChain) -> None:
        window = compute_claim_window(Height(12), (await chain.params_at(Height(12))).shared)
        await go_to(chain, window.open - 1)
        root = make_trie_root("claim", 7, 3000)
        message = CreateClaim(address("supplier 1"), session.header, root)
        await chain.submit([message], make_key("supplier 1"))

    with_chain(path, claim)
    return path, session


def test_claim_and_its_worth(claimed: tuple[Path, Session]) -> None:
    folder, session = claimed
    arguments = ("chain", "claim", session.header.session_id, address("supplier 1"))
    document = run_json(folder, *arguments)
    assert (document["relays"], document["compute_units"]) == (7, 21_000)
    assert (document["estimated_relays"], document["claimed_upokt"]) == (7, "21000")
    assert document["proof_status"] == "PENDING"
    assert document["windows"]["claim"]["state"] == "open"
    assert document["proof_requirement"] is None
    assert document["proof_seed_height"] == 23
    rows = read_table(run(folder, *arguments).stdout)
    assert ["worth", "21000 upokt, 0.021000 POKT"] in rows
    assert ["proof", "known at block 23, PENDING"] in rows


def test_claims(claimed: tuple[Path, Session]) -> None:
    folder, session = claimed
    (listed,) = run_json(folder, "chain", "claims")
    assert listed == run_json(folder, "chain", "claim", session.header.session_id, address("supplier 1"))
    assert run_json(folder, "chain", "claims", "--supplier", address("supplier 2")) == []
    assert run_json(folder, "chain", "claims", "--end-height", "8") == []
    assert run_json(folder, "chain", "claims", "--session", session.header.session_id) == [listed]
    heads, row = read_table(run(folder, "chain", "claims").stdout)
    assert heads[0] == "session"
    assert row[0] == session.header.session_id[:16]
    assert row[-1] == "25"


def test_the_requirement_is_known_once_its_block_is(claimed: tuple[Path, Session]) -> None:
    folder, session = claimed
    with_chain(folder, lambda chain: go_to(chain, 23))
    document = run_json(folder, "chain", "claim", session.header.session_id, address("supplier 1"))
    assert document["proof_requirement"] == "NOT_REQUIRED"
    with_chain(folder, lambda chain: go_to(chain, 25))
    message = refused(folder, "chain", "claim", session.header.session_id, address("supplier 1"))
    assert "a settled one is gone" in message


def test_a_chain_is_named_one_way(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "choose one" in run(folder, "chain", "status", "--grpc", "http://h:1").output
    alone = CliRunner().invoke(cli, ["chain", "status", "--rpc", "http://h:1"])
    assert "go together" in alone.output
    assert isinstance(run(tmp_path / "none", "chain", "status").exception, ConfigError)
    assert not (tmp_path / "none").exists()
    monkeypatch.chdir(tmp_path)
    lost = CliRunner().invoke(cli, ["chain", "status"])
    assert isinstance(lost.exception, ConfigError)
    assert "which chain?" in lost.exception.message
    (tmp_path / "joey-data").symlink_to(folder)
    assert CliRunner().invoke(cli, ["chain", "status"]).exit_code == 0


def test_a_chain_that_does_not_answer_is_one_line() -> None:
    arguments = ["chain", "status", "--grpc", "http://127.0.0.1:1", "--rpc", "http://127.0.0.1:1"]
    result = CliRunner().invoke(cli, arguments)
    error: Any = result.exception
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, ChainUnavailable)
    assert "\n" not in error.message


def test_suppliers_of_all_services_and_of_one(folder: Path) -> None:
    documents = run_json(folder, "chain", "suppliers")
    addresses = sorted(address(name) for name in WORLD.suppliers)
    assert sorted(one["operator_address"] for one in documents) == addresses
    assert documents[0]["services"][0]["endpoints"][0]["rpc_type"] == "REST"
    assert run_json(folder, "chain", "suppliers", "--service", "text") == documents
    assert run_json(folder, "chain", "suppliers", "--service", "other") == []
    rows = read_table(run(folder, "chain", "suppliers").stdout)
    assert rows[0] == ["supplier", "POKT", "serves up to", "services"]
    assert [address("supplier 1"), "100000.000000", "text"] in rows


def test_applications_of_all_and_of_one_gateway(folder: Path) -> None:
    (document,) = run_json(folder, "chain", "applications")
    assert document["address"] == address("application")
    assert run_json(folder, "chain", "applications", "--gateway", address("gateway")) == [document]
    assert run_json(folder, "chain", "applications", "--gateway", address("poor")) == []
    rows = read_table(run(folder, "chain", "applications").stdout)
    assert rows[0] == ["application", "service", "POKT", "pays up to", "gateways"]
    assert rows[1][:2] == [address("application"), "text"]
    assert rows[1][-1] == address("gateway")
    assert run_json(folder, "chain", "applications", "--height", "1") == []


def test_services(folder: Path) -> None:
    (document,) = run_json(folder, "chain", "services")
    assert (document["id"], document["card"]) == ("text", None)
    rows = read_table(run(folder, "chain", "services").stdout)
    assert rows[0] == ["service", "name", "compute units", "owner"]
    assert rows[1][0] == "text"
    assert rows[1][-2:] == [str(document["compute_units_per_relay"]), document["owner_address"]]
