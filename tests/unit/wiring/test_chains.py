from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.config import ChainConfig
from joey.core.errors import ChainUnavailable, ConfigError
from joey.testing.worlds import make_genesis
from joey.wiring.chains import ask_patiently, describe_chain, open_chain, require_address

pytestmark = pytest.mark.anyio

SHANNON = ChainConfig(
    kind="shannon",
    grpc_urls=("http://127.0.0.1:1",),
    rpc_urls=("http://user:secret@127.0.0.1:2/path",),
)


async def test_the_embedded_chain_is_opened_where_it_lies(tmp_path: Path) -> None:
    chain = await LocalChain.open(tmp_path / "chain.db", make_genesis(["one"]), instant=True)
    await chain.make_block()
    await chain.aclose()
    async with open_chain(ChainConfig(), data=tmp_path) as opened:
        assert (await opened.head()).height == 2
        assert await opened.chain_id() == "joey-test"


@pytest.mark.parametrize("data", [None, Path("/nonexistent")])
async def test_without_an_embedded_chain_the_fix_is_named(data: Path | None) -> None:
    with pytest.raises(ConfigError, match=r'name the folder of `joey up` .* or set chain\.kind = "shannon"'):
        async with open_chain(ChainConfig(), data=data):
            pass


async def test_an_unknown_kind_is_told_with_those_known() -> None:
    with pytest.raises(ConfigError, match="known are local, shannon"):
        async with open_chain(ChainConfig(kind="morse")):
            pass


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (replace(SHANNON, gas_price_upokt="cheap"), "chain.gas_price_upokt must be a decimal such as 0.001"),
        (replace(SHANNON, gas_price_upokt="-1"), "chain.gas_price_upokt must be 0 or more"),
        (replace(SHANNON, gas_margin="0.9"), "chain.gas_margin must be 1 or more"),
    ],
)
async def test_amounts_are_decimals(config: ChainConfig, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        async with open_chain(config):
            pass


async def test_where_nobody_answers_the_chain_is_unavailable_and_named_without_credentials() -> None:
    with pytest.raises(ChainUnavailable) as caught:
        async with open_chain(SHANNON):
            pass
    assert "secret" not in str(caught.value)
    assert describe_chain(SHANNON) == "127.0.0.1:1, 127.0.0.1:2"


def test_a_role_of_its_own_needs_an_address() -> None:
    require_address(SHANNON, "joey gateway")
    with pytest.raises(ConfigError, match="joey gateway needs a chain that it reaches by address"):
        require_address(ChainConfig(), "joey gateway")


async def test_a_silent_chain_is_asked_until_it_answers_and_told_of_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("joey.wiring.chains._RETRY_S", 0.0)
    lines: list[str] = []
    failures = [ChainUnavailable("down"), ChainUnavailable("still down")]

    async def ask() -> str:
        if failures:
            raise failures.pop(0)
        return "here"

    assert await ask_patiently(ask, "127.0.0.1:1", lines.append) == "here"
    assert lines == ["waiting for the chain at 127.0.0.1:1: down"]
