from joey.core.wire.proto import coin_pb2 as _coin_pb2
from joey.core.wire.proto import service_params_pb2 as _service_params_pb2
from joey.core.wire.proto import shared_pb2 as _shared_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MsgAddService(_message.Message):
    __slots__ = ("owner_address", "service")
    OWNER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    owner_address: str
    service: _shared_pb2.Service
    def __init__(self, owner_address: _Optional[str] = ..., service: _Optional[_Union[_shared_pb2.Service, _Mapping]] = ...) -> None: ...

class MsgTransferService(_message.Message):
    __slots__ = ("owner_address", "service_id", "new_owner_address")
    OWNER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    NEW_OWNER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    owner_address: str
    service_id: str
    new_owner_address: str
    def __init__(self, owner_address: _Optional[str] = ..., service_id: _Optional[str] = ..., new_owner_address: _Optional[str] = ...) -> None: ...

class MsgUpdateParams(_message.Message):
    __slots__ = ("authority", "params")
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    authority: str
    params: _service_params_pb2.Params
    def __init__(self, authority: _Optional[str] = ..., params: _Optional[_Union[_service_params_pb2.Params, _Mapping]] = ...) -> None: ...

class MsgUpdateParam(_message.Message):
    __slots__ = ("authority", "name", "as_coin", "as_uint64")
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    AS_COIN_FIELD_NUMBER: _ClassVar[int]
    AS_UINT64_FIELD_NUMBER: _ClassVar[int]
    authority: str
    name: str
    as_coin: _coin_pb2.Coin
    as_uint64: int
    def __init__(self, authority: _Optional[str] = ..., name: _Optional[str] = ..., as_coin: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ..., as_uint64: _Optional[int] = ...) -> None: ...
