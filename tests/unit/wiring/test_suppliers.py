from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.engines.echo import EchoEngine
from joey.config import ChainConfig, Config, NodeConfig, NodeServiceConfig
from joey.core.errors import ConfigError
from joey.core.wire.messages import Send, UnstakeSupplier
from joey.http.client import HttpClient
from joey.testing.nodes import run_node, start_chain
from joey.testing.worlds import World, make_genesis, make_key
from joey.wiring.endpoints import find_endpoint_fault, find_engine_fault, find_port, mask_url
from joey.wiring.folder import open_folder
from joey.wiring.suppliers import check_stake, open_suppliers

pytestmark = pytest.mark.anyio

WORLD = World.of_service("text", suppliers=1)
SUPPLIER = make_key(WORLD.suppliers[0])
NODE = NodeConfig(listen="127.0.0.1:8545", services=(NodeServiceConfig("text"),))


async def test_a_supplier_that_is_not_staked_is_named_with_the_command_that_stakes_it() -> None:
    chain = await LocalChain.open(None, make_genesis(WORLD.names), instant=True)
    with pytest.raises(ConfigError, match="is not staked: run `joey stake supplier FILE`"):
        await check_stake(chain, NODE, SUPPLIER.address, "node[0]")
    await chain.aclose()


async def test_a_supplier_is_staked_for_all_that_its_node_serves() -> None:
    chain = await start_chain(WORLD)
    supplier, warnings = await check_stake(chain, NODE, SUPPLIER.address, "node[0]")
    assert supplier.operator_address == SUPPLIER.address
    assert warnings == []
    more = replace(NODE, services=(*NODE.services, NodeServiceConfig("image")))
    with pytest.raises(ConfigError, match=r"node\[0\]: supplier .* is not staked for image"):
        await check_stake(chain, more, SUPPLIER.address, "node[0]")
    await chain.aclose()


async def test_a_node_may_start_in_the_session_in_which_its_supplier_was_staked() -> None:
    chain = await LocalChain.open(None, make_genesis(WORLD.names), instant=True)
    await WORLD.stake(chain.submit)
    supplier = await chain.supplier(SUPPLIER.address)
    assert supplier is not None
    assert supplier.services == ()
    _, warnings = await check_stake(chain, NODE, SUPPLIER.address, "node[0]")
    begin = supplier.config_history[0].height_activation
    assert warnings == [f"supplier {SUPPLIER.address} serves text from block {begin} on"]
    await chain.aclose()


async def test_what_will_cost_money_is_a_warning() -> None:
    chain = await start_chain(WORLD)
    rest = await chain.balance(SUPPLIER.address)
    unstake = UnstakeSupplier(SUPPLIER.address, SUPPLIER.address)
    send = Send(SUPPLIER.address, make_key(WORLD.gateway).address, rest)
    await chain.submit([unstake, send], SUPPLIER)
    _, warnings = await check_stake(chain, NODE, SUPPLIER.address, "node[0]")
    assert [warning.partition(SUPPLIER.address)[2].split(":")[0] for warning in warnings] == [
        " is unstaking",
        " has no upokt for the fees of its claims",
    ]
    await chain.aclose()


async def test_a_staked_address_is_asked_whether_it_leads_to_the_node() -> None:
    chain = await start_chain(WORLD)
    http = HttpClient(body_bytes_max=65_536)
    async with run_node(EchoEngine(), chain=chain, world=WORLD) as bench:
        url = bench.url
        assert await find_endpoint_fault(http, url, SUPPLIER.address) is None
        assert await find_endpoint_fault(http, f"{url}/behind/a/path/", SUPPLIER.address) is None
        stranger = make_key("stranger").address
        fault = await find_endpoint_fault(http, url, stranger)
        assert fault == "is answered by the node of another supplier"
    fault = await find_endpoint_fault(http, url, SUPPLIER.address)
    assert fault is not None
    assert fault.startswith("does not answer (")
    fault = await find_endpoint_fault(http, "tcp://x", SUPPLIER.address)
    assert fault == "does not answer (the URL is not an absolute http or https URL)"
    await http.aclose()
    await chain.aclose()


async def test_an_engine_that_answers_anything_is_there() -> None:
    chain = await start_chain(WORLD)
    http = HttpClient(body_bytes_max=65_536)
    async with run_node(EchoEngine(), chain=chain, world=WORLD) as bench:
        assert await find_engine_fault(http, bench.url) is None
        url = bench.url
    assert await find_engine_fault(http, url) is not None
    await http.aclose()
    await chain.aclose()


@pytest.mark.parametrize(
    ("url", "port"), [("http://h:8545/x", 8545), ("http://h", 80), ("https://h", 443), ("wss://h/x", 443)]
)
def test_the_port_of_a_url(url: str, port: int) -> None:
    assert find_port(url) == port


def test_credentials_of_a_url_are_not_shown() -> None:
    assert mask_url("http://user:word@h:1/v1?key=x") == "http://h:1/v1"


SHANNON = ChainConfig(kind="shannon", grpc_urls=("http://127.0.0.1:1",), rpc_urls=("http://127.0.0.1:1",))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (Config(), 'set .chain. kind = "shannon"'),
        (Config(chain=SHANNON, node=()), "no node is set; add .*supplier_key, listen and services"),
        (Config(chain=SHANNON), r"node\[0\].listen must name the port"),
        (Config(chain=SHANNON, node=(NODE,)), r"node\[0\].supplier_key is missing"),
    ],
)
async def test_settings_that_are_not_those_of_a_node(tmp_path: Path, config: Config, says: str) -> None:
    with open_folder(tmp_path) as folder, pytest.raises(ConfigError, match=says):
        async with open_suppliers(config, folder, tmp_path, print):
            pass


async def test_two_nodes_do_not_share_a_supplier(tmp_path: Path) -> None:
    path = tmp_path / "supplier.hex"
    path.write_text(SUPPLIER.secret.hex())
    node = replace(NODE, supplier_key=f"file:{path}")
    with (
        open_folder(tmp_path / "data") as folder,
        pytest.raises(ConfigError, match="a supplier has one node"),
    ):
        async with open_suppliers(Config(chain=SHANNON, node=(node, node)), folder, tmp_path, print):
            pass
