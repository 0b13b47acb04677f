"""`joey chain tx`: transactions shown, confirmed, sent, and found again."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.cli.chain_options import ChainPlace
from joey.cli.sending import Sending, submit
from joey.core.errors import ChainUnavailable, ConfigError, InsufficientFunds, NotOnChain, TransactionRejected
from joey.core.units import UPOKT_PER_POKT, Upokt
from joey.core.wire.messages import DelegateToGateway, Send
from joey.core.wire.transactions import sign_transaction
from joey.testing.commands import (
    address,
    make_folder,
    make_world_genesis,
    read_table,
    run,
    run_json,
    with_chain,
)
from joey.testing.worlds import make_key
from joey.wiring.folder import open_folder
from joey.wiring.proposal import Proposal

PLACE = ChainPlace((), (), None, None)
MILLION = 1_000_000 * UPOKT_PER_POKT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "data")


def balance(folder: Path, name: str) -> int:
    async def read(chain: LocalChain) -> int:
        return await chain.balance(address(name))

    return int(with_chain(folder, read))


def height(folder: Path) -> int:
    return int(run_json(folder, "chain", "status")["height"])


def test_send(folder: Path) -> None:
    arguments = ("chain", "tx", "send", "--from", "newcomer", address("poor"), "12.5pokt")
    sent = run_json(folder, *arguments, "--yes")
    assert balance(folder, "poor") == 12_500_000
    assert sent["balance_before_upokt"] == str(MILLION)
    assert sent["balance_after_upokt"] == str(balance(folder, "newcomer"))
    assert sent["costs"] == [{"name": "sent", "amount_upokt": "12500000"}]
    shown = run_json(folder, "chain", "tx", "show", sent["transaction"]["hash"])
    assert (shown["code"], shown["height"]) == (0, sent["transaction"]["height"])
    assert shown["signers"] == [address("newcomer")]
    assert shown["messages"] == [
        {
            "type": "Send",
            "from_address": address("newcomer"),
            "to_address": address("poor"),
            "amount_upokt": "12500000",
        }
    ]
    rows = read_table(run(folder, "chain", "tx", "show", sent["transaction"]["hash"].lower()).stdout)
    assert ["result", "ok"] in rows
    assert ["Send", "amount_upokt", "12500000"] in rows


def test_a_dry_run_sends_nothing(folder: Path) -> None:
    before = height(folder)
    arguments = ("chain", "tx", "send", "--from", "newcomer", address("poor"), "5pokt", "--dry-run")
    result = run(folder, *arguments)
    assert result.exit_code == 0
    rows = read_table(result.stdout)
    assert ["balance before", "1,000,000.000000 POKT"] in rows
    assert ["sent", "-5.000000 POKT"] in rows
    assert ["balance after", "999,995.000000 POKT"] in rows
    assert rows[-1] == ["dry run: nothing was sent"]
    assert run_json(folder, *arguments)["transaction"] is None
    assert (height(folder), balance(folder, "poor")) == (before, 0)


def test_for_people_the_result_is_told(folder: Path) -> None:
    result = run(folder, "chain", "tx", "send", "--from", "newcomer", address("poor"), "1upokt", "--yes")
    rows = dict(row for row in read_table(result.stdout) if len(row) == 2)
    assert rows["result"] == "ok"
    assert rows["balance"] == "999,999.999999 POKT"
    assert len(rows["transaction"]) == 64
    assert make_key("newcomer").secret.hex() not in result.output


def test_nobody_to_ask_and_json_that_asks(folder: Path) -> None:
    arguments = ("chain", "tx", "send", "--from", "newcomer", address("poor"), "1upokt")
    result = run(folder, *arguments)
    assert isinstance(result.exception, ConfigError)
    assert "say --yes" in result.exception.message
    assert "--json asks nothing" in run(folder, *arguments, "--json").output
    assert balance(folder, "poor") == 0


@pytest.mark.parametrize(
    "amount", ["5", "5 pokt", "0.5upokt", "-1pokt", "1.2345678pokt", "1POKT", "1e3pokt", "0pokt"]
)
def test_amounts_that_are_none(folder: Path, amount: str) -> None:
    result = run(folder, "chain", "tx", "send", "--yes", "--from", "newcomer", "--", address("poor"), amount)
    assert result.exit_code == 2, result.output
    assert balance(folder, "poor") == 0


def test_too_much_and_no_address(folder: Path) -> None:
    result = run(folder, "chain", "tx", "send", "--yes", "--from", "poor", address("newcomer"), "1upokt")
    assert isinstance(result.exception, InsufficientFunds)
    assert result.exit_code == 1
    assert "has 0.000000 POKT and needs 0.000001 POKT and the transaction's fee" in str(result.exception)
    result = run(folder, "chain", "tx", "send", "--yes", "--from", "newcomer", "pokt1x", "1upokt")
    assert "is not an address" in result.output


def test_delegation_taken_back_and_given_again(folder: Path) -> None:
    undone = run_json(
        folder, "chain", "tx", "undelegate", "--from", "application", address("gateway"), "--yes"
    )
    (change,) = undone["changes"]
    assert change["height"] == 9
    assert run_json(folder, "chain", "app", address("application"))["delegated_gateways"] == []
    run_json(folder, "chain", "tx", "delegate", "--from", "application", address("gateway"), "--yes")
    document = run_json(folder, "chain", "app", address("application"))
    assert document["delegated_gateways"] == [address("gateway")]


def test_the_chain_refuses_before_anything_is_sent(folder: Path) -> None:
    before = height(folder)
    result = run(folder, "chain", "tx", "delegate", "--from", "application", address("poor"), "--yes")
    assert isinstance(result.exception, TransactionRejected)
    assert result.exit_code == 1
    assert height(folder) == before


@pytest.mark.parametrize(
    ("command", "signer", "what"),
    [
        ("unstake-application", "application", "app"),
        ("unstake-gateway", "gateway", "gateway"),
        ("unstake-supplier", "supplier-1", "supplier"),
    ],
)
def test_unstaking(folder: Path, command: str, signer: str, what: str) -> None:
    sent = run_json(folder, "chain", "tx", command, "--from", signer, "--yes")
    leaves, back = sent["changes"]
    # The session of the next block ends at 8; four sessions of four blocks later the stake is back.
    assert (leaves["height"], back["height"]) == (9, 24)
    document = run_json(folder, "chain", what, address(signer.replace("-", " ")))
    assert document["unstake_session_end_height"] == 8

    async def go_on(chain: LocalChain) -> None:
        while (await chain.head()).height < 24:
            await chain.make_block()

    with_chain(folder, go_on)
    assert isinstance(run(folder, "chain", what, address(signer.replace("-", " "))).exception, NotOnChain)


def test_transfers(folder: Path) -> None:
    sent = run_json(
        folder,
        "chain",
        "tx",
        "transfer-service",
        "--from",
        "service-owner",
        "text",
        address("newcomer"),
        "--yes",
    )
    assert sent["transaction"]["height"] == height(folder)
    assert run_json(folder, "chain", "service", "text")["owner_address"] == address("newcomer")
    moved = run_json(
        folder, "chain", "tx", "transfer-application", "--from", "application", address("newcomer"), "--yes"
    )
    assert moved["messages"][0]["type"] == "TransferApplication"
    (change,) = moved["changes"]
    height_moved = change["height"]

    async def go_on(chain: LocalChain) -> tuple[bool, bool]:
        while (await chain.head()).height < height_moved - 1:
            await chain.make_block()
        before = await chain.application(address("newcomer"))
        await chain.make_block()
        after = await chain.application(address("newcomer"))
        return before is None, after is not None

    assert with_chain(folder, go_on) == (True, True)


def test_a_transaction_that_is_not_there(folder: Path) -> None:
    result = run(folder, "chain", "tx", "show", "00" * 32)
    assert isinstance(result.exception, NotOnChain)
    assert result.exit_code == 1


def test_a_folder_in_use_is_read_and_not_written(folder: Path) -> None:
    arguments = ("chain", "tx", "send", "--from", "newcomer", address("poor"), "1upokt")
    with open_folder(folder):
        assert height(folder) == 7
        assert run(folder, *arguments, "--dry-run").exit_code == 0
        result = run(folder, *arguments, "--yes")
    assert isinstance(result.exception, ConfigError)
    assert "in use by another joey" in result.exception.message
    assert balance(folder, "poor") == 0


def test_keys_by_reference(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("chain", "tx", "send", address("poor"), "1upokt", "--yes")
    run_json(folder, *arguments, "--from", f"file:{folder}/keys/newcomer.hex")
    monkeypatch.setenv("SIGNER", make_key("newcomer").secret.hex())
    run_json(folder, *arguments, "--from", "env:SIGNER")
    assert balance(folder, "poor") == 2
    result = run(folder, *arguments, "--from", "nobody")
    assert isinstance(result.exception, ConfigError)
    assert "there is no key nobody" in result.exception.message


def test_a_transaction_that_failed_in_its_block(folder: Path) -> None:
    async def fail(chain: LocalChain) -> str:
        state, _ = await chain.state_at()
        account = state.accounts.get(address("newcomer"))
        assert account is not None
        raw = sign_transaction(
            [DelegateToGateway(address("newcomer"), address("gateway"))],
            make_key("newcomer"),
            chain_id=await chain.chain_id(),
            account_number=account.number,
            sequence=account.sequence,
            gas_limit=1_000_000,
        )
        return (await chain.broadcast(raw)).hash

    transaction_hash = with_chain(folder, fail)
    document = run_json(folder, "chain", "tx", "show", transaction_hash)
    assert document["code"] != 0
    assert document["log"]
    assert document["height"] == 8
    rows = dict(row for row in read_table(run(folder, "chain", "tx", "show", transaction_hash).stdout)[:3])
    assert rows["result"].startswith("failed: ")
    assert "rpc error" not in rows["result"]
    assert rows["result"].endswith(f"({document['codespace']} {document['code']})")


def test_undelegating_says_whose_last_session_it_is(folder: Path) -> None:
    dry = run(folder, "chain", "tx", "undelegate", "--from", "application", address("gateway"), "--dry-run")
    assert "note: this session is the gateway's last: it may sign up to block" in dry.stdout


def test_a_chain_in_a_folder_takes_no_price_of_gas(folder: Path) -> None:
    arguments = ("chain", "tx", "send", "--from", "newcomer", address("poor"), "1pokt")
    assert "takes no fees" in run(folder, *arguments, "--gas-price", "0.1").stderr
    assert "a price is a decimal" in run(folder, *arguments, "--gas-price", "cheap").stderr


def test_a_transaction_without_a_block_is_looked_for_later(folder: Path) -> None:
    async def work(chain: LocalChain) -> None:
        sending = Sending(PLACE, "newcomer", None, None, dry_run=False, yes=True, as_json=True, wait_s=0.05)
        send = Send(address("newcomer"), address("poor"), Upokt(1))
        proposal = Proposal("send", (send,))
        with pytest.raises(ChainUnavailable, match=r"look later: joey chain tx show [0-9A-F]{64}$"):
            await submit(sending, proposal, make_key("newcomer"), chain)

    async def run_it() -> None:
        # Nobody makes a block of it.
        chain = await LocalChain.open(None, make_world_genesis())
        try:
            await work(chain)
        finally:
            await chain.aclose()

    anyio.run(run_it)
