"""The checks before any work, cheapest first; the first that fails raises one `Rejection`.

1. size of the body (`OverLimit`; the transport refuses most before they are read)
2. decoding (`BadRelay`)
3. the supplier is ours (`NotOffered`)
4. header and signature can be what they are for (`BadRelay`)
5. the supplier offers the service (`NotOffered`)
6. the session: begun and not past its grace period (`SessionUnknown`, `SessionExpired`), then known to
   the chain in every field, with our supplier drawn (`SessionUnknown`)
7. stake left (`StakeExhausted`)
8. ring signature (`BadRing`)
9. the payload is a call that may reach an engine (`BadRelay`): a POST to `/v1/chat/completions` or
   `/v1/completions`; another path is the caller's mistake and no other supplier would take it
10. the offer's limits (`OverLimit`; `BadRelay` for a body that cannot be read)
11. not served before (`BadRelay`)

A request that passes holds a reservation. The slot of the engine is taken later, in
`joey.node.serve`, because that may wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from joey.core.crypto.keys import PrivateKey
from joey.core.crypto.ring import RingSignature
from joey.core.errors import BadRelay, BadRing, InvalidRequest, LimitExceeded, NotOffered, OverLimit
from joey.core.offers.limits import check_request as check_limits
from joey.core.offers.offer import ServiceOffer
from joey.core.openai.requests import CHAT_COMPLETIONS, COMPLETIONS, read_request
from joey.core.protocol.relays import check_request_fields, check_signature, read_signature
from joey.core.wire.envelope import Headers, HttpRequest, decode_request
from joey.core.wire.relay import RelayRequest, decode_relay_request
from joey.node.replays import ReplayGuard, compute_attempt_name
from joey.node.sessions import KnownSession, Sessions
from joey.node.stake_meter import Reservation, StakeMeter
from joey.ports.engine import Engine

__all__ = ["Admission", "Admitted", "NodeService", "NodeSupplier"]

_PATHS = (CHAT_COMPLETIONS, COMPLETIONS)
_FORWARDED = frozenset({"accept", "content-type"})


@dataclass(frozen=True, slots=True)
class NodeService:
    """One offer and the engine behind it. `queue_max` relays may wait for a slot."""

    offer: ServiceOffer
    engine: Engine
    queue_max: int = 16


@dataclass(frozen=True, slots=True)
class NodeSupplier:
    """A supplier of this node: the operator's key and what it serves."""

    key: PrivateKey
    services: tuple[NodeService, ...]


@dataclass(frozen=True, slots=True)
class Admitted:
    """A genuine request that the application can pay for. `call` is what the engine is asked.

    `attempt` names the request among those that were served.
    """

    request: RelayRequest
    attempt: bytes
    key: PrivateKey
    service: NodeService
    session: KnownSession
    call: HttpRequest
    reservation: Reservation


class Admission:
    """Applies the checks for all suppliers of a node."""

    def __init__(
        self,
        suppliers: Mapping[str, NodeSupplier],
        sessions: Sessions,
        meter: StakeMeter,
        replays: ReplayGuard,
        *,
        body_bytes_max: int,
    ) -> None:
        self._suppliers = suppliers
        self._sessions = sessions
        self._meter = meter
        self._replays = replays
        self._body_bytes_max = body_bytes_max

    def read(self, body: bytes) -> RelayRequest:
        """Apply checks 1 and 2."""
        if len(body) > self._body_bytes_max:
            raise OverLimit(f"the relay has {len(body)} bytes, this node reads {self._body_bytes_max}")
        try:
            return decode_relay_request(body)
        except ValueError as error:
            raise BadRelay(f"the relay request cannot be read: {error}") from None

    async def admit(self, request: RelayRequest) -> Admitted:
        """Apply checks 3 to 11. Also raises `Busy` when the chain cannot be asked."""
        header, address = request.header, request.supplier_address
        supplier = self._suppliers.get(address)
        if supplier is None:
            raise NotOffered("this node does not serve for the supplier")
        check_request_fields(request)
        service = _find_service(supplier, header.service_id)
        await self._sessions.check_heights(header)
        session = await self._sessions.find(header, address)
        self._meter.check(header, address, session.relays_max)
        attempt = compute_attempt_name(await self._check_signature(request, session))
        self._sessions.remember_application(header.application_address)
        # From here on nothing waits: of two equal requests, or two for the last upokt, one passes.
        call = _read_call(request.payload, service.offer)
        self._replays.check(header, attempt)
        reservation = self._meter.reserve(header, address, session.relays_max)
        self._replays.remember(header, attempt)
        return Admitted(request, attempt, supplier.key, service, session, call, reservation)

    def abandon(self, admitted: Admitted) -> None:
        """Give back what an admitted relay holds, unless it was kept; it may then be sent again."""
        if admitted.reservation.release():
            self._replays.forget(admitted.request.header, admitted.attempt)

    async def _check_signature(self, request: RelayRequest, session: KnownSession) -> RingSignature:
        try:
            return _check_ring(request, await self._sessions.ring(session))
        except BadRing:
            renewed = await self._sessions.renew_ring(session)
            if renewed is None:
                raise
            return _check_ring(request, renewed)


def _check_ring(request: RelayRequest, ring: tuple[bytes, ...]) -> RingSignature:
    signature = read_signature(request, members_max=len(ring))
    check_signature(request, signature, ring=ring)
    return signature


def _find_service(supplier: NodeSupplier, service_id: str) -> NodeService:
    for service in supplier.services:
        if service.offer.service_id == service_id:
            return service
    raise NotOffered(f"this node does not serve {service_id}", service_id=service_id)


def _read_call(payload: bytes, offer: ServiceOffer) -> HttpRequest:
    """Return the engine's call out of a payload: path, body, and the two headers that matter to it."""
    try:
        inner = decode_request(payload)
        url = urlsplit(inner.url)
    except ValueError:
        raise BadRelay("the payload is no HTTP request") from None
    # The URL begins with the supplier's endpoint, which may have a path of its own.
    path = next((path for path in _PATHS if url.path.endswith(path)), None)
    if path is None or inner.method != "POST":
        raise BadRelay(f"only POST to {' and '.join(_PATHS)} is served")
    try:
        check_limits(read_request(path, inner.body), offer)
    except LimitExceeded as error:
        raise OverLimit(error.message, **error.fields) from None
    except InvalidRequest as error:
        raise BadRelay(error.message, **error.fields) from None
    return HttpRequest("POST", path, _choose_headers(inner.headers), inner.body)


def _choose_headers(headers: Headers) -> Headers:
    return tuple(
        (name, value)
        for name, value in headers
        if name.lower() in _FORWARDED and value.isascii() and value.isprintable()
    )
