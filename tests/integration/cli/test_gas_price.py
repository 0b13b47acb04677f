"""A full node with a least price of gas, and what the command line says and does about it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from joey.testing.worlds import make_key


class Node:
    """A chain that another process serves, at 0.001 upokt a gas or more."""

    def __init__(self, said: dict[str, str], keys: Path) -> None:
        self.grpc, self.rpc, self.keys = said["grpc"], said["rpc"], keys

    def send(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Send a little of the faucet's money."""
        return run(
            *("chain", "tx", "send", make_key("somebody").address, "1pokt", "--from", "faucet", "--yes"),
            *("--keys", str(self.keys), "--grpc", self.grpc.removeprefix("http://"), "--rpc", self.rpc),
            *options,
            **variables,
        )


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "joey", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "joey", "chain", "serve", "--data", str(tmp_path / "chain"), "--instant"),
            *("--grpc", "127.0.0.1:0", "--rpc", "127.0.0.1:0", "--min-gas-price", "0.001"),
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
        yield Node(said, tmp_path / "chain" / "keys")
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(30) in (0, 130, -15)


def test_a_price_that_is_too_low_is_told_with_the_one_that_suffices(node: Node) -> None:
    refused = node.send()
    assert refused.returncode == 1
    told = re.search(r"offer more: --gas-price ([0-9.]+) or chain\.gas_price_upokt", refused.stderr)
    assert told is not None, refused.stderr
    sent = node.send("--gas-price", told[1], "--json")
    assert sent.returncode == 0, sent.stderr
    document = json.loads(sent.stdout)
    assert f"transaction {document['transaction']['hash']}: sent, waiting for a block" in sent.stderr
    balances = [int(document[f"balance_{when}_upokt"]) for when in ("before", "after")]
    assert balances[0] - balances[1] == 1_000_000 + int(document["fee"]["amount_upokt"])
    by_variable = node.send(JOEY_CHAIN__GAS_PRICE_UPOKT=told[1])
    assert by_variable.returncode == 0, by_variable.stderr


def test_addresses_that_were_swapped_are_told(node: Node) -> None:
    ended = run("chain", "status", "--grpc", node.rpc, "--rpc", node.grpc)
    assert ended.returncode == 2
    assert "are swapped" in ended.stderr
