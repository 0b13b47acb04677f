"""`joey up --once`: a real answer, paid to the last upokt, in one command."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

RunJoey = Callable[..., subprocess.CompletedProcess[str]]
LISTEN = ("--listen", "127.0.0.1:0")


def test_one_question_is_answered_paid_invoiced_and_audited(
    run_joey: RunJoey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ended = run_joey("up", *LISTEN, "--ephemeral", "--once", "Who won the world series in 2020?")
    assert ended.returncode == 0, ended.stderr
    answer, trail = ended.stdout.split("\n  relay ", 1)
    assert len(answer.strip()) > 10
    assert re.match(r" +[0-9a-f]{64}\n", trail)
    assert re.search(r"session +[0-9a-f]{64}, blocks \d+ to \d+", trail)
    assert re.search(r"claim +root [0-9a-f]{96}", trail)
    assert "1 relay, 3000 compute units" in trail
    assert "burned   3000 upokt" in trail
    assert "minted   3000 upokt" in trail
    parts = [int(amount) for amount in re.findall(r"^ +(\d+) to ", trail, re.M)]
    assert sum(parts) == 3000
    assert "dollars  $0.00075 at $0.25 a POKT" in trail
    assert re.search(r"invoice  JOEY-\d{4}-W\d\d-demo-portal-1: 1 relay, 0.003000 POKT", trail)
    assert "burned 3000, minted 3000 upokt, supply unchanged" in trail
    assert list(tmp_path.iterdir()) == [], "an ephemeral network keeps nothing"


def test_a_question_that_is_too_long_fails_in_one_line(run_joey: RunJoey) -> None:
    ended = run_joey("up", *LISTEN, "--ephemeral", "--once", "why " * 200)
    assert ended.returncode == 1
    assert ended.stdout == ""
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("joey: the gateway answered 400: ")
    assert "at most 200 tokens" in last
    assert "Traceback" not in ended.stderr


def test_money_of_a_kept_network_goes_on_over_runs(run_joey: RunJoey, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number in (1, 2):
        ended = run_joey("up", *LISTEN, "--data", str(data), "--once", "Say yes.")
        assert ended.returncode == 0, ended.stderr
        assert f"demo-portal-{number}: 1 relay, 0.003000 POKT" in ended.stdout
    assert "burned 6000, minted 6000 upokt, supply unchanged" in ended.stdout
    audit = run_joey("economy", "audit", "--data", str(data))
    assert audit.returncode == 0, audit.stderr
    assert "every upokt is accounted for" in audit.stdout


def test_mainnet_parameters_burn_more_than_they_mint_and_the_books_agree(
    run_joey: RunJoey, tmp_path: Path
) -> None:
    settings = tmp_path / "joey.toml"
    settings.write_text('[chain]\npreset = "mainnet"\n')
    ended = run_joey("up", *LISTEN, "--config", str(settings), "--ephemeral", "--once", "Say yes.")
    assert ended.returncode == 0, ended.stderr
    # 20,549 compute units at 0.14599 upokt each, the nearest to $0.00075 at $0.25 a POKT; 0.975 of it minted.
    assert "burned   2999 upokt" in ended.stdout
    assert "minted   2924 upokt" in ended.stdout
    assert "balanced against the chain" in ended.stdout
