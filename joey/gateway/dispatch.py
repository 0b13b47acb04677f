"""A request to an offer, to a plan, to an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import anyio

from joey.core.errors import (
    Busy,
    ChainUnavailable,
    ConfigError,
    EngineFailed,
    NoSupplierLeft,
    SessionExpired,
    SessionUnknown,
    UnknownModel,
)
from joey.core.offers.limits import check_request
from joey.core.offers.offer import ServiceOffer
from joey.core.openai.requests import ModelRequest, read_request
from joey.core.wire.session import Supplier
from joey.ports.policies import RoutingPolicy
from joey.relaying.attempts import try_in_turn
from joey.relaying.client import RelayAnswer, RelayClient, RelayStream
from joey.relaying.instants import now
from joey.relaying.session_cache import SessionCache
from joey.relaying.signing import PreparedSession, RelayCall, SessionSigner

__all__ = ["Convict", "Dispatcher", "Line", "Order"]

_SESSION_REFUSALS = frozenset({SessionExpired.code, SessionUnknown.code})

_STANDSTILL_REFUSALS = _SESSION_REFUSALS | {Busy.code}
"""What nodes say, too, that cannot follow their chain."""

Convict = Callable[[str, Sequence[str]], None]
"""Told of a service, and of suppliers whose engines failed at a request that another's then served."""


@dataclass(frozen=True, slots=True)
class Line:
    """How the relays of one service are sent: for which application, signed and sent by what."""

    application_address: str
    signer: SessionSigner
    client: RelayClient


@dataclass(frozen=True, slots=True)
class Order:
    """A request that is within the limits of the offer that answers to its model."""

    offer: ServiceOffer
    request: ModelRequest
    call: RelayCall


class Dispatcher:
    """Resolves, refuses, and sends until one supplier answers.

    `attempts_max` suppliers at most are asked for one request, within `deadline_s`.
    """

    def __init__(
        self,
        offers: Sequence[ServiceOffer],
        lines: Mapping[str, Line],
        sessions: SessionCache,
        routing: RoutingPolicy,
        convict: Convict,
        *,
        attempts_max: int,
        deadline_s: float,
    ) -> None:
        self._offers: dict[str, ServiceOffer] = {}
        for offer in offers:
            if offer.service_id not in lines:
                raise ConfigError(
                    f"offer {offer.name!r}: no application is set for service {offer.service_id}; "
                    "add one, or remove the offer"
                )
            for model in offer.models:
                if model in self._offers:
                    raise ConfigError(f"model {model!r} is in two offers: one name can mean one offer only")
                self._offers[model] = offer
        self._lines = lines
        self._sessions = sessions
        self._routing = routing
        self._convict = convict
        self._attempts_max = attempts_max
        self._deadline_s = deadline_s

    @property
    def offers(self) -> Mapping[str, ServiceOffer]:
        """The offers by the model names that clients may ask for, in the order they were given."""
        return self._offers

    def admit(self, path: str, body: bytes) -> Order:
        """Return what is asked for, as far as it is offered. Nothing is spent yet.

        Raises `InvalidRequest`, `UnknownModel` or `LimitExceeded`.
        """
        request = read_request(path, body)
        offer = self.find_offer(request.model)
        check_request(request, offer)
        return Order(offer, request, RelayCall(path, body, request.stream))

    def find_offer(self, model: str) -> ServiceOffer:
        """Return the offer that answers to a model name. Raises `UnknownModel`."""
        offer = self._offers.get(model)
        if offer is None:
            raise UnknownModel(
                "no such model is offered here; GET /v1/models lists those that are", param="model"
            )
        return offer

    async def fulfil(self, order: Order) -> RelayAnswer | RelayStream:
        """Return the answer of the first supplier that gives one; a stream must be closed.

        Raises `ChainUnavailable` or `NoSupplierLeft`.
        """
        line = self._lines[order.offer.service_id]
        deadline = now() + self._deadline_s
        prepared = await self._prepare(line, order.offer.service_id, deadline)
        try:
            return await self._try(order, line, prepared, deadline)
        except NoSupplierLeft as error:
            other = await self._prepare_other(line, prepared, error, deadline)
            if other is None:
                raise
        return await self._try(order, line, other, deadline)

    async def _try(
        self, order: Order, line: Line, prepared: PreparedSession, deadline: float
    ) -> RelayAnswer | RelayStream:
        """Ask the suppliers of one session in turn. Raises `NoSupplierLeft`."""
        ranked = self._routing.rank(prepared.session)
        plan = [supplier for supplier in ranked if supplier.operator_address in prepared.targets]
        del plan[self._attempts_max :]
        failed: list[str] = []

        async def attempt(supplier: Supplier, attempt_deadline: float) -> RelayAnswer | RelayStream:
            address = supplier.operator_address
            try:
                if not order.call.stream:
                    return await line.client.send(prepared, address, order.call, deadline=attempt_deadline)
                return await line.client.open(
                    prepared, address, order.call, answer_by=attempt_deadline, deadline=deadline
                )
            except EngineFailed:
                failed.append(address)
                raise

        try:
            answer = await try_in_turn(plan, attempt, deadline=deadline)
        except NoSupplierLeft as error:
            raise self._explain(error) from None
        status = answer.response.status if isinstance(answer, RelayAnswer) else answer.status
        if failed and status == 200:
            self._convict(order.offer.service_id, failed)
        return answer

    def _explain(self, error: NoSupplierLeft) -> NoSupplierLeft:
        """Return the error with the truth in plain words where the chain may stand still."""
        causes = error.fields["causes"]
        assert isinstance(causes, tuple)
        if not causes or not _STANDSTILL_REFUSALS.issuperset(causes):
            return error
        if self._sessions.find_fault() is not None and self._sessions.height is not None:
            text = "this gateway sees no new blocks of the chain, and no supplier takes its relays"
        elif set(causes) == {Busy.code}:
            # They do not say why, and why is not signed.
            text = "no supplier answered: their slots are taken, or they see no new blocks of the chain"
        else:
            return error
        tried = f"tried {len(causes)}: {', '.join(causes)}"
        return NoSupplierLeft(f"{text}; {tried}; ask again later", **error.fields)

    async def _prepare(self, line: Line, service_id: str, deadline: float) -> PreparedSession:
        session = self._sessions.find(line.application_address, service_id)
        prepared = None if session is None else line.signer.find(session)
        if prepared is not None:
            return prepared
        with anyio.CancelScope(deadline=deadline):
            session = await self._sessions.current(line.application_address, service_id)
            return await line.signer.prepare(session)
        raise ChainUnavailable("the chain did not tell the current session in time")

    async def _prepare_other(
        self, line: Line, refused: PreparedSession, error: NoSupplierLeft, deadline: float
    ) -> PreparedSession | None:
        """Return another session to try when every supplier refused only because of the session.

        Their full nodes are then ahead of ours, or behind it.
        """
        causes = error.fields["causes"]
        assert isinstance(causes, tuple)
        if not causes or not _SESSION_REFUSALS.issuperset(causes):
            return None
        with anyio.CancelScope(deadline=deadline):
            try:
                is_over = SessionExpired.code in causes
                session = await self._sessions.find_other(refused.session, is_over=is_over)
                return None if session is None else await line.signer.prepare(session)
            except (ChainUnavailable, NoSupplierLeft):
                return None
        return None
