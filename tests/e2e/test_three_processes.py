"""Chain, node and gateway as processes that know one another only by address, killed and taken up again."""

from __future__ import annotations

import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest
from anyio import to_thread

from joey.adapters.chains.shannon import open_shannon_chain
from joey.adapters.keyrings.encrypted import KeySecret, write_key_file
from joey.core.crypto.keys import PrivateKey
from joey.core.protocol.events import (
    ClaimCreated,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    ProofSubmitted,
)
from joey.core.units import UPOKT_PER_POKT, ComputeUnits, Height, Upokt
from joey.core.wire.messages import (
    AddService,
    DelegateToGateway,
    Message,
    Send,
    StakeApplication,
    StakeGateway,
    StakeSupplier,
)
from joey.core.wire.session import RevenueShare, RpcType, Service, ServiceConfig, SupplierEndpoint
from joey.ports.chain import Chain

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

StartJoey = Callable[..., AbstractContextManager[Any]]

SERVICE = "text-echo"
UNITS = ComputeUnits(1 << 20)
"""The most that a relay may cost: twenty in one session reach the threshold from which a proof is due."""

SETTLED_WITHIN_BLOCKS = 60
"""After the last relay. A session has four blocks and is settled thirteen after its end."""

API_KEY = "sk-three-processes"
PASSPHRASE = "a passphrase of tests"
QUESTION: list[Any] = [{"role": "user", "content": "one two three"}]
STAKE = Upokt(100_000 * UPOKT_PER_POKT)

SETTINGS = """
[chain]
kind = "shannon"
grpc_urls = ["{grpc_url}"]
rpc_urls = ["{rpc_url}"]
poll_interval_s = 0.2

[[offers]]
service = "text-echo"
models = ["echo"]
application = "{application}"

[gateway]
listen = "127.0.0.1:0"
key = "file:{folder}/gateway.hex"
api_keys = ["env:PORTAL_API_KEY"]

[[node]]
listen = "{node}"
supplier_key = "file:{folder}/supplier.json"

[[node.services]]
service = "text-echo"
engine = {{ kind = "echo", slots = 16 }}
"""


def make_key(name: str) -> PrivateKey:
    return PrivateKey.from_bytes(name.encode().rjust(32, b"\x01"))


OWNER, APPLICATION, GATEWAY, SUPPLIER = map(make_key, ("owner", "application", "gateway", "supplier"))


def find_free_addresses(count: int) -> list[str]:
    """Addresses that others know before anybody listens there, all different."""
    with ExitStack() as stack:
        holders = [stack.enter_context(socket.socket()) for _ in range(count)]
        for holder in holders:
            holder.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{holder.getsockname()[1]}" for holder in holders]


@dataclass
class Site:
    """Three commands and where they find one another."""

    folder: Path
    start_joey: StartJoey
    grpc: str = ""
    rpc: str = ""
    node: str = ""
    relays: int = 0
    heights: list[Height] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.grpc, self.rpc, self.node = find_free_addresses(3)
        (self.folder / "gateway.hex").write_text(GATEWAY.secret.hex())
        write_key_file(self.folder / "supplier.json", KeySecret(SUPPLIER), PASSPHRASE, name="supplier")
        (self.folder / "joey.toml").write_text(
            SETTINGS.format(
                grpc_url=f"http://{self.grpc}",
                rpc_url=f"http://{self.rpc}",
                node=self.node,
                application=APPLICATION.address,
                folder=self.folder,
            )
        )

    @contextmanager
    def run_chain(self, interval_s: float = 0.4) -> Iterator[Any]:
        options = ("--grpc", self.grpc, "--rpc", self.rpc, "--block-interval", str(interval_s))
        with self.start_joey("chain", "serve", "--data", str(self.folder / "chain"), *options) as process:
            process.wait_for_line(r"^rpc +http")
            yield process

    @contextmanager
    def run_role(self, name: str) -> Iterator[Any]:
        settings = ("--config", str(self.folder / "joey.toml"), "--data", str(self.folder / name))
        environment = {"PORTAL_API_KEY": API_KEY, "JOEY_PASSPHRASE": PASSPHRASE}
        with self.start_joey(name, *settings, environment=environment) as process:
            yield process

    @asynccontextmanager
    async def open_chain(self) -> AsyncIterator[Chain]:
        async with open_shannon_chain(
            [f"http://{self.grpc}"], [f"http://{self.rpc}"], poll_interval_s=0.2
        ) as chain:
            yield chain

    async def stake(self, chain: Chain) -> None:
        """Fund and stake everybody, by transactions of their own."""
        faucet = PrivateKey.from_hex((self.folder / "chain" / "keys" / "faucet.hex").read_text())
        people = (OWNER, APPLICATION, GATEWAY, SUPPLIER)
        await chain.submit([Send(faucet.address, key.address, Upokt(2 * STAKE)) for key in people], faucet)
        service = Service(SERVICE, "words", UNITS, OWNER.address)
        await chain.submit([AddService(OWNER.address, service)], OWNER)
        await chain.submit([StakeGateway(GATEWAY.address, STAKE)], GATEWAY)
        application, supplier = APPLICATION.address, SUPPLIER.address
        messages: list[Message] = [
            StakeApplication(application, STAKE, SERVICE),
            DelegateToGateway(application, GATEWAY.address),
        ]
        await chain.submit(messages, APPLICATION)
        config = ServiceConfig(
            service_id=SERVICE,
            endpoints=(SupplierEndpoint(f"http://{self.node}", RpcType.REST),),
            revenue_shares=(RevenueShare(supplier, 100),),
        )
        await chain.submit([StakeSupplier(supplier, supplier, supplier, STAKE, (config,))], SUPPLIER)
        async for _ in chain.follow():
            session = await chain.session(application, SERVICE)
            if session is not None and session.suppliers:
                return


@pytest.fixture
def site(tmp_path: Path, start_joey: StartJoey) -> Site:
    return Site(tmp_path, start_joey)


async def wait_for(process: Any, pattern: str) -> str:
    match = await to_thread.run_sync(partial(process.wait_for_line, pattern))
    return str(match[1])


async def kill(process: Any) -> None:
    await to_thread.run_sync(process.stop, signal.SIGKILL)


def connect(gateway_url: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=gateway_url, api_key=API_KEY, max_retries=0, timeout=60)


async def ask_once(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="echo", messages=QUESTION)
    assert answer.choices[0].message.content == "one two three"


async def ask(client: openai.AsyncOpenAI, count: int) -> None:
    """Ask as often, four at a time; every answer is whole and right."""

    async def ask_some(share: int) -> None:
        for _ in range(share):
            await ask_once(client)

    async with anyio.create_task_group() as tasks:
        for i in range(4):
            tasks.start_soon(ask_some, len(range(i, count, 4)))


async def ask_streamed(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="echo", messages=QUESTION, stream=True)
    words = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    assert "".join(words) == "one two three"


async def read_events(chain: Chain, since: Height, relays: int, node: Any) -> list[Any]:
    """Return what happened from a height on until so many relays are settled; none may be lost.

    It fails as soon as the node has ended or given something up, and after so many blocks in any case.
    """
    happened: list[Any] = []
    settled = 0
    height = since
    height_max = (await chain.head()).height + SETTLED_WITHIN_BLOCKS
    async for block in chain.follow():
        said = "\n".join(node.lines)
        assert node.process.poll() is None, f"the node has ended:\n{said}"
        assert "LOST" not in said, said
        while height <= block.height:
            for event in await chain.events(height):
                assert not isinstance(event, ClaimExpired | ClaimDiscarded), event
                happened.append(event)
                settled += event.num_relays if isinstance(event, ClaimSettled) else 0
            height = Height(height + 1)
        if settled >= relays:
            break
        assert block.height < height_max, f"{settled} of {relays} relays are settled:\n{said}"
    assert settled == relays
    return happened


def select(happened: Sequence[Any], kind: type) -> list[Any]:
    return [event for event in happened if isinstance(event, kind)]


async def test_an_answer_is_claimed_proved_and_paid_between_three_processes(site: Site) -> None:
    with site.run_chain():
        async with site.open_chain() as chain:
            await site.stake(chain)
            with site.run_role("node") as node, site.run_role("gateway") as gateway:
                assert await wait_for(node, r"^node 1 ready at (\S+)") == f"http://{site.node}"
                url = await wait_for(gateway, r"^gateway ready at (\S+)")
                supply, since = await chain.supply(), (await chain.head()).height
                application = await chain.application(APPLICATION.address)
                assert application is not None
                async with connect(url) as client:
                    await ask(client, 60)
                    await ask_streamed(client)
                happened = await read_events(chain, since, relays=61, node=node)
                settled = select(happened, ClaimSettled)
                burned = sum(event.settled for event in settled)
                assert burned == 61 * UNITS
                assert sum(event.minted for event in settled) == burned
                assert await chain.supply() == supply, "burned is minted"
                left = await chain.application(APPLICATION.address)
                assert left is not None
                assert application.stake - left.stake == burned
                large = [one for one in select(happened, ClaimCreated) if one.num_relays >= 20]
                proved = {one.header.session_id for one in select(happened, ProofSubmitted)}
                assert large, "61 relays take fewer than four sessions"
                assert {one.header.session_id for one in large} <= proved
                assert await to_thread.run_sync(gateway.stop, signal.SIGTERM) == 0
                assert await to_thread.run_sync(node.stop, signal.SIGTERM) == 0
                for process in (gateway, node):
                    assert not any("one two three" in line for line in process.lines)
                    assert not any("Traceback" in line for line in process.lines)


async def test_what_was_served_is_paid_though_node_and_chain_are_killed(site: Site) -> None:
    # A claim window lasts for three blocks: long enough to find a chain again that was killed.
    interval_s = 1.0
    with ExitStack() as first, ExitStack() as rest:
        chain_process = first.enter_context(site.run_chain(interval_s))
        async with site.open_chain() as chain:
            await site.stake(chain)
            node = first.enter_context(site.run_role("node"))
            gateway = rest.enter_context(site.run_role("gateway"))
            await wait_for(node, r"^node 1 ready at (\S+)")
            url = await wait_for(gateway, r"^gateway ready at (\S+)")
            since = (await chain.head()).height
            async with connect(url) as client:
                await ask(client, 8)
                await kill(node)
                with pytest.raises(openai.InternalServerError, match=r"supplier\.unreachable"):
                    await ask_once(client)
                node = rest.enter_context(site.run_role("node"))
                await wait_for(node, r"^node 1 ready at (\S+)")
                await ask(client, 8)
                await kill(chain_process)
                # The session that gateway and node know goes on without the chain.
                await ask(client, 4)
                rest.enter_context(site.run_chain(interval_s))
                happened = await read_events(chain, since, relays=20, node=node)
                # Neither has to be restarted after the chain was.
                await ask(client, 1)
            assert sum(one.settled for one in select(happened, ClaimSettled)) == 20 * UNITS
            assert gateway.process.poll() is None
            assert node.process.poll() is None


async def test_roles_wait_for_their_chain_and_say_what_it_lacks(site: Site) -> None:
    with site.run_role("gateway") as gateway, site.run_role("node") as node:
        for process in (gateway, node):
            await wait_for(process, "(waiting for the chain at)")
        with site.run_chain():
            await to_thread.run_sync(gateway.process.wait, 60)
            await to_thread.run_sync(node.process.wait, 60)
            said = await wait_for(gateway, r"^joey: (.*)")
            assert said.endswith(f"is not staked for {SERVICE}: run `joey stake application FILE`")
            said = await wait_for(node, r"^joey: (.*)")
            assert said.endswith(f"supplier {SUPPLIER.address} is not staked: run `joey stake supplier FILE`")
            assert gateway.process.returncode == node.process.returncode == 2
