"""The node: relay server, miner and claimer for one or more suppliers, as one role.

Any POST is a relay; `GET /health` says that the process runs, `GET /ready` that it can serve.

It starts in the order of what cannot wait: it follows the chain, claims what is in the log, loads its
engines, which may take minutes and may fail, and serves.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus

from joey.core.crypto.ring import read_ring
from joey.core.errors import ConfigError
from joey.core.offers.answers import ANSWER_BYTES_MAX
from joey.core.protocol.windows import compute_grace_end
from joey.core.units import Height
from joey.core.wire.relay import decode_relay
from joey.http.server import HttpServer, Response, ServerLimits, ServerRequest
from joey.node.admission import Admission, NodeService, NodeSupplier
from joey.node.capacity import Capacity
from joey.node.claimer import Claimer
from joey.node.head import Head
from joey.node.refusals import refuse_unread
from joey.node.replays import ReplayGuard, compute_attempt_name
from joey.node.serve import RelayServer
from joey.node.sessions import Sessions
from joey.node.stake_meter import StakeMeter
from joey.ports.chain import Chain
from joey.ports.engine import Engine
from joey.ports.stores import Claims, LoggedRelay, LoggedSession, RelayLog

__all__ = ["Node", "NodeService", "NodeSupplier"]

_LAST_CLAIMS_S = 5.0
"""How long a node that cannot serve goes on with claims that are due at that moment."""


class Node:
    """See the module. It starts and stops the engines of its services.

    `deadline_s` is how long one relay may take, `answer_bytes_max` how long its answer may be;
    `limits.body_bytes_max` bounds the relay itself.
    """

    def __init__(
        self,
        *,
        chain: Chain,
        suppliers: Sequence[NodeSupplier],
        relay_log: RelayLog,
        claims: Claims,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: ServerLimits | None = None,
        deadline_s: float = 120.0,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
    ) -> None:
        self._chain = chain
        self._suppliers = {supplier.key.address: supplier for supplier in suppliers}
        if len(self._suppliers) != len(suppliers):
            raise ConfigError("two suppliers of a node have the same key: give each its own")
        self._relay_log = relay_log
        self._host = host
        self._port = port
        self._limits = limits or ServerLimits()
        self._deadline_s = deadline_s
        self._answer_bytes_max = answer_bytes_max
        self._head = Head(chain)
        self._sessions = Sessions(chain, self._head)
        self._meter = StakeMeter()
        self._replays = ReplayGuard()
        self._server: RelayServer | None = None
        keys = {address: supplier.key for address, supplier in self._suppliers.items()}
        self._claimer = Claimer(chain, self._head, relay_log, claims, keys)
        self._following = anyio.Event()

    @property
    def counts(self) -> Counter[str]:
        """How many relays ended how since the start, by error code or as `served` and `late`."""
        return Counter() if self._server is None else Counter(self._server.counts)

    async def wait_following(self) -> None:
        """Return once a running node follows the chain and claims: blocks made from then on miss nothing.

        That is before its engines are loaded, and never when `run` has failed before.
        """
        await self._following.wait()

    async def wait_done(self, height: Height) -> None:
        """Return once the node has done at `height` what is due there: claims, and their settlement."""
        await self._claimer.wait_done(height)

    async def run(self, *, task_status: TaskStatus[tuple[str, int]] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve, mine and claim until cancelled; started with the bound (host, port).

        Raises `ConfigError` when the log cannot be read, an engine cannot start or the address cannot
        be had.
        """
        try:
            await self._run_tasks(task_status)
        except ExceptionGroup as group:
            raise _find_config_error(group) or group from None

    async def _run_tasks(self, task_status: TaskStatus[tuple[str, int]]) -> None:
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._head.run)
            try:
                logged = await self._relay_log.sessions()
                await tasks.start(self._claimer.run, logged)
                self._following.set()
                await self._restore(logged)
            except (OSError, ValueError) as error:
                raise ConfigError(f"the node's file cannot be read: {error}; repair it or its disk") from None
            tasks.start_soon(self._forget_ended)
            async with AsyncExitStack() as engines:
                self._server = self._make_server(await self._start_engines(engines))
                server = HttpServer(
                    self._handle, host=self._host, port=self._port, limits=self._limits, refuse=refuse_unread
                )
                await server.serve(task_status=task_status)

    async def _start_engines(self, engines: AsyncExitStack) -> dict[Engine, Capacity]:
        try:
            return await self._start_each(engines)
        except ConfigError:
            with anyio.move_on_after(_LAST_CLAIMS_S):
                await self._claimer.wait_done(self._head.height)
            raise

    async def _start_each(self, engines: AsyncExitStack) -> dict[Engine, Capacity]:
        capacities = {}
        for engine, queue_max in self._list_engines().items():
            await engine.start()
            engines.push_async_callback(engine.stop)
            capacities[engine] = Capacity((await engine.status()).slots, queue_max)
        return capacities

    def _list_engines(self) -> dict[Engine, int]:
        """Return every engine once, with the longest queue that one of its services allows."""
        engines: dict[Engine, int] = {}
        for supplier in self._suppliers.values():
            for service in supplier.services:
                engines[service.engine] = max(service.queue_max, engines.get(service.engine, 0))
        return engines

    def _make_server(self, capacities: dict[Engine, Capacity]) -> RelayServer:
        admission = Admission(
            self._suppliers,
            self._sessions,
            self._meter,
            self._replays,
            body_bytes_max=self._limits.body_bytes_max,
        )
        return RelayServer(
            admission,
            capacities,
            self._head,
            self._relay_log,
            self._claimer.count,
            deadline_s=self._deadline_s,
            answer_bytes_max=self._answer_bytes_max,
        )

    async def _restore(self, sessions: Sequence[LoggedSession]) -> None:
        """Charge what was served before a restart, and refuse to serve it again.

        Only what may still be sent matters for that: sessions within their grace period. Raises
        `OSError`, and `ValueError` for what is no relay.
        """
        for logged in sessions:
            header, supplier = logged.header, logged.supplier_address
            self._sessions.remember_application(header.application_address)
            if compute_grace_end(header.height_end, self._head.shared) < self._head.height:
                continue
            self._meter.restore(header, supplier, logged.relays)
            relays = await self._relay_log.relays(header.session_id, supplier)
            self._replays.remember(header, *await anyio.to_thread.run_sync(_name_attempts, relays))

    async def _forget_ended(self) -> None:
        """Let go of sessions whose relays are not admitted any more, block by block."""
        height = Height(0)
        while True:
            height = await self._head.wait_beyond(height)
            grace = compute_grace_end(Height(0), self._head.shared)
            self._meter.forget_ended(Height(height - grace))
            self._replays.forget_ended(Height(height - grace))

    async def _handle(self, request: ServerRequest) -> Response:
        assert self._server is not None
        if request.method == "POST":
            return await self._server.answer(request)
        if request.method == "GET" and request.path.endswith("/health"):
            # By its suppliers an operator, and `joey node`, see whether a staked URL leads here.
            return _answer_json(200, {"status": "ok", "suppliers": sorted(self._suppliers)})
        if request.method == "GET" and request.path == "/ready":
            return await self._tell_ready()
        return _answer_json(405, {"error": "relays are sent by POST; see also GET /health and GET /ready"})

    async def _tell_ready(self) -> Response:
        engines = {
            service.offer.service_id: (await service.engine.status()).healthy
            for supplier in self._suppliers.values()
            for service in supplier.services
        }
        chain_fault = self._head.find_fault()
        reasons = [] if chain_fault is None else [chain_fault]
        reasons += [f"the engine of {name} is not healthy" for name, well in engines.items() if not well]
        body = {
            "ready": not reasons,
            "reasons": reasons,
            "height": self._head.height,
            "chain": chain_fault is None,
            "engines": engines,
            "relays": dict(self.counts),
        }
        return _answer_json(503 if reasons else 200, body)


def _name_attempts(relays: Sequence[LoggedRelay]) -> list[bytes]:
    """Return how the requests of relays are remembered."""
    return [
        compute_attempt_name(read_ring(decode_relay(relay.relay_bytes).request.signature)) for relay in relays
    ]


def _find_config_error(error: Exception) -> ConfigError | None:
    """Return what the operator must change, out of the groups that tasks wrap it in."""
    if isinstance(error, ExceptionGroup):
        return next(filter(None, map(_find_config_error, error.exceptions)), None)
    return error if isinstance(error, ConfigError) else None


def _answer_json(status: int, value: dict[str, object]) -> Response:
    return Response(status, (("Content-Type", "application/json"),), json.dumps(value).encode())
