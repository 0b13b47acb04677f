"""`joey chain tx update-param`, `update-params` and `gateway-card`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.core.errors import ConfigError, TransactionRejected
from joey.core.protocol.params import MAINNET, NetworkParams
from joey.testing.commands import address, make_folder, read_table, run, run_json, with_chain
from joey.testing.worlds import make_genesis, make_key

SHARES = "dao=0.1,proposer=0.05,supplier=0.7,source_owner=0.125,application=0.025"


def make_governed(path: Path, params: NetworkParams) -> Path:
    """Make a folder whose chain obeys the key `governor`; nobody is staked."""
    (path / "keys").mkdir(parents=True)
    for name in ("governor", "somebody"):
        (path / "keys" / f"{name}.hex").write_text(make_key(name).secret.hex())
    genesis = make_genesis(["governor", "somebody"], params=params)
    genesis = replace(genesis, authority=make_key("governor").address)

    async def start() -> None:
        chain = await LocalChain.open(path / "chain.db", genesis, instant=True)
        await chain.aclose()

    anyio.run(start)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_governed(tmp_path / "data", MAINNET)


def set_param(folder: Path, *arguments: str) -> Any:
    return run_json(folder, "chain", "tx", "update-param", "--from", "governor", *arguments, "--yes")


def set_params(folder: Path, module: str, name: str, text: str) -> Any:
    file = folder / name
    file.write_text(text)
    arguments = ("chain", "tx", "update-params", "--from", "governor", module, str(file), "--yes")
    return run_json(folder, *arguments)


def refuse(folder: Path, *arguments: str) -> str:
    before = height(folder)
    result = run(folder, "chain", "tx", *arguments, "--yes")
    assert isinstance(result.exception, ConfigError | TransactionRejected), result.output
    assert result.exit_code != 0
    assert height(folder) == before
    return result.exception.message


def refuse_param(folder: Path, *arguments: str) -> str:
    return refuse(folder, "update-param", "--from", "governor", *arguments)


def refuse_params(folder: Path, module: str, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return refuse(folder, "update-params", "--from", "governor", module, str(folder / name))


def height(folder: Path) -> int:
    return int(run_json(folder, "chain", "status")["height"])


def live(folder: Path) -> Any:
    return run_json(folder, "chain", "params")["live"]


@pytest.mark.parametrize(
    ("module", "name", "value", "before", "after", "key", "kept"),
    [
        ("gateway", "min_stake", "6000pokt", "5000000000", "6000000000", "_upokt", "6000000000"),
        ("supplier", "staking_fee", "7upokt", "1", "7", "_upokt", "7"),
        ("service", "target_num_relays", "12345", "100000", "12345", "", 12345),
        ("proof", "proof_request_probability", "0.125", "0.01", "0.125", "", "0.125"),
        ("tokenomics", "global_inflation_per_claim", "0.0000005", "0.000001", "0.0000005", "", "0.0000005"),
    ],
)
def test_one_parameter_is_set_exactly_from_the_next_block_on(
    folder: Path, module: str, name: str, value: str, before: str, after: str, key: str, kept: object
) -> None:
    at = height(folder) + 1
    sent = set_param(folder, module, name, value)
    shown = {f"before{key}": before, f"after{key}": after}
    assert sent["changes"] == [{"what": f"{module}.{name}", **shown, "height": at}]
    assert live(folder)[module][f"{name}{key}"] == kept


def test_shares_and_an_address(folder: Path) -> None:
    (change,) = set_param(folder, "tokenomics", "mint_allocation_percentages", SHARES)["changes"]
    assert change["before"] == "dao=0.1,proposer=0,supplier=0.8,source_owner=0.1,application=0"
    assert change["after"] == SHARES
    set_param(folder, "tokenomics", "dao_reward_address", address("poor"))
    tokenomics = live(folder)["tokenomics"]
    assert tokenomics["dao_reward_address"] == address("poor")
    assert tokenomics["mint_allocation_percentages"]["source_owner"] == "0.125"


def test_what_sessions_go_by_changes_with_the_next_session(folder: Path) -> None:
    sent = set_param(folder, "shared", "compute_units_to_tokens_multiplier", "200000")
    (change,) = sent["changes"]
    assert (change["before"], change["after"], change["height"]) == ("145990", "200000", 21)
    assert sent["notes"] == ["what a block executes by, such as unbonding periods, changes with block 2"]
    (change,) = set_param(folder, "session", "num_suppliers_per_session", "9")["changes"]
    assert change["height"] == 21


def test_a_timing_that_waits_is_told_of_and_a_whole_set_keeps_it(folder: Path) -> None:
    sent = set_param(folder, "shared", "claim_window_close_offset_blocks", "8")
    assert sent["notes"] == ["block 21 itself still ends by the old timing"]
    arguments = ("update-param", "--from", "governor", "shared", "compute_unit_cost_granularity", "10")
    dry = run_json(folder, "chain", "tx", *arguments, "--dry-run")
    assert "this drops claim_window_close_offset_blocks = 8" in dry["notes"][-1]
    set_params(folder, "shared", "shared.toml", "compute_unit_cost_granularity = 10\n")
    ahead = run_json(folder, "chain", "params", "--height", "21")["session"]["shared"]
    assert ahead["compute_unit_cost_granularity"] == 10
    assert ahead["claim_window_close_offset_blocks"] == 8


def test_for_people_old_and_new_and_from_when(folder: Path) -> None:
    arguments = ("chain", "tx", "update-param", "--from", "governor", "gateway", "min_stake", "6000pokt")
    rows = read_table(run(folder, *arguments, "--dry-run").stdout)
    assert ["what", "on chain now", "will be", "from block"] in rows
    assert ["gateway.min_stake", "5,000.000000 POKT", "6,000.000000 POKT", "2"] in rows
    assert height(folder) == 1


def test_nothing_to_do(folder: Path) -> None:
    arguments = ("chain", "tx", "update-param", "--from", "governor", "gateway", "min_stake", "5000pokt")
    assert "the chain has it so already" in run(folder, *arguments, "--yes").stdout
    assert height(folder) == 1


def test_a_module_from_toml_exactly(folder: Path) -> None:
    sent = set_params(
        folder,
        "tokenomics",
        "wanted.toml",
        """
        mint_ratio = 0.9
        mint_equals_burn_claim_distribution = { dao = 0.05, proposer = 0.14, supplier = 0.78, \
source_owner = 0.03, application = 0 }
        """,
    )
    assert [(one["what"], one["before"], one["after"]) for one in sent["changes"]] == [
        (
            "tokenomics.mint_equals_burn_claim_distribution",
            "dao=0.045,proposer=0.14,supplier=0.79,source_owner=0.025,application=0",
            "dao=0.05,proposer=0.14,supplier=0.78,source_owner=0.03,application=0",
        ),
        ("tokenomics.mint_ratio", "0.975", "0.9"),
    ]
    tokenomics = live(folder)["tokenomics"]
    assert tokenomics["mint_ratio"] == "0.9"
    assert tokenomics["mint_equals_burn_claim_distribution"]["supplier"] == "0.78"
    assert tokenomics["global_inflation_per_claim"] == "0.000001"


@pytest.mark.parametrize("module", ["shared", "proof", "tokenomics", "supplier"])
def test_what_params_prints_can_be_sent_back(folder: Path, module: str) -> None:
    printed = live(folder)[module]
    (folder / "same.json").write_text(json.dumps(printed))
    arguments = ("chain", "tx", "update-params", "--from", "governor", module, str(folder / "same.json"))
    assert "the chain has it so already" in run(folder, *arguments, "--yes").stdout


def test_amounts_of_a_file_in_both_ways(folder: Path) -> None:
    set_params(folder, "supplier", "a.toml", 'min_stake = "50000pokt"\nstaking_fee_upokt = 3\n')
    assert live(folder)["supplier"] == {"min_stake_upokt": "50000000000", "staking_fee_upokt": "3"}
    set_params(folder, "supplier", "b.json", '{"min_stake_upokt": "50000000001"}')
    assert live(folder)["supplier"]["min_stake_upokt"] == "50000000001"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("share", "x", "1"), "no module 'share'; did you mean shared?"),
        (("banana", "x", "1"), "known here: shared, session, proof"),
        (("gateway", "min_steak", "1pokt"), "no parameter gateway.min_steak; did you mean min_stake?"),
        (("shared", "claim_window_offset_blocks", "1"), "claim_window_open_offset_blocks or"),
        (("shared", "session_grid_anchor_height", "1"), "the chain sets shared.session_grid_anchor_height"),
        (("gateway", "min_stake", "100"), "an amount is like 12.5pokt"),
        (("gateway", "min_stake", "0upokt"), "the chain would refuse this: min_stake must be positive"),
        (("gateway", "min_stake", "18446744073709551616upokt"), "at most 18446744073709551615"),
        (("shared", "num_blocks_per_session", "2.5"), "a whole number"),
        (("shared", "num_blocks_per_session", "10"), "must last for the 32 blocks"),
        (("proof", "proof_request_probability", "1e-3"), "a plain decimal"),
        (("proof", "proof_request_probability", "1e999999999"), "a plain decimal"),
        (("proof", "proof_request_probability", "1.5"), "0 to 1"),
        (("proof", "proof_request_probability", "0.12345678901234567891"), "would make"),
        (("tokenomics", "mint_ratio", "0.5"), "use update-params"),
        (("tokenomics", "mint_allocation_percentages", "dao=1"), "the five shares"),
        (("tokenomics", "mint_allocation_percentages", f"{SHARES},dao=0.1"), "named twice"),
        (("tokenomics", "mint_allocation_percentages", SHARES.replace("0.7", "0.8")), "sum to 1"),
        (("tokenomics", "dao_reward_address", "pokt1x"), "invalid dao reward address"),
    ],
)
def test_a_parameter_that_the_chain_cannot_have(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in refuse_param(folder, *arguments)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.toml", "min_steak = 1\n", "did you mean min_stake?"),
        ("a.toml", "min_stake = true\n", "an amount is like"),
        ("a.toml", "min_stake_upokt = 1.5\n", "a whole number"),
        ("a.toml", "staking_fee_upokt = true\n", "a whole number"),
        ("a.toml", "min_stake\n", "is not TOML"),
        ("a.toml", "", "names no parameter"),
        ("a.json", "[1]", "must be a table"),
        ("a.json", "{", "is not JSON"),
        ("a.json", '{"unknown": "00"}', "the chain sets supplier.unknown itself"),
    ],
)
def test_a_file_that_is_none(folder: Path, name: str, text: str, said: str) -> None:
    assert said in refuse_params(folder, "supplier", name, text)


def test_a_file_that_is_not_there_and_a_module_that_is_not(folder: Path) -> None:
    arguments = ("update-params", "--from", "governor")
    assert "cannot read" in refuse(folder, *arguments, "gateway", str(folder / "none.toml"))
    assert "did you mean gateway?" in refuse(folder, *arguments, "gatway", str(folder / "none.toml"))


def test_who_is_not_the_authority_is_told_before_anything_is_sent(folder: Path) -> None:
    said = refuse(folder, "update-param", "--from", "somebody", "gateway", "min_stake", "6000pokt")
    assert said.startswith(f"invalid authority; expected {address('governor')}, got {address('somebody')}")
    (folder / "a.toml").write_text('min_stake = "6000pokt"\n')
    said = refuse(folder, "update-params", "--from", "somebody", "gateway", str(folder / "a.toml"))
    assert "invalid authority" in said


def test_a_gateways_card(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "data")
    card = folder / "card.json"
    card.write_text('{"name": "Gate"}')
    arguments = ("chain", "tx", "gateway-card", str(card))
    sent = run_json(folder, *arguments, "--from", "gateway", "--yes")
    assert [(one["before"], one["after"]) for one in sent["changes"]] == [("none", "16 bytes")]

    async def read(chain: LocalChain) -> bytes:
        gateway = await chain.gateway(address("gateway"))
        assert gateway is not None
        return gateway.card

    assert with_chain(folder, read) == b'{"name": "Gate"}'
    again = run(folder, *arguments, "--from", "gateway", "--yes")
    assert "the chain has it so already" in again.stdout
    assert "is no staked gateway" in refuse(folder, *arguments[2:], "--from", "newcomer")
    card.write_text("{")
    assert "is not JSON" in refuse(folder, *arguments[2:], "--from", "gateway")
    card.write_text(json.dumps("x" * 256 * 1024))
    assert "at most 262144 bytes" in refuse(folder, *arguments[2:], "--from", "gateway")
    assert "cannot read" in refuse(folder, "gateway-card", str(folder / "none"), "--from", "gateway")
