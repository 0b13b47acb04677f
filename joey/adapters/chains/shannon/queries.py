"""What stands on the chain, asked of full nodes.

Cached is only what cannot change: what sessions go by at a height that has passed, what stands at a
height that was asked for by number. Each cache is bounded.
Sources: the Query services of pocket.*; poktroll, x/session/types/errors.go.
"""

from __future__ import annotations

import re
from typing import Final

from joey.adapters.chains.shannon.asking import Asker, make_unavailable, read_answer
from joey.adapters.chains.shannon.connection import Connection
from joey.adapters.chains.shannon.failover import RequestRefused
from joey.adapters.chains.shannon.parameters import Parameters
from joey.adapters.chains.shannon.recent import Recent
from joey.core.errors import ChainUnavailable
from joey.core.protocol.claims import Claim, claim_from_proto
from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.sessions import compute_session_start
from joey.core.units import ComputeUnits, Height
from joey.core.wire.codec import (
    application_from_proto,
    gateway_from_proto,
    service_from_proto,
    session_from_proto,
    supplier_from_proto,
)
from joey.core.wire.proto import (
    application_query_pb2,
    gateway_query_pb2,
    pagination_pb2,
    proof_query_pb2,
    service_query_pb2,
    session_query_pb2,
    supplier_query_pb2,
)
from joey.core.wire.session import Application, Gateway, Service, Session, Supplier

__all__ = ["Queries"]

_HEAD: Final = Height(0)
_KEPT: Final = 4096

_NO_SESSION: Final = re.compile(
    r"could not find app |not staked for (requested )?service|could not find suppliers"
    r"|suppliers not found for session|application is not active",
    re.IGNORECASE,
)


class Queries:
    """Every method raises `ChainUnavailable`; heights are as `joey.ports.chain` says."""

    def __init__(self, connection: Connection, asker: Asker, parameters: Parameters) -> None:
        self._connection = connection
        self._asker = asker
        self._parameters = parameters
        self._sessions: Recent[tuple[str, str, Height, Height], Session] = Recent(_KEPT)
        self._compute_units: Recent[tuple[str, Height], ComputeUnits] = Recent(_KEPT)
        self._targets: Recent[tuple[str, Height], bytes] = Recent(_KEPT)

    async def session(self, application: str, service: str, height: Height = _HEAD) -> Session | None:
        """Return a session. The application in it is as it stands now, which is how rings are made."""
        await self._connection.require(height)
        key = None
        if height:
            shared = await self._parameters.shared_at(height)
            seen = self._connection.height_seen
            key = (application, service, compute_session_start(height, shared), seen)
            known = self._sessions.get(key)
            if known is not None:
                return known
        request = session_query_pb2.QueryGetSessionRequest(
            application_address=application, service_id=service, block_height=height
        )
        try:
            answer = await self._connection.query(
                "/pocket.session.Query/GetSession", request, session_query_pb2.QueryGetSessionResponse
            )
        except RequestRefused as error:
            if _NO_SESSION.search(error.details):
                return None
            raise make_unavailable(error) from None
        if answer is None:
            return None
        session = read_answer(session_from_proto, answer.session)
        if key is not None:
            self._sessions.put(key, session)
        return session

    async def application(self, address: str, height: Height = _HEAD) -> Application | None:
        """Return a staked application."""
        answer = await self._asker.ask(
            "/pocket.application.Query/Application",
            application_query_pb2.QueryGetApplicationRequest(address=address),
            application_query_pb2.QueryGetApplicationResponse,
            height,
        )
        return None if answer is None else read_answer(application_from_proto, answer.application)

    async def applications(self, gateway: str = "", height: Height = _HEAD) -> tuple[Application, ...]:
        """Return all applications by address, or those that delegate to a gateway."""
        pages = await self._asker.ask_pages(
            "/pocket.application.Query/AllApplications",
            lambda page: application_query_pb2.QueryAllApplicationsRequest(
                pagination=page, delegatee_gateway_address=gateway
            ),
            application_query_pb2.QueryAllApplicationsResponse,
            lambda answer: answer.pagination.next_key,
            height,
        )
        found = [read_answer(application_from_proto, one) for page in pages for one in page.applications]
        if gateway:
            found = [one for one in found if gateway in one.delegated_gateways]
        return tuple(sorted(found, key=lambda one: one.address))

    async def gateway(self, address: str, height: Height = _HEAD) -> Gateway | None:
        """Return a staked gateway."""
        answer = await self._asker.ask(
            "/pocket.gateway.Query/Gateway",
            gateway_query_pb2.QueryGetGatewayRequest(address=address),
            gateway_query_pb2.QueryGetGatewayResponse,
            height,
        )
        return None if answer is None else read_answer(gateway_from_proto, answer.gateway)

    async def supplier(self, operator_address: str, height: Height = _HEAD) -> Supplier | None:
        """Return a staked supplier."""
        answer = await self._asker.ask(
            "/pocket.supplier.Query/Supplier",
            supplier_query_pb2.QueryGetSupplierRequest(operator_address=operator_address),
            supplier_query_pb2.QueryGetSupplierResponse,
            height,
        )
        return None if answer is None else read_answer(supplier_from_proto, answer.supplier)

    async def suppliers(self, service_id: str = "", height: Height = _HEAD) -> tuple[Supplier, ...]:
        """Return all suppliers by operator address, or those of a service."""
        pages = await self._asker.ask_pages(
            "/pocket.supplier.Query/AllSuppliers",
            lambda page: supplier_query_pb2.QueryAllSuppliersRequest(pagination=page, service_id=service_id),
            supplier_query_pb2.QueryAllSuppliersResponse,
            lambda answer: answer.pagination.next_key,
            height,
        )
        found = [read_answer(supplier_from_proto, one) for page in pages for one in page.supplier]
        return tuple(sorted(found, key=lambda one: one.operator_address))

    async def service(self, service_id: str, height: Height = _HEAD) -> Service | None:
        """Return a service with its card."""
        answer = await self._asker.ask(
            "/pocket.service.Query/Service",
            service_query_pb2.QueryGetServiceRequest(id=service_id),
            service_query_pb2.QueryGetServiceResponse,
            height,
        )
        return None if answer is None else read_answer(service_from_proto, answer.service)

    async def services(self, height: Height = _HEAD) -> tuple[Service, ...]:
        """Return all services by id."""
        pages = await self._asker.ask_pages(
            "/pocket.service.Query/AllServices",
            lambda page: service_query_pb2.QueryAllServicesRequest(pagination=page),
            service_query_pb2.QueryAllServicesResponse,
            lambda answer: answer.pagination.next_key,
            height,
        )
        found = [read_answer(service_from_proto, one) for page in pages for one in page.service]
        return tuple(sorted(found, key=lambda one: one.id))

    async def compute_units_at(self, service_id: str, height: Height) -> ComputeUnits | None:
        """Return a service's compute units per relay for a session that starts at a height."""
        known = self._compute_units.get((service_id, height))
        if known is not None:
            return known
        answer = await self._asker.ask(
            "/pocket.service.Query/ComputeUnitsPerRelayAtHeight",
            service_query_pb2.QueryComputeUnitsPerRelayAtHeightRequest(
                serviceId=service_id, blockHeight=height
            ),
            service_query_pb2.QueryComputeUnitsPerRelayAtHeightResponse,
        )
        if answer is None:
            return None
        units = ComputeUnits(answer.computeUnitsPerRelay)
        if height <= self._connection.height_seen:
            self._compute_units.put((service_id, height), units)
        return units

    async def difficulty_at(self, service_id: str, height: Height) -> bytes:
        """Return a service's 32-byte target for a session that starts at a height."""
        known = self._targets.get((service_id, height))
        if known is not None:
            return known
        answer = await self._asker.ask(
            "/pocket.service.Query/RelayMiningDifficultyAtHeight",
            service_query_pb2.QueryGetRelayMiningDifficultyAtHeightRequest(
                serviceId=service_id, blockHeight=height
            ),
            service_query_pb2.QueryGetRelayMiningDifficultyAtHeightResponse,
        )
        if answer is None:
            return BASE_TARGET
        target = answer.relayMiningDifficulty.target_hash
        if len(target) != len(BASE_TARGET):
            raise ChainUnavailable(f"the difficulty of {service_id} at {height} is malformed")
        if height <= self._connection.height_seen:
            self._targets.put((service_id, height), target)
        return target

    async def claim(self, session_id: str, supplier: str, height: Height = _HEAD) -> Claim | None:
        """Return a claim that is not settled at that height."""
        answer = await self._asker.ask(
            "/pocket.proof.Query/Claim",
            proof_query_pb2.QueryGetClaimRequest(session_id=session_id, supplier_operator_address=supplier),
            proof_query_pb2.QueryGetClaimResponse,
            height,
        )
        return None if answer is None else read_answer(claim_from_proto, answer.claim)

    async def claims(
        self,
        *,
        session_id: str = "",
        supplier: str = "",
        height_session_end: Height = _HEAD,
        height: Height = _HEAD,
    ) -> tuple[Claim, ...]:
        """Return claims by session and supplier. The network takes one filter; the others are ours."""

        def make_request(page: pagination_pb2.PageRequest) -> proof_query_pb2.QueryAllClaimsRequest:
            request = proof_query_pb2.QueryAllClaimsRequest(pagination=page)
            if session_id:
                request.session_id = session_id
            elif supplier:
                request.supplier_operator_address = supplier
            elif height_session_end:
                request.session_end_height = height_session_end
            return request

        pages = await self._asker.ask_pages(
            "/pocket.proof.Query/AllClaims",
            make_request,
            proof_query_pb2.QueryAllClaimsResponse,
            lambda answer: answer.pagination.next_key,
            height,
        )
        found = [read_answer(claim_from_proto, one) for page in pages for one in page.claims]
        wanted = [
            claim
            for claim in found
            if session_id in ("", claim.header.session_id)
            and supplier in ("", claim.supplier_address)
            and height_session_end in (_HEAD, claim.header.height_end)
        ]
        return tuple(sorted(wanted, key=lambda one: (one.header.session_id, one.supplier_address)))
