"""`joey stake`: from a small file to the chain, and what is refused before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from joey.cli import cli
from joey.core.errors import ConfigError, InsufficientFunds
from joey.testing.commands import address, make_folder, read_table, run, run_json
from joey.wiring.stake_file import (
    APPLICATION_EXAMPLE,
    GATEWAY_EXAMPLE,
    SERVICE_EXAMPLE,
    SUPPLIER_EXAMPLE,
    ApplicationFile,
    GatewayFile,
    ServiceFile,
    SupplierFile,
    read_stake_file,
)

SUPPLIER = """
stake = "60000pokt"
[[services]]
service = "text"
endpoints = [{ url = "https://node.example" }]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the world at block 7: the next session begins at 9."""
    return make_folder(tmp_path / "data")


def write(folder: Path, text: str) -> str:
    path = folder / "stake.toml"
    path.write_text(text)
    return str(path)


def refused(folder: Path, kind: str, text: str, signer: str = "newcomer") -> str:
    """Return why a file is refused; nothing may have been sent."""
    before = run_json(folder, "chain", "status")["height"]
    result = run(folder, "stake", kind, write(folder, text), "--from", signer, "--yes")
    assert isinstance(result.exception, ConfigError), (result.output, result.exception)
    assert result.stdout == ""
    assert run_json(folder, "chain", "status")["height"] == before
    return result.exception.message


@pytest.mark.parametrize(
    ("kind", "example", "reader"),
    [
        ("supplier", SUPPLIER_EXAMPLE, SupplierFile),
        ("application", APPLICATION_EXAMPLE, ApplicationFile),
        ("gateway", GATEWAY_EXAMPLE, GatewayFile),
        ("service", SERVICE_EXAMPLE, ServiceFile),
    ],
)
def test_the_example_is_a_file_that_can_be_read(
    tmp_path: Path, kind: str, example: str, reader: type[object]
) -> None:
    result = CliRunner().invoke(cli, ["stake", kind, "--example"])
    assert (result.exit_code, result.stdout) == (0, example)
    path = tmp_path / "example.toml"
    path.write_text(example)
    assert read_stake_file(reader, path) != reader()


def test_a_new_supplier_and_the_same_file_again(folder: Path) -> None:
    arguments = ("stake", "supplier", write(folder, SUPPLIER), "--from", "newcomer")
    sent = run_json(folder, *arguments, "--yes")
    by_what = {change["what"]: change for change in sent["changes"]}
    assert by_what["stake"] == {
        "what": "stake",
        "before_upokt": None,
        "after_upokt": "60000000000",
        "height": 8,
    }
    assert by_what["service text"]["height"] == 9
    assert sent["costs"] == [
        {"name": "stake", "amount_upokt": "60000000000"},
        {"name": "staking fee", "amount_upokt": "1"},
    ]
    assert sent["transaction"]["height"] == 8
    supplier = run_json(folder, "chain", "supplier", address("newcomer"))
    assert supplier["stake_upokt"] == "60000000000"
    assert supplier["owner_address"] == address("newcomer")
    (update,) = supplier["config_history"]
    assert update["height_activation"] == 9
    assert update["config"]["revenue_shares"] == [{"address": address("newcomer"), "percentage": 100}]
    again = run_json(folder, *arguments, "--yes")
    assert (again["messages"], again["transaction"]) == ([], None)
    assert "nothing to do" in run(folder, *arguments).stdout


def test_a_dry_run_shows_now_then_when_and_the_cost(folder: Path) -> None:
    text = SUPPLIER.replace("60000pokt", "150000pokt")
    result = run(folder, "stake", "supplier", write(folder, text), "--from", "supplier-1", "--dry-run")
    rows = read_table(result.stdout)
    assert ["stake", "100,000.000000 POKT", "150,000.000000 POKT", "8"] in rows
    share = f"100 % {address('supplier 1')}"
    assert [
        "service text", f"http://127.0.0.1:8545, {share}", f"https://node.example, {share}", "9",
    ] in rows  # fmt: skip
    assert ["balance before", "900,000.999999 POKT"] not in rows
    assert ["staking fee", "-0.000001 POKT"] in rows
    assert ["stake", "-50,000.000000 POKT"] in rows
    assert rows[-1] == ["dry run: nothing was sent"]
    assert run_json(folder, "chain", "supplier", address("supplier 1"))["stake_upokt"] == "100000000000"


def test_a_supplier_that_gives_stake_back_and_changes_nothing_else(folder: Path) -> None:
    arguments = ("stake", "supplier", write(folder, 'stake = "99999pokt"'), "--from", "supplier-1", "--yes")
    sent = run_json(folder, *arguments)
    assert sent["costs"][0] == {"name": "stake", "amount_upokt": "-1000000"}
    assert sent["messages"][0]["services"] == []
    after = int(sent["balance_after_upokt"]) - int(sent["balance_before_upokt"])
    assert after == 1_000_000 - 1 - int(sent["fee"]["amount_upokt"])


def share(first: str, second: str, one: int, two: int) -> str:
    parts = ((first, one), (second, two))
    entries = (f'{{ address = "{address(name)}", percent = {part} }}' for name, part in parts)
    return f"{SUPPLIER}shares = [{', '.join(entries)}]\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SUPPLIER.replace("60000pokt", "0.5pokt"), "stake: a supplier stakes at least 1000000upokt"),
        (SUPPLIER.replace("60000pokt", "0pokt"), "stake: a supplier stakes at least"),
        (SUPPLIER.replace("60000pokt", "60000"), "stake: an amount is like"),
        (SUPPLIER.replace('stake = "60000pokt"', ""), "stake: a new supplier names its stake"),
        ('stake = "60000pokt"', "services: a new supplier names at least one"),
        (
            SUPPLIER.replace('"text"', '"nope"'),
            "services[0].service: there is no service nope: publish it with `joey stake service FILE`",
        ),
        (
            SUPPLIER.replace("https:", "ftp:"),
            "services[0].endpoints[0].url: must be a host after one of http://",
        ),
        (SUPPLIER.replace("https://node.example", "https://"), "services[0].endpoints[0].url"),
        (
            SUPPLIER.replace('[{ url = "https://node.example" }]', "[]"),
            "services[0].endpoints: must be at least one",
        ),
        (
            SUPPLIER.replace('example" }', 'example", rpc = "soap" }'),
            "services[0].endpoints[0].rpc: must be one of",
        ),
        (SUPPLIER + SUPPLIER.partition('pokt"')[2], "services[1].service: text is named twice"),
        (share("newcomer", "gateway", 60, 50), "these sum to 110"),
        (share("newcomer", "gateway", 100, 0), "at least 1 and sum to 100"),
        (share("newcomer", "newcomer", 50, 50), "each address one share"),
        (
            SUPPLIER.replace("stake", 'owner = "pokt1x"\nstake', 1),
            "owner: must be an address such as pokt1..., in lower case, not 'pokt1x'",
        ),
        (SUPPLIER.replace("stake =", "steak =", 1), "unknown key steak; did you mean stake?"),
        ("stake = 1", "stake must be text in quotes"),
    ],
)
def test_a_supplier_that_the_chain_would_refuse(folder: Path, text: str, says: str) -> None:
    message = refused(folder, "supplier", text)
    assert says in message
    assert "stake.toml: " in message


def test_owner_and_operator(folder: Path) -> None:
    of_another = f'operator = "{address("supplier 1")}"\n' + SUPPLIER
    assert "neither its owner nor its operator" in refused(folder, "supplier", of_another)
    owned = f'owner = "{address("newcomer")}"\noperator = "{address("gateway")}"\n'
    assert "only the operator may change them" in refused(folder, "supplier", owned + SUPPLIER)
    taken = f'owner = "{address("newcomer")}"\n'
    run_json(folder, "stake", "supplier", write(folder, taken), "--from", "supplier-1", "--yes")
    back = f'owner = "{address("supplier 1")}"\n'
    message = refused(folder, "supplier", back, "supplier-1")
    assert f"only the owner, {address('newcomer')}, may name another" in message
    more = f'operator = "{address("supplier 1")}"\nstake = "100001pokt"\n'
    sent = run_json(folder, "stake", "supplier", write(folder, more), "--from", "newcomer", "--yes")
    assert sent["messages"][0]["signer_address"] == address("newcomer")
    less = f'operator = "{address("supplier 1")}"\nstake = "100000pokt"\n'
    shown = run_json(folder, "stake", "supplier", write(folder, less), "--from", "supplier-1", "--dry-run")
    assert shown["notes"] == [f"1000000upokt go back to the owner, {address('newcomer')}"]


def test_an_application_with_its_gateway(folder: Path) -> None:
    text = (
        f'stake = "5000pokt"\nservice = "text"\nspend_limit = "10pokt"\ngateways = ["{address("gateway")}"]\n'
    )
    sent = run_json(folder, "stake", "application", write(folder, text), "--from", "newcomer", "--yes")
    assert [message["type"] for message in sent["messages"]] == ["StakeApplication", "DelegateToGateway"]
    document = run_json(folder, "chain", "app", address("newcomer"))
    assert document["stake_upokt"] == "5000000000"
    assert document["spend_limit_per_session_upokt"] == "10000000"
    assert document["delegated_gateways"] == [address("gateway")]
    again = run_json(folder, "stake", "application", write(folder, text), "--from", "newcomer", "--yes")
    assert again["messages"] == []
    cleared = text.replace("10pokt", "0pokt").replace("5000pokt", "5001pokt")
    run_json(folder, "stake", "application", write(folder, cleared), "--from", "newcomer", "--yes")
    document = run_json(folder, "chain", "app", address("newcomer"))
    assert document["spend_limit_per_session_upokt"] is None


@pytest.mark.parametrize(
    ("text", "signer", "says"),
    [
        ('service = "text"', "newcomer", "stake: a new application names its stake"),
        ('stake = "1pokt"', "newcomer", "service: a new application names the service"),
        ('stake = "0.9pokt"\nservice = "text"', "newcomer", "stake: an application stakes at least"),
        ('stake = "9pokt"\nservice = "nope"', "newcomer", "service: there is no service nope"),
        (
            'stake = "9pokt"\nservice = "text"\nspend_limit = "5upokt"',
            "newcomer",
            "spend_limit: must be at least",
        ),
        ('stake = "9pokt"\nservice = "text"\ngateways = ["pokt1x"]', "newcomer", "not a staked gateway"),
        ('stake = "9999pokt"', "application", "stake: a change needs more than the 10000000000upokt"),
    ],
)
def test_an_application_that_the_chain_would_refuse(folder: Path, text: str, signer: str, says: str) -> None:
    assert says in refused(folder, "application", text, signer)


def test_a_gateway_only_grows(folder: Path) -> None:
    assert "at least 100upokt" in refused(folder, "gateway", 'stake = "99upokt"')
    assert "names its stake" in refused(folder, "gateway", "")
    assert "more than the 10000000000upokt" in refused(folder, "gateway", 'stake = "9999pokt"', "gateway")
    sent = run_json(
        folder, "stake", "gateway", write(folder, 'stake = "10001pokt"'), "--from", "gateway", "--yes"
    )
    assert sent["costs"] == [{"name": "stake", "amount_upokt": "1000000"}]
    assert run_json(folder, "chain", "gateway", address("gateway"))["stake_upokt"] == "10001000000"


def test_staking_again_takes_an_unstaking_back(folder: Path) -> None:
    run_json(folder, "chain", "tx", "unstake-gateway", "--from", "gateway", "--yes")
    assert "more than the" in refused(folder, "gateway", 'stake = "10000pokt"', "gateway")
    sent = run_json(
        folder, "stake", "gateway", write(folder, 'stake = "10001pokt"'), "--from", "gateway", "--yes"
    )
    assert [change["what"] for change in sent["changes"]] == ["stake", "unstaking"]
    assert run_json(folder, "chain", "gateway", address("gateway"))["unstake_session_end_height"] is None


def test_a_service_and_another_price(folder: Path) -> None:
    (folder / "card.json").write_text('{"modality": "chat"}')
    text = 'id = "image"\nname = "Images"\ncompute_units_per_relay = 700\ncard = "card.json"\n'
    sent = run_json(folder, "stake", "service", write(folder, text), "--from", "newcomer", "--yes")
    assert sent["costs"] == [{"name": "fee for a new service", "amount_upokt": "1000000"}]
    assert sent["notes"] == ["a relay costs 700 upokt at today's multiplier"]
    document = run_json(folder, "chain", "service", "image")
    assert document["card"] == {"modality": "chat"}
    dearer = 'id = "image"\ncompute_units_per_relay = 800\n'
    sent = run_json(folder, "stake", "service", write(folder, dearer), "--from", "newcomer", "--yes")
    (change,) = sent["changes"]
    assert (change["before"], change["after"]) == ("700", "800")
    assert change["height"] == 13
    assert sent["costs"] == []
    document = run_json(folder, "chain", "service", "image")
    assert (document["name"], document["compute_units_per_relay"]) == ("Images", 800)
    assert document["compute_units_per_relay_at_height"] == 700
    assert document["card"] == {"modality": "chat"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('id = "a b"', "id: must be at most 42"),
        ('id = "text"\ncompute_units_per_relay = 1', "belongs to"),
        ('id = "new"\ncompute_units_per_relay = 1', "name: must be 1 to 169"),
        ('id = "new"\nname = "n"', "compute_units_per_relay: must be 1 to 2097152, not 0"),
        ('id = "new"\nname = "n"\ncompute_units_per_relay = 2097153', "not 2097153"),
        ('id = "new"\nname = "n"\ncompute_units_per_relay = 1\ncard = "none.json"', "card: cannot read"),
    ],
)
def test_a_service_that_the_chain_would_refuse(folder: Path, text: str, says: str) -> None:
    assert says in refused(folder, "service", text)


def test_a_card_that_is_too_large(folder: Path) -> None:
    (folder / "card.json").write_bytes(b" " * (256 * 1024 + 1))
    text = 'id = "new"\nname = "n"\ncompute_units_per_relay = 1\ncard = "card.json"'
    assert "card: must be at most 262144 bytes, not 262145" in refused(folder, "service", text)


def test_too_little_money_is_said_before_anything_is_sent(folder: Path) -> None:
    result = run(folder, "stake", "supplier", write(folder, SUPPLIER), "--from", "poor", "--yes")
    assert isinstance(result.exception, InsufficientFunds)
    assert "has 0.000000 POKT and needs 60,000.000001 POKT and the transaction's fee" in str(result.exception)
    assert result.exit_code == 1


def test_no_file(folder: Path) -> None:
    result = run(folder, "stake", "gateway", str(folder / "none.toml"), "--from", "gateway", "--yes")
    assert isinstance(result.exception, ConfigError)
    assert "cannot read" in result.exception.message
