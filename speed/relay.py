"""What one relay costs, per role: a real gateway and a real node, real ring signatures, a durable log.

    python -m speed.relay [--relays 600] [--repeats 3] [--profile]

Four processes: a client, the gateway, the node, and in the place of an engine a server that answers
at once with 505 bytes, or with a stream of 36 events. Gateway and node each have an embedded chain
of their own, made from the same genesis and the same transactions, so both see the same session; no
block is made while it is measured. Processor time is the scheduler's, per process; what is spent in
the engine and the client is not counted. Latency is set beside that of the same calls sent to the
engine directly, in the same run.
"""

from __future__ import annotations

import argparse
import cProfile
import functools
import io
import json
import os
import pstats
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import uvloop

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.clock import SystemClock
from joey.adapters.engines.openai import OpenAIEngine
from joey.adapters.entropy import SystemEntropy
from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.node import SqliteClaims, SqliteRelayLog, open_node_database
from joey.adapters.stores.sqlite.portal import PORTAL_MIGRATIONS, SqliteTenants, SqliteUsage
from joey.core.crypto.keys import verify_signature
from joey.core.crypto.ring import is_ring_valid, sign_ring
from joey.core.offers.offer import ServiceOffer
from joey.core.units import UPOKT_PER_POKT, NanoUsd, Upokt
from joey.core.wire.envelope import HttpRequest
from joey.core.wire.messages import StakeSupplier
from joey.core.wire.session import Session
from joey.gateway.access import hash_api_key
from joey.gateway.app import Delegation, Gateway
from joey.http.client import HttpClient
from joey.http.server import HttpServer, Response, ServerLimits, ServerRequest
from joey.node.app import Node, NodeService, NodeSupplier
from joey.ports.stores import Tenant
from joey.testing.worlds import World, make_genesis, make_key, make_supplier_config
from speed.machine import describe_machine
from speed.processes import Child, compute_quantile, pin, say, spread

PATH_CPU_PER_RELAY_MS = 2.303
"""Processor time of one relay in PATH, the network's own gateway, as its authors published it."""

API_KEY = "sk-joey-speed"
OFFER = ServiceOffer("text", "Text", ("stub",), NanoUsd(750_000))
WORLD = replace(
    World.of_service(OFFER.service_id, suppliers=1), application_stake=Upokt(900_000 * UPOKT_PER_POKT)
)
GATEWAY_CORE, NODE_CORE = 0, 1
CONCURRENCIES = (1, 16)
DEADLINE_S = 60.0
EVENTS = 36
EVENT = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"delta":{"content":"word"}}]}\n\n'
REPLY_START = b'{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"content":"'
REPLY_END = (
    b'"},"finish_reason":"stop"}],"usage":{"prompt_tokens":90,"completion_tokens":90,"total_tokens":180}}'
)
REPLY = REPLY_START + b"y" * (505 - len(REPLY_START) - len(REPLY_END)) + REPLY_END
QUESTION = {"model": "stub", "max_tokens": 100, "messages": [{"role": "user", "content": "x" * 250}]}


# The roles, one to a process.


async def run_engine(port: int) -> None:
    async def send() -> AsyncIterator[bytes]:
        for _ in range(EVENTS - 1):
            yield EVENT
            await anyio.lowlevel.checkpoint()
        yield b"data: [DONE]\n\n"

    async def handle(request: ServerRequest) -> Response:
        if b'"stream":true' in request.body:
            return Response(200, (("content-type", "text/event-stream"),), send())
        return Response(200, (("content-type", "application/json"),), REPLY)

    def refuse(status: int, reason: str) -> Response:
        return Response(status, (), reason.encode())

    server = HttpServer(handle, host="127.0.0.1", port=port, limits=ServerLimits(drain_s=0), refuse=refuse)
    async with anyio.create_task_group() as tasks:
        await tasks.start(server.serve)
        await obey()
        tasks.cancel_scope.cancel()


async def open_chain(node_port: int) -> tuple[LocalChain, Session]:
    """Return a chain on which everybody is staked; the same one wherever it is opened."""
    chain = await LocalChain.open(None, make_genesis(WORLD.names), instant=True)
    for staking in WORLD.stakings():
        message = staking.message
        if isinstance(message, StakeSupplier):
            address = message.operator_address
            url = f"http://127.0.0.1:{node_port}"
            message = replace(
                message, services=(make_supplier_config(OFFER.service_id, address, address, url=url),)
            )
        await chain.submit([message], make_key(staking.signer))
    application = make_key(WORLD.application).address
    while True:
        session = await chain.session(application, OFFER.service_id)
        if session is not None and session.suppliers:
            return chain, session
        await chain.make_block()


async def run_node(options: dict[str, Any]) -> None:
    chain, session = await open_chain(options["node_port"])
    database = open_node_database(Path(options["folder"]) / "node.db")
    engine = OpenAIEngine(f"http://127.0.0.1:{options['engine_port']}", models=OFFER.models, slots=64)
    node = Node(
        chain=chain,
        suppliers=[NodeSupplier(make_key(WORLD.suppliers[0]), (NodeService(OFFER, engine),))],
        relay_log=SqliteRelayLog(database),
        claims=SqliteClaims(database),
        port=options["node_port"],
        limits=ServerLimits(drain_s=0),
    )
    async with anyio.create_task_group() as tasks:
        await tasks.start(node.run)
        await obey(session.header.session_id, lambda: dict(node.counts))
        tasks.cancel_scope.cancel()
    await chain.aclose()
    database.close()


async def run_gateway(options: dict[str, Any]) -> None:
    chain, session = await open_chain(options["node_port"])
    database = Database(Path(options["folder"]) / "gateway.db", PORTAL_MIGRATIONS)
    tenants = SqliteTenants(database)
    await tenants.add(Tenant("acme", "portal"), hash_api_key(API_KEY))
    faults: dict[str, int] = {}
    gateway = Gateway(
        chain=chain,
        offers=[OFFER],
        delegations={
            OFFER.service_id: Delegation(make_key(WORLD.application).address, make_key(WORLD.gateway))
        },
        tenants=tenants,
        usage=SqliteUsage(database),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        host="127.0.0.1",
        port=options["gateway_port"],
        limits=ServerLimits(drain_s=0),
        on_outcome=lambda outcome: count(faults, "none" if outcome.fault is None else outcome.fault.code),
    )
    async with anyio.create_task_group() as tasks:
        await tasks.start(gateway.run)
        await obey(session.header.session_id, lambda: faults)
        tasks.cancel_scope.cancel()
    await chain.aclose()
    database.close()


def count(counts: dict[str, int], code: str) -> None:
    counts[code] = counts.get(code, 0) + 1


async def obey(name: object = "ready", report: Callable[[], object] = dict) -> None:
    """Say who this is, then do as told until the parent goes: `profile`, `report`."""
    say(name)
    profile: cProfile.Profile | None = None
    while line := await anyio.to_thread.run_sync(sys.stdin.readline):
        if json.loads(line) == "report":
            say(report())
        elif profile is None:
            profile = cProfile.Profile()
            profile.enable()
            say("profiling")
        else:
            profile.disable()
            text = io.StringIO()
            stats = pstats.Stats(profile, stream=text)
            stats.sort_stats("tottime").print_stats(45)
            stats.sort_stats("cumtime").print_stats(60)
            profile = None
            say(text.getvalue())


async def run_client() -> None:
    """Send what the parent orders, line by line, and say the latencies."""
    client = HttpClient(body_bytes_max=1 << 20)
    headers = (("Content-Type", "application/json"), ("Authorization", f"Bearer {API_KEY}"))
    say("ready")
    while line := await anyio.to_thread.run_sync(sys.stdin.readline):
        order = json.loads(line)
        body = json.dumps(QUESTION | ({"stream": True} if order["stream"] else {}), separators=(",", ":"))
        request = HttpRequest(
            "POST", f"http://127.0.0.1:{order['port']}/v1/chat/completions", headers, body.encode()
        )
        firsts: list[float] = []
        wholes: list[float] = []
        left = order["relays"]

        async def work(request: HttpRequest, firsts: list[float], wholes: list[float]) -> None:
            nonlocal left
            while left > 0:
                left -= 1
                began = time.perf_counter()
                received = b""
                async with client.open(request, deadline=anyio.current_time() + DEADLINE_S) as exchange:
                    async for part in exchange.chunks():
                        if not received:
                            firsts.append(time.perf_counter() - began)
                        received += part
                    if exchange.status != 200 or not received.endswith((b"}", b"data: [DONE]\n\n")):
                        raise RuntimeError(f"status {exchange.status}: {received[-500:]!r}")
                wholes.append(time.perf_counter() - began)

        began = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for _ in range(order["concurrency"]):
                tasks.start_soon(work, request, firsts, wholes)
        say({"seconds": time.perf_counter() - began, "first": firsts, "whole": wholes})
    await client.aclose()


# The parent.


def measure_floor() -> dict[str, float]:
    """Return what the signatures of one relay cost at least, in ms: the medians of many."""
    gateway, supplier = make_key(WORLD.gateway), make_key(WORLD.suppliers[0])
    ring = [make_key(WORLD.application).public_key, gateway.public_key]
    entropy = SystemEntropy()
    message = bytes(32)
    sign = functools.partial(sign_ring, message, ring, 1, gateway, entropy.random_scalar)
    ring_signature, signature = sign(), supplier.sign(message)
    works: dict[str, Callable[[], object]] = {
        "ring_sign": sign,
        "ring_verify": functools.partial(is_ring_valid, message, ring_signature),
        "response_sign": functools.partial(supplier.sign, message),
        "response_verify": functools.partial(verify_signature, supplier.public_key, message, signature),
    }
    floor: dict[str, float] = {}
    for name, work in works.items():
        times = []
        for _ in range(300):
            began = time.perf_counter()
            work()
            times.append(1e3 * (time.perf_counter() - began))
        floor[f"{name}_ms"] = round(statistics.median(times), 4)
    floor["gateway_ms"] = round(floor["ring_sign_ms"] + floor["response_verify_ms"], 4)
    floor["node_ms"] = round(floor["ring_verify_ms"] + floor["response_sign_ms"], 4)
    return floor


def measure_sync(folder: str) -> dict[str, float]:
    """Return how long this disk takes to make 4 KiB durable, in ms: no relay waits less for its record."""
    times = []
    with (Path(folder) / "sync").open("wb") as file:
        for _ in range(100):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(1e3 * (time.perf_counter() - began))
    return {f"p{share}_ms": round(compute_quantile(times, share / 100), 3) for share in (50, 99)}


def find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Bench:
    """The processes, and what is asked of them."""

    def __init__(self, folder: str) -> None:
        self.ports = {"engine": find_port(), "node": find_port(), "gateway": find_port()}
        options = {f"{name}_port": port for name, port in self.ports.items()} | {"folder": folder}
        self.engine = Child(__file__, "run_engine", self.ports["engine"], core=GATEWAY_CORE)
        self.engine.hear()
        self.roles = {
            "node": Child(__file__, "run_node", options, core=NODE_CORE),
            "gateway": Child(__file__, "run_gateway", options, core=GATEWAY_CORE),
        }
        sessions = {role.hear() for role in self.roles.values()}
        if len(sessions) != 1:
            raise RuntimeError(f"the roles see different sessions: {sessions}")
        self.client = Child(__file__, "run_client", core=NODE_CORE)
        self.client.hear()

    def close(self) -> None:
        for child in (self.client, *self.roles.values(), self.engine):
            child.__exit__(None, None, None)

    def send(self, target: str, relays: int, concurrency: int, stream: bool) -> dict[str, Any]:
        """Send calls to the gateway or the engine; return the client's times and the roles' CPU per call."""
        before = self._read_cpu()
        self.client.tell(
            {"port": self.ports[target], "relays": relays, "concurrency": concurrency, "stream": stream}
        )
        heard: dict[str, Any] = self.client.hear()
        heard["cpu_ms"] = {
            name: 1e3 * (now - before[name]) / relays for name, now in self._read_cpu().items()
        }
        return heard

    def _read_cpu(self) -> dict[str, float]:
        """Return each role's processor time, and the part of it that its event loop took."""
        spent: dict[str, float] = {}
        for name, role in self.roles.items():
            spent[name] = role.cpu_s()
            spent[f"{name}_loop"] = role.cpu_s(loop_only=True)
        spent["both"] = sum(spent[name] for name in self.roles)
        return spent

    def memory(self) -> dict[str, float]:
        return {name: role.rss_mib() for name, role in self.roles.items()}


def measure_calls(bench: Bench, relays: int, repeats: int, stream: bool) -> dict[str, object]:
    results: dict[str, object] = {}
    for concurrency in CONCURRENCIES:
        cpu: dict[str, list[float]] = {}
        rates: list[float] = []
        added: dict[str, list[float]] = {}
        for _ in range(repeats):
            direct = bench.send("engine", relays, concurrency, stream)
            relayed = bench.send("gateway", relays, concurrency, stream)
            for name, spent in relayed["cpu_ms"].items():
                cpu.setdefault(name, []).append(spent)
            rates.append(relays / relayed["seconds"])
            for kind in ("first", "whole"):
                for share in (50, 99):
                    over = [1e3 * compute_quantile(heard[kind], share / 100) for heard in (direct, relayed)]
                    added.setdefault(f"{kind}_byte_p{share}" if kind == "first" else f"p{share}", []).append(
                        over[1] - over[0]
                    )
        results[f"concurrency_{concurrency}"] = {
            "cpu_ms_per_relay": {name: spread(values, 3) for name, values in cpu.items()},
            "added_latency_ms": {name: spread(values, 2) for name, values in added.items()},
            "relays_per_s": spread(rates, 0),
        }
    return results


def measure(relays: int, repeats: int, profile: bool) -> dict[str, object]:
    results: dict[str, object] = {"ring_floor": measure_floor()}
    with tempfile.TemporaryDirectory() as folder:
        results["disk_sync_before"] = measure_sync(folder)
        bench = Bench(folder)
        try:
            memory: dict[str, object] = {"at_rest_mib": bench.memory()}
            for stream in (False, True):
                bench.send("gateway", 50, 4, stream)  # sessions are asked for, connections opened
            results["json"] = measure_calls(bench, relays, repeats, stream=False)
            results["stream"] = measure_calls(bench, relays, repeats, stream=True)
            memory["after_mib"] = bench.memory()
            results["disk_sync_after"] = measure_sync(folder)
            memory["relays"] = 100 + 2 * len(CONCURRENCIES) * repeats * relays
            results["memory"] = memory
            results["outcomes"] = {}
            for name, role in bench.roles.items():
                role.tell("report")
                results["outcomes"][name] = role.hear()  # type: ignore[index]
            if profile:
                show_profiles(bench, relays)
        finally:
            bench.close()
    return results


def show_profiles(bench: Bench, relays: int) -> None:
    """Print where the time goes, to standard error; profiled calls are slower and not in the results."""
    for stream in (False, True):
        for name, role in bench.roles.items():
            role.tell("profile")
            role.hear()
            bench.send("gateway", relays, 16, stream)
            role.tell("profile")
            print(f"== {name}, {'stream' if stream else 'json'}, {relays} relays", file=sys.stderr)
            print(role.hear(), file=sys.stderr)


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] == "--child":
        _, _, name, argument, core = sys.argv
        pin(json.loads(core))
        arguments = () if json.loads(argument) is None else (json.loads(argument),)
        uvloop.install()
        anyio.run(globals()[name], *arguments, backend_options={"use_uvloop": True})
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--relays", type=int, default=600, help="calls per measurement")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="print profiles to standard error")
    options = parser.parse_args()
    result: dict[str, object] = {
        "machine": describe_machine(),
        "path_published_cpu_ms_per_relay": PATH_CPU_PER_RELAY_MS,
    }
    result |= measure(options.relays, options.repeats, options.profile)
    result["load_average_after"] = describe_machine()["load_average"]
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
