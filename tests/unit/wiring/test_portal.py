from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.portal import PORTAL_MIGRATIONS, SqliteTenants
from joey.config import ChainConfig, Config, GatewayConfig, OfferConfig
from joey.core.errors import ConfigError
from joey.core.wire.messages import DelegateToGateway, StakeApplication, StakeGateway, TransferApplication
from joey.gateway.app import Delegation
from joey.ports.stores import Tenant
from joey.testing.worlds import World, make_genesis, make_key
from joey.wiring.folder import open_folder
from joey.wiring.portal import check_delegation, open_portal, read_delegations

pytestmark = pytest.mark.anyio

WORLD = World.of_service("text")
APPLICATION, GATEWAY = make_key(WORLD.application), make_key(WORLD.gateway)
OFFER = OfferConfig(service="text", application=APPLICATION.address)


async def test_what_the_chain_lacks_is_named_with_the_command_that_adds_it() -> None:
    delegation = Delegation(APPLICATION.address, GATEWAY)
    chain = await LocalChain.open(None, make_genesis(WORLD.names), instant=True)

    async def find_fault() -> str:
        with pytest.raises(ConfigError) as caught:
            await check_delegation(chain, OFFER, "offers[0]", delegation)
        assert "\n" not in caught.value.message
        return caught.value.message

    assert "is not staked for text: run `joey stake application FILE`" in await find_fault()
    owner = make_key(WORLD.service_owner)
    await chain.submit([WORLD.stakings()[0].message], owner)
    stake = StakeApplication(APPLICATION.address, WORLD.application_stake, "text")
    await chain.submit([stake], APPLICATION)
    assert f"gateway {GATEWAY.address} is not staked: run `joey stake gateway FILE`" in await find_fault()
    await chain.submit([StakeGateway(GATEWAY.address, WORLD.gateway_stake)], GATEWAY)
    assert f"has not delegated to gateway {GATEWAY.address}: run" in await find_fault()
    await chain.submit([DelegateToGateway(APPLICATION.address, GATEWAY.address)], APPLICATION)
    await check_delegation(chain, OFFER, "offers[0]", delegation)
    with pytest.raises(ConfigError, match="is staked for text, not image"):
        await check_delegation(chain, OfferConfig(service="image"), "offers[0]", delegation)
    await chain.aclose()


async def test_an_application_may_sign_for_itself_without_a_gateway() -> None:
    chain = await LocalChain.open(None, make_genesis(WORLD.names), instant=True)
    await chain.submit([WORLD.stakings()[0].message], make_key(WORLD.service_owner))
    await chain.submit([StakeApplication(APPLICATION.address, WORLD.application_stake, "text")], APPLICATION)
    await check_delegation(chain, OFFER, "offers[0]", Delegation(APPLICATION.address, APPLICATION))
    await chain.aclose()


async def test_an_application_that_is_moving_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    chain = await LocalChain.open(None, make_genesis(WORLD.names), instant=True)
    await WORLD.stake(chain.submit)
    delegation = Delegation(APPLICATION.address, GATEWAY)
    await check_delegation(chain, OFFER, "offers[0]", delegation)
    assert caplog.records == []
    home = make_key("new home").address
    await chain.submit([TransferApplication(APPLICATION.address, home)], APPLICATION)
    await check_delegation(chain, OFFER, "offers[0]", delegation)
    (record,) = caplog.records
    assert f"offers[0]: application {APPLICATION.address} is moving to {home}" in record.getMessage()
    await chain.aclose()


def write_key(folder: Path, name: str) -> str:
    path = folder / f"{name}.hex"
    path.write_text(make_key(name).secret.hex())
    return f"file:{path}"


def test_each_offer_has_the_key_that_signs_for_it(tmp_path: Path) -> None:
    own = OfferConfig(service="own", application_key=write_key(tmp_path, "application"))
    config = Config(offers=(OFFER, own), gateway=GatewayConfig(key=write_key(tmp_path, "gateway")))
    assert read_delegations(config) == {
        "text": Delegation(APPLICATION.address, GATEWAY),
        "own": Delegation(APPLICATION.address, APPLICATION),
    }


def test_an_offer_without_an_application_or_with_two_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"offers\[0\].application is missing: name the address"):
        read_delegations(Config())
    with pytest.raises(ConfigError, match=r"gateway.key is missing: refer to a key"):
        read_delegations(Config(offers=(OFFER,)))
    both = OfferConfig(application=GATEWAY.address, application_key=write_key(tmp_path, "application"))
    with pytest.raises(ConfigError, match=r"application_key is that of .*: remove one of them"):
        read_delegations(Config(offers=(both,)))


async def test_a_chain_inside_another_process_is_refused_with_the_fix(tmp_path: Path) -> None:
    with open_folder(tmp_path) as folder, pytest.raises(ConfigError, match=r'set \[chain\] kind = "shannon"'):
        async with open_portal(Config(chain=ChainConfig()), folder, print, lambda outcome: None):
            pass


async def test_a_key_that_left_the_settings_lets_nobody_in() -> None:
    database = Database(None, PORTAL_MIGRATIONS)
    tenants, tenant = SqliteTenants(database), Tenant("acme", "acme")
    first, second = (hashlib.sha256(key).digest() for key in (b"first", b"second"))
    await tenants.set_keys(tenant, [first, second])
    assert await tenants.find(first) == tenant
    await tenants.set_keys(tenant, [second])
    assert await tenants.find(first) is None
    assert await tenants.find(second) == tenant
    database.close()


@pytest.mark.parametrize("text", ["two words", "schlüssel", "x" * 513])
async def test_what_could_never_be_sent_as_a_key_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("PORTAL_KEY", text)
    own = OfferConfig(service="text", application_key=write_key(tmp_path, "application"))
    shannon = ChainConfig(kind="shannon", grpc_urls=("http://127.0.0.1:1",), rpc_urls=("http://127.0.0.1:1",))
    gateway = GatewayConfig(listen="127.0.0.1:0", api_keys=("env:PORTAL_KEY",))
    config = Config(chain=shannon, offers=(own,), gateway=gateway)
    with open_folder(tmp_path / "data") as folder, pytest.raises(ConfigError, match="no API key") as caught:
        async with open_portal(config, folder, print, lambda outcome: None):
            pass
    assert text not in str(caught.value)
