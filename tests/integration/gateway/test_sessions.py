"""Sessions end and applications change their minds; the portal goes on, or says what is missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import openai
import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.engines.echo import EchoEngine
from joey.core.errors import ConfigError, QuotaExceeded
from joey.core.wire.messages import DelegateToGateway, UndelegateFromGateway, UnstakeApplication
from joey.testing.nodes import OFFER as ECHO_OFFER
from joey.testing.nodes import run_node, start_chain
from joey.testing.portals import API_KEY, OFFER, Portal, run_gateway
from joey.testing.worlds import World, make_key, make_supplier_config

pytestmark = pytest.mark.anyio

Ask = Callable[..., Awaitable[Any]]
QUESTION = [{"role": "user", "content": "one two three"}]


def complete(client: openai.OpenAI, **members: Any) -> Any:
    return client.chat.completions.create(model="smollm2", messages=QUESTION, **members)


async def test_a_session_gives_way_to_the_next_without_a_failure(portal: Portal) -> None:
    settings: dict[str, Any] = {"base_url": f"{portal.url}/v1", "api_key": API_KEY, "max_retries": 0}
    async with openai.AsyncOpenAI(**settings) as client:
        for _ in range(12):
            await client.chat.completions.create(model="smollm2", messages=QUESTION)
            await portal.chain.make_block()
    assert portal.codes == [None] * 12
    assert len({outcome.session_id for outcome in portal.outcomes}) >= 3


async def test_an_application_that_is_gone_leaves_no_supplier(portal: Portal, ask: Ask) -> None:
    await portal.chain.submit([UnstakeApplication(portal.application_address)], make_key("application"))
    for _ in range(16):
        await portal.chain.make_block()
    with pytest.raises(
        openai.InternalServerError,
        match=r"no supplier serves text in this session, or application .* is not staked for it",
    ) as caught:
        await ask(portal, complete)
    assert caught.value.status_code == 503
    assert caught.value.code == "no_supplier_left"


async def test_a_gateway_without_a_delegation_says_so_and_recovers(ask: Ask) -> None:
    world = World.of_service(OFFER.service_id, suppliers=1)
    application, gateway = make_key(world.application), make_key(world.gateway)
    chain = await start_chain(world)
    await chain.submit([UndelegateFromGateway(application.address, gateway.address)], application)
    await pass_session(chain, world)
    async with run_gateway(chain, world) as portal:
        with pytest.raises(
            openai.InternalServerError, match=f"has not delegated to gateway {gateway.address}"
        ):
            await ask(portal, complete)
        await chain.submit([DelegateToGateway(application.address, gateway.address)], application)
        # In the same session: the ring is looked up anew, and the relay is signed and sent.
        with pytest.raises(openai.InternalServerError, match=r"tried 1: supplier\.unreachable"):
            await ask(portal, complete)
    await chain.aclose()


async def pass_session(chain: LocalChain, world: World) -> None:
    session = await chain.session(make_key(world.application).address, world.service.id)
    assert session is not None
    while (await chain.head()).height <= session.header.height_end:
        await chain.make_block()


async def test_a_quota_that_is_used_up_is_a_rate_limit_error(
    portal: Portal, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise QuotaExceeded("the quota of this key is used up")

    monkeypatch.setattr("joey.gateway.dispatch.check_request", refuse)
    with pytest.raises(openai.RateLimitError, match="used up") as caught:
        await ask(portal, complete)
    assert caught.value.code == "insufficient_quota"
    assert caught.value.response.headers["retry-after"] == "1"


async def test_with_a_real_node_behind_it() -> None:
    world = World.of_service(ECHO_OFFER.service_id, suppliers=1)
    chain = await start_chain(world)
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        config = make_supplier_config(world.service.id, bench.supplier, bench.supplier, url=bench.url)
        staking = world.stakings()[-1]
        await chain.submit(
            [replace(staking.message, stake=None, services=(config,))], make_key(staking.signer)
        )
        await pass_session(chain, world)
        await bench.catch_up()
        async with run_gateway(chain, world, offers=[ECHO_OFFER]) as portal:
            settings: dict[str, Any] = {"base_url": f"{portal.url}/v1", "api_key": API_KEY, "max_retries": 0}
            async with openai.AsyncOpenAI(**settings) as client:
                answer = await client.chat.completions.with_raw_response.create(
                    model="echo", messages=QUESTION
                )
                assert answer.parse().choices[0].message.content == "one two three"
                stream = await client.chat.completions.create(model="echo", messages=QUESTION, stream=True)
                words = [chunk.choices[0].delta.content or "" async for chunk in stream]
                assert "".join(words) == "one two three"
            assert portal.codes == [None, None]
        header = await bench.header()
        logged = await bench.relay_log.relays(header.session_id, bench.supplier)
        # The client's receipt, the gateway's record and the node's leaf are one thing.
        assert [relay.relay_hash for relay in logged] == [one.relay_hash for one in portal.outcomes]
        assert answer.headers["x-joey-relay-hash"] == logged[0].relay_hash.hex()
    await chain.aclose()


async def test_offers_that_cannot_be_sold_are_refused_at_the_start() -> None:
    world = World.of_service(OFFER.service_id, suppliers=1)
    chain = await start_chain(world)
    with pytest.raises(ConfigError, match="no application is set for service text"):
        async with run_gateway(chain, world, delegations={}):
            pass
    twice = replace(OFFER, name="again")
    with pytest.raises(ConfigError, match="model 'smollm2' is in two offers"):
        async with run_gateway(chain, world, offers=[OFFER, twice]):
            pass
    await chain.aclose()
