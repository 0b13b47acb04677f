from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from joey.cli import cli


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "joey", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment},
    )


def test_help_names_every_command() -> None:
    ended = run("--help")
    assert ended.returncode == 0
    for command in ("up", "gateway", "node", "models", "economy", "vectors", "config"):
        assert f"\n  {command} " in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("nothing",), 2, "No such command"),
        (("up", "--once", " "), 2, "--once needs a question"),
        (("up", "--ephemeral", "--data", "x"), 2, "choose one"),
        (("up", "--config", "/nonexistent.toml"), 2, "cannot read /nonexistent.toml"),
        (("models", "path", "nothing"), 2, "no model is called 'nothing'"),
        (("economy", "invoices", "--data", "/nonexistent"), 2, "there are no books"),
        (("gateway", "--data", "/nonexistent"), 2, "no joey.toml was found in "),
        (("node", "--data", "/nonexistent"), 2, "[[node]] with supplier_key, listen and services"),
        (("chain", "serve", "--chain-id", "a b"), 2, "--chain-id is up to 50 letters, digits"),
        (("chain", "serve", "--grpc", "h:1", "--rpc", "h:1"), 2, "--grpc and --rpc are both h:1"),
        (("chain", "serve", "--grpc", "h:99999"), 2, "--grpc: a port is at most 65535, not 99999"),
        (("chain", "status", "--grpc", "h:99999", "--rpc", "h:1"), 2, "named like http://127.0.0.1:9090"),
        (("chain", "supplier", "pokt1x"), 2, "'pokt1x' is not an address"),
        (("chain", "tx", "show", "xyz"), 2, "'xyz' is not the hash of a transaction: 64 hexadecimal digits"),
        (("gateway", "--config", "/nonexistent.toml"), 2, "cannot read /nonexistent.toml"),
        (("node", "--config", "/nonexistent.toml"), 2, "cannot read /nonexistent.toml"),
        (("vectors", "/nonexistent"), 2, "does not exist"),
        (("keys", "show", "nobody", "--keys", "/nonexistent"), 2, "there is no key nobody"),
        (("chain", "status", "--data", "/nonexistent"), 2, "there is no folder /nonexistent"),
        (("stake", "gateway", "/nonexistent", "--from", "k", "--data", "/x"), 2, "cannot read"),
    ],
)
def test_errors_are_a_line_on_standard_error(arguments: tuple[str, ...], status: int, says: str) -> None:
    ended = run(*arguments)
    assert ended.returncode == status
    assert says in ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


def test_a_reader_who_leaves_is_no_failure() -> None:
    ended = subprocess.run(
        f"{sys.executable} -m joey config show | head -c 1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode in (0, 141)
    assert ended.stderr == ""


def test_no_command_is_cut_short_in_a_list() -> None:
    def walk(command: click.Command, path: str) -> Iterator[str]:
        if not isinstance(command, click.Group):
            return
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            if found.get_short_help_str(76).endswith("..."):
                yield f"{path} {name}"
            yield from walk(found, f"{path} {name}")

    assert list(walk(cli, "joey")) == []


def test_config_show_tells_what_was_set_and_hides_secrets() -> None:
    ended = run("config", "show", JOEY_GATEWAY__LISTEN="127.0.0.1:1")
    assert ended.returncode == 0
    lines = dict(line.split(" = ", 1) for line in ended.stdout.splitlines())
    assert lines["gateway.listen"] == '"127.0.0.1:1"    # set'
    assert json.loads(lines["gateway.attempts_max"]) == 3


def test_config_show_hides_the_credentials_of_an_address() -> None:
    ended = run("config", "show", JOEY_CHAIN__RPC_URLS='["https://user:hunter2@host:443/path"]')
    assert ended.returncode == 0, ended.stderr
    assert 'chain.rpc_urls = ["https://***@host:443/path"]' in ended.stdout
    assert "hunter2" not in ended.stdout
