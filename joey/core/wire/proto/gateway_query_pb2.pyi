from joey.core.wire.proto import gateway_pb2 as _gateway_pb2
from joey.core.wire.proto import gateway_params_pb2 as _gateway_params_pb2
from joey.core.wire.proto import pagination_pb2 as _pagination_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QueryParamsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class QueryParamsResponse(_message.Message):
    __slots__ = ("params",)
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    params: _gateway_params_pb2.Params
    def __init__(self, params: _Optional[_Union[_gateway_params_pb2.Params, _Mapping]] = ...) -> None: ...

class QueryGetGatewayRequest(_message.Message):
    __slots__ = ("address", "dehydrated")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DEHYDRATED_FIELD_NUMBER: _ClassVar[int]
    address: str
    dehydrated: bool
    def __init__(self, address: _Optional[str] = ..., dehydrated: _Optional[bool] = ...) -> None: ...

class QueryGetGatewayResponse(_message.Message):
    __slots__ = ("gateway",)
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    gateway: _gateway_pb2.Gateway
    def __init__(self, gateway: _Optional[_Union[_gateway_pb2.Gateway, _Mapping]] = ...) -> None: ...

class QueryAllGatewaysRequest(_message.Message):
    __slots__ = ("pagination", "dehydrated")
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    DEHYDRATED_FIELD_NUMBER: _ClassVar[int]
    pagination: _pagination_pb2.PageRequest
    dehydrated: bool
    def __init__(self, pagination: _Optional[_Union[_pagination_pb2.PageRequest, _Mapping]] = ..., dehydrated: _Optional[bool] = ...) -> None: ...

class QueryAllGatewaysResponse(_message.Message):
    __slots__ = ("gateways", "pagination")
    GATEWAYS_FIELD_NUMBER: _ClassVar[int]
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    gateways: _containers.RepeatedCompositeFieldContainer[_gateway_pb2.Gateway]
    pagination: _pagination_pb2.PageResponse
    def __init__(self, gateways: _Optional[_Iterable[_Union[_gateway_pb2.Gateway, _Mapping]]] = ..., pagination: _Optional[_Union[_pagination_pb2.PageResponse, _Mapping]] = ...) -> None: ...
