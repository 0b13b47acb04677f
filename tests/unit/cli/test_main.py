from __future__ import annotations

import json
import subprocess
import sys

import pytest


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
        (("gateway", "--config", "/nonexistent.toml"), 2, "cannot read /nonexistent.toml"),
        (("node", "--config", "/nonexistent.toml"), 2, "cannot read /nonexistent.toml"),
        (("vectors", "/nonexistent"), 2, "does not exist"),
        (("keys", "show", "nobody", "--keys", "/nonexistent"), 2, "there is no key nobody"),
        (("chain", "status", "--data", "/nonexistent"), 2, "there is no embedded chain"),
        (("stake", "gateway", "/nonexistent", "--from", "k", "--data", "/x"), 2, "cannot read"),
    ],
)
def test_errors_are_a_line_on_standard_error(arguments: tuple[str, ...], status: int, says: str) -> None:
    ended = run(*arguments)
    assert ended.returncode == status
    assert says in ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


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
