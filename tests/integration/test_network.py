"""A whole network in this process, with engines that echo: begun, taken up again, topped up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.keyrings.file import FileKeyring
from joey.config import ChainConfig, Config, EngineConfig, GatewayConfig, NodeConfig, NodeServiceConfig
from joey.core.errors import ConfigError
from joey.core.protocol.params import MINIMAL
from joey.core.units import UPOKT_PER_POKT, ComputeUnits, Upokt
from joey.core.wire.messages import AddService, StakeApplication
from joey.core.wire.session import Service
from joey.testing.worlds import make_genesis as make_test_genesis
from joey.wiring.folder import open_folder
from joey.wiring.network import Network, open_network
from joey.wiring.purchase import ask
from joey.wiring.staking import Keys, fund, make_genesis, stake_application, stake_gateway

pytestmark = pytest.mark.anyio

CONFIG = Config(
    chain=ChainConfig(block_interval_s=0.1),
    gateway=GatewayConfig(listen="127.0.0.1:0"),
    node=(NodeConfig(services=(NodeServiceConfig(engine=EngineConfig(kind="echo")),)),),
)


@asynccontextmanager
async def run_network(config: Config, path: Path) -> AsyncIterator[Network]:
    with open_folder(path) as folder:
        async with open_network(config, folder, path, lambda line: None, lambda outcome: None) as network:
            yield network


async def test_a_network_is_taken_up_again_with_the_preset_it_began_with(tmp_path: Path) -> None:
    async with run_network(CONFIG, tmp_path) as network:
        assert (await ask(network, "one two three")).text == "one two three"
    other = replace(CONFIG, chain=ChainConfig(preset="mainnet"))
    with pytest.raises(ConfigError, match=r"began with chain\.preset 'minimal', not 'mainnet'"):
        async with run_network(other, tmp_path):
            pass
    async with run_network(CONFIG, tmp_path) as network:
        assert (await ask(network, "four five")).text == "four five"


async def test_a_chain_of_parameters_that_are_no_preset_any_more_is_taken_as_it_is(tmp_path: Path) -> None:
    keys = Keys.read(FileKeyring(tmp_path / "keys"), ["text-interactive"], 1)
    old = replace(MINIMAL, shared=replace(MINIMAL.shared, num_blocks_per_session=5))
    genesis = make_genesis(keys, old, make_test_genesis(["x"]).time)
    chain = await LocalChain.open(tmp_path / "chain.db", genesis)
    await chain.aclose()
    async with run_network(CONFIG, tmp_path) as network:
        assert (await ask(network, "one two three")).text == "one two three"
        params = await network.chain.params_at((await network.chain.head()).height)
        assert params.shared.num_blocks_per_session == 5


async def test_a_chain_of_other_accounts_is_refused_before_anything_runs(tmp_path: Path) -> None:
    keys = Keys.read(FileKeyring(tmp_path / "keys"), ["text-interactive"], 1)
    genesis = make_genesis(keys, MINIMAL, make_test_genesis(["x"]).time)
    (tmp_path / "served").mkdir()
    for folder, changed, says in (
        (tmp_path / "served", replace(genesis, authority=keys.gateway.address), "of `joey chain serve`"),
        (tmp_path, replace(genesis, balances={keys.gateway.address: Upokt(1)}), "began with other keys"),
    ):
        await (await LocalChain.open(folder / "chain.db", changed)).aclose()
        with pytest.raises(ConfigError, match=f"{says}.*name another folder|{says}.*another folder"):
            async with run_network(CONFIG, folder):
                pass


async def test_settings_of_a_network_by_address_are_not_those_of_joey_up(tmp_path: Path) -> None:
    shannon = ChainConfig(kind="shannon", grpc_urls=("http://a:1",), rpc_urls=("http://a:2",))
    with pytest.raises(ConfigError, match="start `joey gateway` and `joey node` instead"):
        async with run_network(replace(CONFIG, chain=shannon), tmp_path):
            pass


async def test_an_application_whose_stake_ran_low_is_topped_up(tmp_path: Path) -> None:
    keys = Keys.read(FileKeyring(tmp_path / "keys"), ["text"], 1)
    genesis = make_genesis(keys, MINIMAL, make_test_genesis(["x"]).time)
    chain = await LocalChain.open(None, genesis, instant=True)
    await fund(chain, keys, MINIMAL)
    owner, application = keys.service_owner, keys.applications["text"]
    await chain.submit(
        [AddService(owner.address, Service("text", "words", ComputeUnits(1), owner.address))], owner
    )
    await stake_gateway(chain, keys, MINIMAL)
    low = Upokt(9_999 * UPOKT_PER_POKT)  # just below a tenth of a full stake
    await chain.submit([StakeApplication(application.address, low, "text")], application)
    supply = await chain.supply()
    await stake_application(chain, keys, "text", MINIMAL)
    topped = await chain.application(application.address)
    assert topped is not None
    assert topped.stake == 100_000 * UPOKT_PER_POKT
    assert topped.delegated_gateways == (keys.gateway.address,)
    height = (await chain.head()).height
    await stake_application(chain, keys, "text", MINIMAL)
    assert (await chain.head()).height == height, "a full stake asks for no transaction"
    assert await chain.supply() == supply
    await chain.aclose()
