"""The parameters of all modules, which the network keeps apart and partly without a history."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

import anyio
from google.protobuf.message import Message

from joey.adapters.chains.shannon.connection import Connection
from joey.adapters.chains.shannon.failover import RequestRefused
from joey.adapters.chains.shannon.recent import Recent
from joey.core.errors import ChainUnavailable, ConfigError
from joey.core.protocol.params import (
    ApplicationParams,
    GatewayParams,
    NetworkParams,
    ProofParams,
    ServiceParams,
    SessionParams,
    SharedParams,
    SupplierParams,
    TokenomicsParams,
)
from joey.core.protocol.params_codec import (
    ModuleParams,
    module_params_from_proto,
    shared_params_from_proto,
)
from joey.core.units import Height
from joey.core.wire.network_methods import NETWORK_METHODS
from joey.core.wire.proto import shared_query_pb2

__all__ = ["Parameters"]

ResponseType = TypeVar("ResponseType", bound=Message)
ParamsType = TypeVar("ParamsType")

_HEAD: Final = Height(0)
_KEPT: Final = 1024
_PARAMS: Final = {
    "shared": SharedParams,
    "session": SessionParams,
    "proof": ProofParams,
    "tokenomics": TokenomicsParams,
    "service": ServiceParams,
    "application": ApplicationParams,
    "supplier": SupplierParams,
    "gateway": GatewayParams,
}


class Parameters:
    """Every method raises `ChainUnavailable`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._shared: Recent[Height, SharedParams] = Recent(_KEPT)
        self._live: Recent[Height, NetworkParams] = Recent(_KEPT)

    async def params_at(self, height: Height) -> NetworkParams:
        """Return what sessions go by at a height: the shared ones of then, all others as they are now."""
        shared = await self.shared_at(height)
        return replace(await self._read_live(self._connection.height_seen), shared=shared)

    async def live_params(self, height: Height = _HEAD) -> NetworkParams:
        """Return the parameters of all modules as they stand after a height."""
        return await self._read_live(height or (await self._connection.read_head()).height)

    async def shared_at(self, height: Height) -> SharedParams:
        """Return the shared parameters that hold at a height; for one ahead, what is known so far."""
        known = self._shared.get(height)
        if known is not None:
            return known
        request = shared_query_pb2.QueryParamsAtHeightRequest(height=height)
        answer = await self._ask(
            "/pocket.shared.Query/ParamsAtHeight", request, shared_query_pb2.QueryParamsAtHeightResponse
        )
        try:
            shared = shared_params_from_proto(answer.params)
        except ValueError as error:
            raise ChainUnavailable(f"the shared parameters at {height} are malformed: {error}") from None
        # A change holds from a session's start that is still ahead of the block it is made in.
        if height <= self._connection.height_seen:
            self._shared.put(height, shared)
        return shared

    async def _read_live(self, height: Height) -> NetworkParams:
        known = self._live.get(height)
        if known is not None:
            return known
        found: dict[str, ModuleParams] = {}
        failures: list[ChainUnavailable | ConfigError] = []

        async def read(module: str) -> None:
            try:
                found[module] = await self._read_module(module, height)
            except (ChainUnavailable, ConfigError) as error:
                failures.append(error)

        async with anyio.create_task_group() as tasks:
            for module in _PARAMS:
                tasks.start_soon(read, module)
        if failures:
            raise failures[0]
        params = NetworkParams(
            shared=_expect(SharedParams, found["shared"]),
            session=_expect(SessionParams, found["session"]),
            proof=_expect(ProofParams, found["proof"]),
            tokenomics=_expect(TokenomicsParams, found["tokenomics"]),
            service=_expect(ServiceParams, found["service"]),
            application=_expect(ApplicationParams, found["application"]),
            supplier=_expect(SupplierParams, found["supplier"]),
            gateway=_expect(GatewayParams, found["gateway"]),
        )
        self._live.put(height, params)
        return params

    async def _read_module(self, module: str, height: Height) -> ModuleParams:
        method = NETWORK_METHODS[f"/pocket.{module}.Query/Params"]
        answer = await self._ask(method.path, method.request_type(), method.response_type, height)
        message: Message = getattr(answer, "params")  # noqa: B009 - every one of these answers has it
        try:
            return module_params_from_proto(message)
        except ValueError as error:
            raise ChainUnavailable(f"the parameters of {module} are malformed: {error}") from None

    async def _ask(
        self, path: str, request: Message, response_type: type[ResponseType], height: Height = _HEAD
    ) -> ResponseType:
        try:
            answer = await self._connection.query(path, request, response_type, height=height)
        except RequestRefused as error:
            raise ChainUnavailable(f"the full node refuses {path}: {error}") from None
        if answer is None:
            raise ChainUnavailable(f"the full node has no answer to {path}")
        return answer


def _expect(params_type: type[ParamsType], params: ModuleParams) -> ParamsType:
    assert isinstance(params, params_type), "a module's message is read as that module's parameters"
    return params
