"""The paths of the portal, and the outermost handler of each request."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from urllib.parse import unquote

from joey import __version__
from joey.core.errors import JoeyError, MethodNotAllowed, NoSupplierLeft, NotFound
from joey.core.offers.offer import ServiceOffer
from joey.core.openai.requests import CHAT_COMPLETIONS, COMPLETIONS
from joey.gateway.access import Access
from joey.gateway.dispatch import Dispatcher, Order
from joey.gateway.replies import (
    describe_models,
    make_answer_headers,
    make_failure,
    make_json,
    make_refusal,
)
from joey.gateway.streaming import relay_events
from joey.gateway.usage import UsageCounter
from joey.http.server import Response, ServerRequest
from joey.ports.entropy import Entropy
from joey.ports.stores import Tenant
from joey.relaying.client import RelayAnswer
from joey.relaying.instants import now
from joey.relaying.session_cache import SessionCache

__all__ = ["Routes"]

_log = logging.getLogger("joey.gateway")

_MODELS = "/v1/models"
_HEALTH = "/health"
_METHODS = {CHAT_COMPLETIONS: "POST", COMPLETIONS: "POST", _MODELS: "GET", _HEALTH: "GET"}


class Routes:
    """Answers every request, in OpenAI's shape, with an id and the time it took.

    `created_s` is what the list of models says of when they were created: seconds since 1970.
    """

    def __init__(
        self,
        *,
        access: Access,
        dispatcher: Dispatcher,
        sessions: SessionCache,
        usage: UsageCounter,
        entropy: Entropy,
        created_s: int,
    ) -> None:
        self._access = access
        self._dispatcher = dispatcher
        self._sessions = sessions
        self._usage = usage
        self._entropy = entropy
        self._created_s = created_s

    async def handle(self, request: ServerRequest) -> Response:
        """Return the response to a request; only being cancelled is raised."""
        started = now()
        request_id = self._make_request_id()
        try:
            response = await self._route(request)
        except JoeyError as error:
            _log_refusal(request_id, error)
            response = make_failure(error)
        except Exception as error:  # noqa: BLE001 - the outermost handler of a request
            # Where and of which class; the text of an error may quote a prompt and stays out.
            frames = "".join(traceback.format_tb(error.__traceback__))
            _log.error("%s failed with %s\n%s", request_id, type(error).__qualname__, frames)
            response = make_refusal(500, "")
        return _sign_off(response, request_id, now() - started)

    def refuse(self, status: int, reason: str) -> Response:
        """Return the response to what never became a request."""
        return _sign_off(make_refusal(status, reason), self._make_request_id(), 0.0)

    def _make_request_id(self) -> str:
        return f"req_{self._entropy.random_bytes(16).hex()}"

    async def _route(self, request: ServerRequest) -> Response:
        path = request.path
        is_model = path.startswith(f"{_MODELS}/") and len(path) > len(_MODELS) + 1
        method = "GET" if is_model else _METHODS.get(path)
        if method is None:
            raise NotFound("there is no such path here; see /v1/chat/completions and /v1/models")
        if request.method != method:
            raise MethodNotAllowed(f"this path takes {method} only", allow=method)
        if path == _HEALTH:
            return self._tell_health()
        tenant = await self._access.authenticate(request.headers)
        if method == "POST":
            return await self._create(request, tenant)
        if is_model:
            model = unquote(path[len(_MODELS) + 1 :])
            return make_json(self._describe([(model, self._dispatcher.find_offer(model))])[0])
        return make_json({"object": "list", "data": self._describe(list(self._dispatcher.offers.items()))})

    def _describe(self, offers: Sequence[tuple[str, ServiceOffer]]) -> list[dict[str, object]]:
        return describe_models(offers, self._created_s)

    def _tell_health(self) -> Response:
        fault = self._sessions.find_fault()
        body = {"version": __version__, "height": self._sessions.height}
        if fault is not None:
            return make_json({"status": "stale", "reason": fault, **body}, 503)
        return make_json({"status": "ok", **body})

    async def _create(self, request: ServerRequest, tenant: Tenant) -> Response:
        order = self._dispatcher.admit(request.path, request.body)
        try:
            answer = await self._dispatcher.fulfil(order)
        except BaseException:
            self._count(tenant, order, answered=False, bytes_out=0)
            raise
        headers = make_answer_headers(answer, order.offer)
        if isinstance(answer, RelayAnswer):
            body = answer.response.body
            self._count(tenant, order, answered=True, bytes_out=len(body))
            return Response(answer.response.status, headers, body)
        stream = answer

        def ended(fault: JoeyError | None, complete: bool) -> None:
            self._count(tenant, order, answered=complete, bytes_out=stream.bytes_out)
            if fault is not None:
                _log.warning("a stream of %s broke off: %s", stream.supplier_address, fault.code)

        return Response(stream.status, headers, relay_events(stream, ended))

    def _count(self, tenant: Tenant, order: Order, *, answered: bool, bytes_out: int) -> None:
        self._usage.add(
            tenant,
            order.offer.service_id,
            answered=answered,
            bytes_in=len(order.call.body),
            bytes_out=bytes_out,
        )


def _log_refusal(request_id: str, error: JoeyError) -> None:
    """Log our failures for the operator; those of clients are theirs to read."""
    if error.http_status < 500:
        _log.debug("%s refused: %s", request_id, error.code)
    elif isinstance(error, NoSupplierLeft):
        _log.warning("%s failed: %s", request_id, error.message)
    else:
        _log.error("%s failed: %s: %s", request_id, error.code, error.message)


def _sign_off(response: Response, request_id: str, duration_s: float) -> Response:
    return Response(
        response.status,
        [
            *response.headers,
            ("x-content-type-options", "nosniff"),
            ("x-request-id", request_id),
            ("openai-processing-ms", str(int(duration_s * 1000))),
        ],
        response.body,
    )
