"""A chain served by one process, keys, stakes and looks by others, that know it by address only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from joey.adapters.keyrings.encrypted import read_key_secret

PASSPHRASE = "correct horse"


@dataclass(frozen=True)
class Served:
    """A chain that another process serves: its addresses, and the folder that holds its faucet's key."""

    grpc: str
    rpc: str
    data: Path
    keys: Path

    def run(self, *arguments: str, keys: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run `joey ARGUMENTS` against it."""
        where = ["--keys", str(keys or self.keys)] if "--from" in arguments else []
        return joey(*arguments, "--grpc", self.grpc, "--rpc", self.rpc, *where)

    def run_json(self, *arguments: str, keys: Path | None = None) -> Any:
        ended = self.run(*arguments, "--json", keys=keys)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)


def joey(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "joey", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "JOEY_PASSPHRASE": PASSPHRASE},
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Serve a new chain that makes a block for each transaction, until the test is over."""
    data = tmp_path / "chain"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "joey", "chain", "serve", "--data", str(data), "--instant"),
            *("--grpc", "127.0.0.1:0", "--rpc", "127.0.0.1:0"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    said: dict[str, str] = {}
    try:
        for line in process.stdout:
            name, _, value = line.partition(" ")
            said[name] = value.strip()
            if name == "authority":
                break
        yield Served(said["grpc"], said["rpc"], data, tmp_path / "keys")
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(30) in (0, 130, -15)


def test_a_supplier_from_nothing_over_the_network(served: Served, tmp_path: Path) -> None:
    made = joey("keys", "new", "operator", "--keys", str(served.keys), "--json")
    operator = json.loads(made.stdout)["address"]
    secret = read_key_secret(served.keys / "operator.json", PASSPHRASE)
    outputs = [made]

    def run(*arguments: str, keys: Path | None = None) -> Any:
        ended = served.run(*arguments, "--json", keys=keys)
        outputs.append(ended)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    faucet = served.data / "keys"
    sent = run("chain", "tx", "send", operator, "70000pokt", "--from", "faucet", "--yes", keys=faucet)
    assert run("chain", "tx", "show", sent["transaction"]["hash"])["code"] == 0

    service = tmp_path / "service.toml"
    service.write_text('id = "text"\nname = "Text"\ncompute_units_per_relay = 3000\n')
    run("stake", "service", str(service), "--from", "operator", "--yes")
    file = tmp_path / "supplier.toml"
    file.write_text(
        'stake = "60000pokt"\n[[services]]\nservice = "text"\n'
        'endpoints = [{ url = "https://node.example" }]\n'
    )
    arguments = ("stake", "supplier", str(file), "--from", "operator")
    dry = run(*arguments, "--dry-run")
    assert int(dry["fee"]["amount_upokt"]) >= 1
    assert dry["transaction"] is None
    staked = run(*arguments, "--yes")
    assert staked["changes"] == dry["changes"]
    supplier = run("chain", "supplier", operator)
    assert supplier["stake_upokt"] == "60000000000"
    assert run(*arguments, "--yes")["messages"] == []

    shown = joey("keys", "show", "operator", "--keys", str(served.keys))
    listed = joey("keys", "list", "--keys", str(served.keys))
    refused = served.run("chain", "app", operator)
    outputs += [shown, listed, refused]
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"joey: there is no application {operator} on the chain\n"
    for ended in outputs:
        for canary in (secret.key.secret.hex(), secret.mnemonic, PASSPHRASE):
            assert canary not in ended.stdout + ended.stderr


def test_the_same_chain_by_address_and_by_folder(served: Served) -> None:
    status = served.run_json("chain", "status")
    assert status["height"] >= 1
    by_folder = joey("chain", "status", "--data", str(served.data), "--json")
    assert json.loads(by_folder.stdout) == status
    params = served.run_json("chain", "params")
    assert params == json.loads(joey("chain", "params", "--data", str(served.data), "--json").stdout)


def test_a_chain_that_is_served_is_written_by_address_only(served: Served) -> None:
    to = json.loads(joey("keys", "new", "operator", "--keys", str(served.keys), "--json").stdout)["address"]
    arguments = ("chain", "tx", "send", to, "1pokt", "--from", "faucet", "--yes")
    ended = joey(*arguments, "--data", str(served.data))
    assert ended.returncode == 2
    assert "a running `joey chain serve` takes transactions at --grpc and --rpc" in ended.stderr
    assert served.run(*arguments, keys=served.data / "keys").returncode == 0


def test_what_the_chain_refuses_is_one_line(served: Served) -> None:
    ended = served.run(
        "chain", "tx", "unstake-gateway", "--from", "faucet", "--yes", keys=served.data / "keys"
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert "Traceback" not in ended.stderr


def test_the_settings_name_the_chain(served: Served, tmp_path: Path) -> None:
    config = tmp_path / "joey.toml"
    config.write_text(
        f'[chain]\nkind = "shannon"\ngrpc_urls = ["{served.grpc}"]\nrpc_urls = ["{served.rpc}"]\n'
    )
    ended = joey("chain", "status", "--config", str(config), "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["chain_id"] == "joey-local"
