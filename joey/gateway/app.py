"""The portal as one role: built from plain values, run until cancelled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import anyio
from anyio.abc import TaskStatus

from joey.core.crypto.keys import PrivateKey
from joey.core.offers.answers import ANSWER_BYTES_MAX
from joey.core.offers.offer import ServiceOffer
from joey.gateway.access import Access
from joey.gateway.dispatch import Dispatcher, Line
from joey.gateway.routes import Routes
from joey.gateway.routing import ReputationRouting
from joey.gateway.usage import UsageCounter
from joey.http.client import HttpClient
from joey.http.server import HttpServer, ServerLimits
from joey.ports.chain import Chain
from joey.ports.clock import Clock
from joey.ports.entropy import Entropy
from joey.ports.policies import RoutingPolicy
from joey.ports.stores import Tenants, Usage
from joey.relaying.client import RelayClient
from joey.relaying.outcome import RelayOutcome
from joey.relaying.public_keys import PublicKeys
from joey.relaying.session_cache import SessionCache
from joey.relaying.signing import SessionSigner

__all__ = ["Delegation", "Gateway"]

_log = logging.getLogger("joey.gateway")


@dataclass(frozen=True, slots=True)
class Delegation:
    """An application that pays for a service, and the key of the gateway it delegates to."""

    application_address: str
    key: PrivateKey


class Gateway:
    """An OpenAI-compatible portal to the services of a network.

    `delegations` has one application for each service that `offers` name. `routing` replaces the
    built-in policy, which goes by reputation. `on_outcome` hears of every attempt that ended, in the
    event loop. At most `attempts_max` suppliers are asked for one request, within `deadline_s`;
    `answer_bytes_max` bounds the body of one answer, `connections_max` the connections to one supplier.

    Raises `ConfigError` when an offer has no application, or two offers the same model name.
    """

    def __init__(
        self,
        *,
        chain: Chain,
        offers: Sequence[ServiceOffer],
        delegations: Mapping[str, Delegation],
        tenants: Tenants,
        usage: Usage,
        clock: Clock,
        entropy: Entropy,
        host: str,
        port: int,
        limits: ServerLimits | None = None,
        routing: RoutingPolicy | None = None,
        on_outcome: Callable[[RelayOutcome], None] | None = None,
        attempts_max: int = 3,
        deadline_s: float = 120.0,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        connections_max: int = 1024,
    ) -> None:
        self._on_outcome = on_outcome
        self._learning = ReputationRouting(entropy)
        self._sessions = SessionCache(chain)
        self._usage = UsageCounter(usage, clock)
        self._http = HttpClient(body_bytes_max=answer_bytes_max, connections_max=connections_max)
        public_keys = PublicKeys(chain)
        lines: dict[str, Line] = {}
        for service_id, delegation in delegations.items():
            signer = SessionSigner(chain, public_keys, delegation.key, entropy)
            client = RelayClient(self._http, signer, self._publish, answer_bytes_max=answer_bytes_max)
            lines[service_id] = Line(delegation.application_address, signer, client)
        dispatcher = Dispatcher(
            offers,
            lines,
            self._sessions,
            self._learning if routing is None else routing,
            self._learning.convict,
            attempts_max=attempts_max,
            deadline_s=deadline_s,
        )
        routes = Routes(
            access=Access(tenants),
            dispatcher=dispatcher,
            sessions=self._sessions,
            usage=self._usage,
            entropy=entropy,
            created_s=int(clock.now().timestamp()),
        )
        self._server = HttpServer(
            routes.handle, host=host, port=port, limits=limits or ServerLimits(), refuse=routes.refuse
        )

    async def run(self, *, task_status: TaskStatus[tuple[str, int]] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; report the bound (host, port) once requests are answered.

        Raises `ConfigError` when the address cannot be had. Running requests are finished, and all
        usage is written, before it returns.
        """
        try:
            async with anyio.create_task_group() as tasks:
                await tasks.start(self._sessions.follow)
                tasks.start_soon(self._usage.run)
                await self._server.serve(task_status=task_status)
        finally:
            with anyio.CancelScope(shield=True):
                await self._usage.flush()
                await self._http.aclose()

    def _publish(self, outcome: RelayOutcome) -> None:
        self._learning.observe(outcome)
        if outcome.fault is not None:
            _log.info(
                "attempt at %s for %s failed: %s",
                outcome.supplier_address,
                outcome.service_id,
                outcome.fault.code,
            )
        if self._on_outcome is not None:
            self._on_outcome(outcome)
