from joey.core.wire.proto import pagination_pb2 as _pagination_pb2
from joey.core.wire.proto import shared_pb2 as _shared_pb2
from joey.core.wire.proto import supplier_params_pb2 as _supplier_params_pb2
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
    params: _supplier_params_pb2.Params
    def __init__(self, params: _Optional[_Union[_supplier_params_pb2.Params, _Mapping]] = ...) -> None: ...

class QueryGetSupplierRequest(_message.Message):
    __slots__ = ("operator_address", "dehydrated")
    OPERATOR_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DEHYDRATED_FIELD_NUMBER: _ClassVar[int]
    operator_address: str
    dehydrated: bool
    def __init__(self, operator_address: _Optional[str] = ..., dehydrated: _Optional[bool] = ...) -> None: ...

class QueryGetSupplierResponse(_message.Message):
    __slots__ = ("supplier",)
    SUPPLIER_FIELD_NUMBER: _ClassVar[int]
    supplier: _shared_pb2.Supplier
    def __init__(self, supplier: _Optional[_Union[_shared_pb2.Supplier, _Mapping]] = ...) -> None: ...

class QueryAllSuppliersRequest(_message.Message):
    __slots__ = ("pagination", "service_id", "operator_address", "owner_address", "dehydrated")
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    OWNER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DEHYDRATED_FIELD_NUMBER: _ClassVar[int]
    pagination: _pagination_pb2.PageRequest
    service_id: str
    operator_address: str
    owner_address: str
    dehydrated: bool
    def __init__(self, pagination: _Optional[_Union[_pagination_pb2.PageRequest, _Mapping]] = ..., service_id: _Optional[str] = ..., operator_address: _Optional[str] = ..., owner_address: _Optional[str] = ..., dehydrated: _Optional[bool] = ...) -> None: ...

class QueryAllSuppliersResponse(_message.Message):
    __slots__ = ("supplier", "pagination")
    SUPPLIER_FIELD_NUMBER: _ClassVar[int]
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    supplier: _containers.RepeatedCompositeFieldContainer[_shared_pb2.Supplier]
    pagination: _pagination_pb2.PageResponse
    def __init__(self, supplier: _Optional[_Iterable[_Union[_shared_pb2.Supplier, _Mapping]]] = ..., pagination: _Optional[_Union[_pagination_pb2.PageResponse, _Mapping]] = ...) -> None: ...
