"""How fast joey.http is, as server and as client, beside aiohttp in the same run.

    python -m speed.transport [--seconds 2] [--repeats 3]

Server on one core, client on another; each pair is measured `repeats` times, the pairs in turn, so
that a busy minute touches all. A call is a request of 330 bytes and a reply of 505; a stream is 36
events at once. The trickle sends an event each 5 ms and looks for the 40 ms mode that Nagle's
algorithm and delayed acknowledgements make of small writes.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise

import anyio
import anyio.to_thread
import uvloop

from joey.core.wire.envelope import HttpRequest
from joey.http.client import HttpClient
from joey.http.server import HttpServer, Response, ServerLimits, ServerRequest
from speed.machine import describe_machine
from speed.processes import Child, compute_quantile, pin, say, spread

REQUEST_BODY = b'{"model":"m","messages":[{"role":"user","content":"%s"}]}' % (b"x" * 277)
REPLY = b'{"id":"c","object":"chat.completion","choices":[{"message":{"content":"%s"}}]}' % (b"y" * 428)
EVENT = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"delta":{"content":"word"}}]}\n\n'
EVENTS = 36
TRICKLE_EVENTS = 100
TRICKLE_GAP_S = 0.005
CONCURRENCY = 16
DEADLINE_S = 60.0


async def pause(seconds: float) -> None:
    await anyio.sleep(seconds)


async def send_events(path: str) -> AsyncIterator[bytes]:
    if path == "/stream":
        for _ in range(EVENTS):
            yield EVENT
            await anyio.lowlevel.checkpoint()
    else:
        for _ in range(TRICKLE_EVENTS):
            yield EVENT
            await pause(TRICKLE_GAP_S)


# Servers.


async def serve_ours() -> None:
    async def handle(request: ServerRequest) -> Response:
        if request.path == "/call":
            return Response(200, (("content-type", "application/json"),), REPLY)
        return Response(200, (("content-type", "text/event-stream"),), send_events(request.path))

    def refuse(status: int, reason: str) -> Response:
        return Response(status, (), reason.encode())

    server = HttpServer(handle, host="127.0.0.1", port=0, limits=ServerLimits(drain_s=0), refuse=refuse)
    async with anyio.create_task_group() as tasks:
        say(await tasks.start(server.serve))
        await wait_for_end()
        tasks.cancel_scope.cancel()


async def serve_aiohttp() -> None:
    from aiohttp import web

    async def call(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=REPLY, content_type="application/json")

    async def stream(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        async for event in send_events(request.path):
            await response.write(event)
        await response.write_eof()
        return response

    app = web.Application()
    app.router.add_post("/call", call)
    app.router.add_post("/stream", stream)
    app.router.add_post("/trickle", stream)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    say(runner.addresses[0])
    await wait_for_end()
    await runner.cleanup()


async def proxy_ours(address: tuple[str, int]) -> None:
    client = HttpClient(body_bytes_max=1 << 20)
    url = f"http://{address[0]}:{address[1]}"
    headers = (("content-type", "application/json"),)

    async def handle(request: ServerRequest) -> Response:
        forwarded = HttpRequest(request.method, url + request.path, headers, request.body)
        answer = await client.request(forwarded, deadline=anyio.current_time() + DEADLINE_S)
        return Response(answer.status, (("content-type", "application/json"),), answer.body)

    def refuse(status: int, reason: str) -> Response:
        return Response(status, (), reason.encode())

    server = HttpServer(handle, host="127.0.0.1", port=0, limits=ServerLimits(drain_s=0), refuse=refuse)
    async with anyio.create_task_group() as tasks:
        say(await tasks.start(server.serve))
        await wait_for_end()
        tasks.cancel_scope.cancel()
    await client.aclose()


async def proxy_aiohttp(address: tuple[str, int]) -> None:
    import aiohttp
    from aiohttp import web

    url = f"http://{address[0]}:{address[1]}"
    async with aiohttp.ClientSession() as session:

        async def call(request: web.Request) -> web.Response:
            body = await request.read()
            async with session.post(
                url + request.path, data=body, headers={"content-type": "application/json"}
            ) as answer:
                return web.Response(body=await answer.read(), content_type="application/json")

        app = web.Application()
        app.router.add_post("/call", call)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        say(runner.addresses[0])
        await wait_for_end()
        await runner.cleanup()


async def wait_for_end() -> None:
    await anyio.to_thread.run_sync(sys.stdin.read)


# Clients. A fetch returns the loop's times at which parts of the body came.

Fetch = Callable[[str], Awaitable[list[float]]]


async def load_ours(address: tuple[str, int]) -> None:
    client = HttpClient(body_bytes_max=1 << 20)
    base = f"http://{address[0]}:{address[1]}"
    headers = (("content-type", "application/json"),)

    async def fetch(path: str) -> list[float]:
        request = HttpRequest("POST", base + path, headers, REQUEST_BODY)
        deadline = anyio.current_time() + DEADLINE_S
        if path == "/call":
            await client.request(request, deadline=deadline)
            return []
        times = []
        async with client.open(request, deadline=deadline) as exchange:
            async for _ in exchange.chunks():
                times.append(time.perf_counter())
        return times

    await obey(fetch)
    await client.aclose()


async def load_aiohttp(address: tuple[str, int]) -> None:
    import aiohttp

    base = f"http://{address[0]}:{address[1]}"
    headers = {"content-type": "application/json"}
    async with aiohttp.ClientSession() as session:

        async def fetch(path: str) -> list[float]:
            times = []
            async with session.post(base + path, data=REQUEST_BODY, headers=headers) as response:
                if path == "/call":
                    await response.read()
                else:
                    async for _ in response.content.iter_any():
                        times.append(time.perf_counter())
            return times

        await obey(fetch)


async def obey(fetch: Fetch) -> None:
    """Do what the parent asks, line by line: {path, seconds, concurrency} or {path: /trickle}."""
    await fetch("/call")
    say("ready")
    while line := await anyio.to_thread.run_sync(sys.stdin.readline):
        order = json.loads(line)
        if order["path"] == "/trickle":
            sent = time.perf_counter()
            times = await fetch("/trickle")
            say({"first": times[0] - sent, "gaps": [b - a for a, b in pairwise(times)]})
            continue
        done = 0
        began = time.perf_counter()
        end = began + order["seconds"]

        async def work(path: str, until: float) -> None:
            nonlocal done
            while time.perf_counter() < until:
                await fetch(path)
                done += 1

        async with anyio.create_task_group() as tasks:
            for _ in range(order["concurrency"]):
                tasks.start_soon(work, order["path"], end)
        say({"done": done, "seconds": time.perf_counter() - began})


# The parent.

PAIRS = [("ours", "ours"), ("aiohttp", "ours"), ("ours", "aiohttp"), ("aiohttp", "aiohttp")]


def measure(seconds: float, repeats: int) -> dict[str, object]:
    children: list[tuple[str, Child, Child]] = []
    stack: list[Child] = []
    try:
        for server_kind, client_kind in PAIRS:
            server = Child(__file__, f"serve_{server_kind}", core=0)
            stack.append(server)
            address = server.hear()
            client = Child(__file__, f"load_{client_kind}", address, core=1)
            stack.append(client)
            client.hear()
            children.append((f"{server_kind} server, {client_kind} client", server, client))
        results: dict[str, object] = {}
        for path in ("/call", "/stream"):
            samples: dict[str, dict[str, list[float]]] = {}
            for _ in range(repeats):
                for name, server, client in children:
                    row = samples.setdefault(name, {"per_s": [], "server_cpu_ms": [], "client_cpu_ms": []})
                    before = server.cpu_s(), client.cpu_s()
                    client.tell({"path": path, "seconds": seconds, "concurrency": CONCURRENCY})
                    heard = client.hear()
                    row["per_s"].append(heard["done"] / heard["seconds"])
                    row["server_cpu_ms"].append(1e3 * (server.cpu_s() - before[0]) / heard["done"])
                    row["client_cpu_ms"].append(1e3 * (client.cpu_s() - before[1]) / heard["done"])
            results[path.strip("/")] = {
                name: {measure: spread(values) for measure, values in row.items()}
                for name, row in samples.items()
            }
        results["proxy"] = measure_proxies(stack, seconds, repeats)
        trickle: dict[str, object] = {}
        for name, _, client in children:
            gaps: list[float] = []
            firsts: list[float] = []
            for _ in range(repeats):
                client.tell({"path": "/trickle"})
                heard = client.hear()
                gaps += [1e3 * gap for gap in heard["gaps"]]
                firsts.append(1e3 * heard["first"])
            trickle[name] = {
                "first_ms": spread(firsts, 2),
                "gap_ms": {
                    f"p{share:g}": round(compute_quantile(gaps, share / 100), 2) for share in (50, 99)
                },
                "gap_ms_max": round(max(gaps), 2),
                "share_35_to_45_ms": sum(35 <= gap <= 45 for gap in gaps) / len(gaps),
                "merged": repeats * (TRICKLE_EVENTS - 1) - len(gaps),
            }
        results["trickle"] = trickle
        return results
    finally:
        for child in reversed(stack):
            child.__exit__(None, None, None)


def measure_proxies(stack: list[Child], seconds: float, repeats: int) -> dict[str, object]:
    """Measure a server and a client in one process, as in a gateway: the plumbing of one call."""
    origin = Child(__file__, "serve_ours", core=1)
    stack.append(origin)
    address = origin.hear()
    pairs: dict[str, tuple[Child, Child]] = {}
    for kind in ("ours", "aiohttp"):
        proxy = Child(__file__, f"proxy_{kind}", address, core=0)
        stack.append(proxy)
        client = Child(__file__, "load_ours", proxy.hear(), core=1)
        stack.append(client)
        client.hear()
        pairs[kind] = proxy, client
    samples: dict[str, list[float]] = {kind: [] for kind in pairs}
    for _ in range(repeats):
        for kind, (proxy, client) in pairs.items():
            before = proxy.cpu_s()
            client.tell({"path": "/call", "seconds": seconds, "concurrency": CONCURRENCY})
            done = client.hear()["done"]
            samples[kind].append(1e3 * (proxy.cpu_s() - before) / done)
    return {f"{kind}, cpu_ms": spread(values) for kind, values in samples.items()}


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] == "--child":
        _, _, name, argument, core = sys.argv
        pin(json.loads(core))
        arguments = () if json.loads(argument) is None else (json.loads(argument),)
        uvloop.install()
        anyio.run(globals()[name], *arguments, backend_options={"use_uvloop": True})
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    assert options.repeats >= 1
    assert options.seconds > 0
    assert not math.isinf(options.seconds)
    result: dict[str, object] = {"machine": describe_machine(), "concurrency": CONCURRENCY}
    result |= measure(options.seconds, options.repeats)
    result["load_average_after"] = describe_machine()["load_average"]
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
