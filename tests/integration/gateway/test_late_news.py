"""Gateway and nodes ask full nodes of their own, of which one may be blocks behind the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import anyio
import openai
import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.engines.echo import EchoEngine
from joey.core.errors import ChainUnavailable, SessionExpired, SessionUnknown
from joey.core.units import Height
from joey.core.wire.session import Session
from joey.ports.chain import Block, Chain
from joey.testing.nodes import OFFER, NodeBench, run_node, start_chain
from joey.testing.portals import API_KEY, Portal, run_gateway
from joey.testing.worlds import World, make_key, make_supplier_config

pytestmark = pytest.mark.anyio

FAR = Height(1 << 40)
NOW = Height(0)
WORLD = World.of_service(OFFER.service_id, suppliers=1)
QUESTION: list[Any] = [{"role": "user", "content": "one two three"}]


class LateChain:
    """A full node that knows blocks up to `known`, and announces them up to `announced`."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain
        self.known = FAR
        self.announced = FAR

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    async def head(self) -> Block:
        block = await self._chain.block(min(self.known, (await self._chain.head()).height))
        assert block is not None
        return block

    async def follow(self) -> AsyncGenerator[Block, None]:
        async for block in self._chain.follow():
            if block.height > min(self.known, self.announced):
                await anyio.sleep_forever()
            yield block

    async def session(self, application: str, service: str, height: Height = NOW) -> Session | None:
        if height > self.known:
            raise ChainUnavailable(f"height {height} is ahead of this node")
        height = height or (await self.head()).height
        return await self._chain.session(application, service, height)


@asynccontextmanager
async def run_pair(
    *, node_sees: LateChain | None = None, gateway_sees: LateChain | None = None, chain: LocalChain
) -> AsyncIterator[tuple[NodeBench, Portal]]:
    """A node that is staked where it listens, drawn in the session that runs, and a gateway."""
    seen_as = None if node_sees is None else cast(Chain, node_sees)
    async with run_node(EchoEngine(), chain=chain, world=WORLD, seen_as=seen_as) as bench:
        config = make_supplier_config(WORLD.service.id, bench.supplier, bench.supplier, url=bench.url)
        staking = WORLD.stakings()[-1]
        await chain.submit(
            [replace(staking.message, stake=None, services=(config,))],  # type: ignore[call-arg]
            make_key(staking.signer),
        )
        await pass_session(chain)
        await bench.catch_up()
        async with run_gateway(cast(LocalChain, gateway_sees or chain), WORLD, offers=[OFFER]) as portal:
            yield bench, portal


async def find_session(chain: LocalChain) -> Session:
    session = await chain.session(make_key(WORLD.application).address, WORLD.service.id)
    assert session is not None
    return session


async def pass_session(chain: LocalChain) -> None:
    end = (await find_session(chain)).header.height_end
    while (await chain.head()).height <= end:
        await chain.make_block()


async def ask(portal: Portal, **options: Any) -> str:
    settings: dict[str, Any] = {"base_url": f"{portal.url}/v1", "api_key": API_KEY, "max_retries": 0}
    async with openai.AsyncOpenAI(**settings) as client:
        if not options.get("stream"):
            answer = await client.chat.completions.create(model="echo", messages=QUESTION, **options)
            return answer.choices[0].message.content or ""
        chunks = await client.chat.completions.create(model="echo", messages=QUESTION, **options)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])


async def wait_until_followed(portal: Portal, height: Height) -> None:
    """Return once the gateway has heard of a block: its health tells the height."""
    import httpx2

    async with httpx2.AsyncClient() as http:
        while (await http.get(f"{portal.url}/health")).json()["height"] < height:
            pass


@pytest.mark.parametrize("stream", [False, True])
async def test_a_node_that_is_behind_is_asked_in_the_session_that_it_knows(stream: bool) -> None:
    chain = await start_chain(WORLD)
    late = LateChain(chain)
    async with run_pair(node_sees=late, chain=chain) as (_, portal):
        assert await ask(portal, stream=stream) == "one two three"
        before = await find_session(chain)
        late.known = before.header.height_end
        await pass_session(chain)
        await wait_until_followed(portal, (await chain.head()).height)
        assert await ask(portal, stream=stream) == "one two three"
        assert portal.codes[-1] is None
        assert portal.outcomes[-1].session_id == before.header.session_id
        assert SessionUnknown.code in portal.codes
    await chain.aclose()


async def test_a_gateway_that_hears_late_of_new_blocks_asks_again_in_the_newest_session() -> None:
    chain = await start_chain(WORLD)
    late = LateChain(chain)
    async with run_pair(gateway_sees=late, chain=chain) as (bench, portal):
        assert await ask(portal) == "one two three"
        late.announced = (await chain.head()).height
        for _ in range(4):  # beyond the grace period of the session that the gateway knows
            await pass_session(chain)
        await bench.catch_up()
        assert await ask(portal) == "one two three"
        assert portal.codes == [None, SessionExpired.code, None]
        assert await ask(portal) == "one two three"
        assert portal.codes[3:] == [None], "the newest session is kept"
    await chain.aclose()


async def test_without_another_session_the_refusal_stands() -> None:
    chain = await start_chain(WORLD)
    late = LateChain(chain)
    async with run_pair(gateway_sees=late, chain=chain) as (bench, portal):
        assert await ask(portal) == "one two three"
        late.known = (await chain.head()).height
        for _ in range(4):
            await pass_session(chain)
        await bench.catch_up()
        with pytest.raises(openai.InternalServerError, match=r"tried 1: rejection\.session_expired"):
            await ask(portal)
    await chain.aclose()
