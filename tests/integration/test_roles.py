"""Gateway and node as their commands open them, on a chain that is served in this process."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio
import httpx2
import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.chains.served import serve_chain
from joey.adapters.stores.sqlite.node import SqliteRelayLog, open_node_database
from joey.config import (
    ChainConfig,
    Config,
    EngineConfig,
    GatewayConfig,
    NodeConfig,
    NodeServiceConfig,
    OfferConfig,
)
from joey.core.errors import ConfigError
from joey.core.wire.messages import StakeSupplier
from joey.ports.stores import LoggedRelay
from joey.testing.nodes import start_chain
from joey.testing.worlds import World, make_key, make_supplier_config
from joey.wiring.folder import DataFolder, open_folder
from joey.wiring.portal import open_portal
from joey.wiring.suppliers import open_suppliers

pytestmark = pytest.mark.anyio

WORLD = World.of_service("text", suppliers=1)
SUPPLIER = make_key(WORLD.suppliers[0])


@dataclass
class Site:
    """A served chain, settings for both roles, and what they reported."""

    chain: LocalChain
    config: Config
    folder: DataFolder
    lines: list[str]

    async def wait_for(self, pattern: str) -> None:
        while not any(re.search(pattern, line) for line in self.lines):
            await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def run_site(tmp_path: Path) -> AsyncIterator[Site]:
    for name in (WORLD.gateway, WORLD.suppliers[0]):
        (tmp_path / f"{name}.hex").write_text(make_key(name).secret.hex())
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{holder.getsockname()[1]}"
    chain = await start_chain(WORLD)
    async with anyio.create_task_group() as tasks:
        served = await tasks.start(
            partial(serve_chain, chain, grpc_address="127.0.0.1:0", rpc_address="127.0.0.1:0")
        )
        config = Config(
            chain=ChainConfig(
                kind="shannon",
                grpc_urls=(f"http://{served.grpc}",),
                rpc_urls=(f"http://{served.rpc}",),
                poll_interval_s=0.05,
            ),
            offers=(OfferConfig("text", application=make_key(WORLD.application).address),),
            gateway=GatewayConfig("127.0.0.1:0", key=f"file:{tmp_path / WORLD.gateway}.hex"),
            node=(
                NodeConfig(
                    listen,
                    f"file:{tmp_path / WORLD.suppliers[0]}.hex",
                    (NodeServiceConfig("text", EngineConfig("echo")),),
                ),
            ),
        )
        with open_folder(tmp_path / "data") as folder:
            yield Site(chain, config, folder, [])
        tasks.cancel_scope.cancel()
    await chain.aclose()


async def test_a_staked_address_that_leads_elsewhere_is_a_warning_with_its_fix(tmp_path: Path) -> None:
    async with run_site(tmp_path) as site:
        async with open_suppliers(site.config, site.folder, tmp_path, site.lines.append) as urls:
            assert urls == [f"http://{site.config.node[0].listen}"]
            await site.wait_for("where supplier .* is staked, does not answer .* `joey stake supplier FILE`")
        site.lines.clear()
        address = SUPPLIER.address
        service = make_supplier_config("text", address, address, url=urls[0])
        await site.chain.submit([StakeSupplier(address, address, address, None, (service,))], SUPPLIER)
        for _ in range(4):
            await site.chain.make_block()
        async with open_suppliers(site.config, site.folder, tmp_path, site.lines.append):
            await site.wait_for(f"node 1 is that of {address}: echo")
            async with httpx2.AsyncClient() as http:
                health = (await http.get(f"{urls[0]}/health")).json()
        assert health["suppliers"] == [address]
        assert not any("where supplier" in line for line in site.lines)


async def test_a_node_that_is_still_owed_for_relays_serves_on_without_its_stake(tmp_path: Path) -> None:
    async with run_site(tmp_path) as site:
        node = replace(site.config.node[0], services=(NodeServiceConfig("other", EngineConfig("echo")),))
        offers = (*site.config.offers, OfferConfig("other", models=("other",)))
        config = replace(site.config, node=(node,), offers=offers)
        with pytest.RaisesGroup(ConfigError, flatten_subgroups=True) as caught:
            async with open_suppliers(config, site.folder, tmp_path, site.lines.append):
                pass
        assert "is not staked for other" in str(caught.value.exceptions)
        session = await site.chain.session(make_key(WORLD.application).address, "text")
        assert session is not None
        database = open_node_database(site.folder.node(1))
        evidence = LoggedRelay(bytes(32), b"what was served")
        await SqliteRelayLog(database).append(session.header, SUPPLIER.address, evidence)
        database.close()
        for _ in range(12):  # beyond its grace period, with its claim still due
            await site.chain.make_block()
        async with open_suppliers(config, site.folder, tmp_path, site.lines.append) as urls:
            assert urls == [f"http://{node.listen}"]
        assert any("what was served before is still claimed" in line for line in site.lines)


async def test_without_api_keys_one_is_made_and_kept(tmp_path: Path) -> None:
    async with run_site(tmp_path) as site:
        statuses = []
        for _ in range(2):
            async with (
                open_portal(site.config, site.folder, site.lines.append, lambda outcome: None) as url,
                httpx2.AsyncClient() as http,
            ):
                api_key = (site.folder.keys / "api-key").read_text().strip()
                for key in (api_key, "joey-wrong"):
                    reply = await http.get(f"{url}/v1/models", headers={"Authorization": f"Bearer {key}"})
                    statuses.append(reply.status_code)
        assert statuses == [200, 401, 200, 401]
        assert any("the API key is in" in line for line in site.lines)
        assert not any(api_key in line for line in site.lines)
