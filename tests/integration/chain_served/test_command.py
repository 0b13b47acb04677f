"""`joey chain serve` as a process: started, used, stopped, and killed at any moment."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from joey.core.crypto.keys import PrivateKey
from joey.core.units import Upokt
from joey.core.wire.messages import Send
from joey.core.wire.transactions import sign_transaction
from joey.testing.raw_protobuf import Fields, read_fields, write_fields
from joey.testing.worlds import make_key

KILLS = 100 if os.environ.get("JOEY_SOAK") else 5
PAYEE = make_key("payee").address
ANY_PORT = ("--grpc", "127.0.0.1:0", "--rpc", "127.0.0.1:0")


@dataclass(slots=True)
class Server:
    """A running command, with the lines that it began with."""

    process: subprocess.Popen[str]
    lines: dict[str, list[str]] = field(default_factory=dict)

    @property
    def rpc(self) -> str:
        return self.lines["rpc"][0]

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.rpc}/{path}", timeout=30) as response:
            return json.load(response)["result"]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@contextlib.contextmanager
def run_server(*arguments: str) -> Iterator[Server]:
    """Start the command and wait for its last line; kill it at the end if it still runs."""
    command = [sys.executable, "-m", "joey", "chain", "serve", *ANY_PORT, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            server = Server(process)
            assert process.stdout is not None
            for line in process.stdout:
                name, *rest = line.split()
                server.lines[name] = rest
                if name == "authority":
                    break
            else:
                assert process.stderr is not None
                pytest.fail(f"the command ended: {process.stderr.read()}")
            yield server
        finally:
            if process.poll() is None:
                process.kill()


def read_key(server: Server, name: str) -> PrivateKey:
    address, path = server.lines[name]
    key = PrivateKey.from_hex(Path(path).read_text().strip())
    assert key.address == address
    return key


def test_a_chain_is_begun_stopped_and_taken_up(tmp_path: Path) -> None:
    data = tmp_path / "chain"
    with run_server("--data", str(data), "--by-hand", "--chain-id", "by-hand-1") as server:
        assert server.lines["chain"][:4] == ["by-hand-1", "at", "block", "1,"]
        assert set(server.lines) == {"chain", "grpc", "rpc", "faucet", "validator", "dao", "authority"}
        key = read_key(server, "faucet")
        secret = (data / "keys" / "faucet.hex").read_text().strip()
        assert all(secret not in " ".join(rest) for rest in server.lines.values())
        assert server.get("joey_make_blocks?count=5")["height"] == "6"
        status = server.get("status")
        assert status["node_info"]["network"] == "by-hand-1"
        assert server.stop() == 0
    with run_server("--data", str(data), "--instant") as server:
        assert server.lines["chain"][:4] == ["by-hand-1", "at", "block", "6,"]
        number, _ = read_account(server, key.address)
        raw = sign_transaction(
            [Send(key.address, PAYEE, Upokt(1))], key, chain_id="by-hand-1", account_number=number, sequence=0
        )
        sent = server.get(f"broadcast_tx_sync?tx=0x{raw.hex()}")
        assert sent["code"] == 0, sent
        assert server.get(f"tx?hash=0x{sent['hash']}")["height"] == "7"
        assert server.stop(signal.SIGINT) == 0


def query(server: Server, path: str, request: bytes) -> Fields:
    """Call gRPC through CometBFT."""
    answer = server.get(f'abci_query?path="{path}"&data=0x{request.hex()}')["response"]
    assert answer["code"] == 0, answer
    return read_fields(base64.b64decode(answer["value"] or ""))


def read_account(server: Server, address: str) -> tuple[int, int]:
    """Return an account's number and sequence."""
    packed = query(server, "/cosmos.auth.v1beta1.Query/Account", write_fields((1, address)))
    account = read_fields(read_fields(packed[1][0])[2][0])
    return account.get(3, [0])[0], account.get(4, [0])[0]


def read_balance(server: Server, address: str) -> int:
    request = write_fields((1, address), (2, "upokt"))
    return int(read_fields(query(server, "/cosmos.bank.v1beta1.Query/Balance", request)[1][0])[2][0])


def test_a_server_stops_under_a_subscriber_that_does_not_answer(tmp_path: Path) -> None:
    with run_server("--data", str(tmp_path), "--by-hand") as server:
        host, _, port = server.rpc.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port))) as silent:
            silent.sendall(
                b"GET /websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
            )
            assert silent.recv(1024).startswith(b"HTTP/1.1 101")
            assert server.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--min-gas-price", "cheap"), "--min-gas-price must be a decimal"),
        (("--grpc", "nonsense"), "--grpc must look like"),
        (("--by-hand", "--instant"), "choose one of"),
        (("--data", "somewhere", "--ephemeral"), "choose one"),
    ],
)
def test_what_a_person_must_change_is_one_line(arguments: tuple[str, ...], text: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "joey", "chain", "serve", *ANY_PORT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for option in ("--grpc", "--rpc"):
            command = [
                sys.executable,
                "-m",
                "joey",
                "chain",
                "serve",
                *ANY_PORT,
                "--ephemeral",
                option,
                address,
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 2
            [line] = [line for line in done.stderr.splitlines() if "joey:" in line]
            assert "is taken" in line
            assert "Traceback" not in done.stderr


def test_the_wrong_chain_is_refused(tmp_path: Path) -> None:
    with run_server("--data", str(tmp_path), "--by-hand") as server:
        assert server.stop() == 0
    for arguments, text in (
        (("--chain-id", "other"), "holds the chain joey-local, not other"),
        (("--preset", "mainnet"), "began with other parameters than mainnet"),
    ):
        command = [
            sys.executable,
            "-m",
            "joey",
            "chain",
            "serve",
            *ANY_PORT,
            "--data",
            str(tmp_path),
            *arguments,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert text in done.stderr


def test_a_missing_extra_is_named() -> None:
    program = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'grpc' else find(name, *rest)\n"
        "sys.argv = ['joey', 'chain', 'serve', '--ephemeral']\n"
        "from joey.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'pip install "joey[shannon]"' in done.stderr


@pytest.mark.slow
def test_a_killed_server_loses_no_committed_transaction(tmp_path: Path) -> None:
    """What was seen in a block stays in it; what was only broadcast is in a block or nowhere.

    Each round sends payments of one upokt, watches some of them into blocks, and kills the process
    while others are on their way, sometimes at once and sometimes after more blocks.
    """
    chance = random.Random(20260105)
    seen: dict[str, str] = {}
    sent: set[str] = set()
    arguments = ("--data", str(tmp_path), "--block-interval", "0.02")
    for _ in range(KILLS):
        with run_server(*arguments) as server:
            key = read_key(server, "faucet")
            check_history(server, seen, sent)
            number, sequence = read_account(server, key.address)
            for place in range(chance.randrange(10, 30)):
                raw = sign_transaction(
                    [Send(key.address, PAYEE, Upokt(1))],
                    key,
                    chain_id="joey-local",
                    account_number=number,
                    sequence=sequence + place,
                )
                taken = server.get(f"broadcast_tx_sync?tx=0x{raw.hex()}")
                assert taken["code"] == 0, taken
                sent.add(taken["hash"])
                if chance.random() < 0.3:
                    found = find_transaction(server, taken["hash"])
                    if found is not None:
                        seen[taken["hash"]] = found
            if chance.random() < 0.5:
                seen.update(watch(server, taken["hash"]))
            server.process.kill()
            server.process.wait(timeout=60)
    with run_server(*arguments) as server:
        paid = check_history(server, seen, sent)
        assert seen, "some payments were watched into a block"
        assert read_balance(server, PAYEE) == paid
        assert read_account(server, read_key(server, "faucet").address)[1] == paid
        assert server.stop() == 0


def check_history(server: Server, seen: dict[str, str], sent: set[str]) -> int:
    """Check that what was seen is where it was, and return how many of those sent are in a block."""
    for name, height in seen.items():
        assert find_transaction(server, name) == height
    return sum(find_transaction(server, name) is not None for name in sent)


def find_transaction(server: Server, name: str) -> str | None:
    """Return the height of a transaction, if it is in a block."""
    try:
        found = server.get(f"tx?hash=0x{name}")
    except urllib.error.HTTPError:
        return None
    assert found["tx_result"]["code"] == 0
    return str(found["height"])


def watch(server: Server, name: str) -> dict[str, str]:
    """Ask until a transaction is in a block: the server makes fifty of them a second."""
    while (height := find_transaction(server, name)) is None:
        pass
    return {name: height}
