from joey.core.wire.proto import application_params_pb2 as _application_params_pb2
from joey.core.wire.proto import coin_pb2 as _coin_pb2
from joey.core.wire.proto import shared_pb2 as _shared_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MsgStakeApplication(_message.Message):
    __slots__ = ("address", "stake", "services", "per_session_spend_limit")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STAKE_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    PER_SESSION_SPEND_LIMIT_FIELD_NUMBER: _ClassVar[int]
    address: str
    stake: _coin_pb2.Coin
    services: _containers.RepeatedCompositeFieldContainer[_shared_pb2.ApplicationServiceConfig]
    per_session_spend_limit: _coin_pb2.Coin
    def __init__(self, address: _Optional[str] = ..., stake: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ..., services: _Optional[_Iterable[_Union[_shared_pb2.ApplicationServiceConfig, _Mapping]]] = ..., per_session_spend_limit: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ...) -> None: ...

class MsgUnstakeApplication(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: str
    def __init__(self, address: _Optional[str] = ...) -> None: ...

class MsgDelegateToGateway(_message.Message):
    __slots__ = ("app_address", "gateway_address")
    APP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    app_address: str
    gateway_address: str
    def __init__(self, app_address: _Optional[str] = ..., gateway_address: _Optional[str] = ...) -> None: ...

class MsgUndelegateFromGateway(_message.Message):
    __slots__ = ("app_address", "gateway_address")
    APP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    app_address: str
    gateway_address: str
    def __init__(self, app_address: _Optional[str] = ..., gateway_address: _Optional[str] = ...) -> None: ...

class MsgTransferApplication(_message.Message):
    __slots__ = ("source_address", "destination_address")
    SOURCE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    source_address: str
    destination_address: str
    def __init__(self, source_address: _Optional[str] = ..., destination_address: _Optional[str] = ...) -> None: ...

class MsgUpdateParams(_message.Message):
    __slots__ = ("authority", "params")
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    authority: str
    params: _application_params_pb2.Params
    def __init__(self, authority: _Optional[str] = ..., params: _Optional[_Union[_application_params_pb2.Params, _Mapping]] = ...) -> None: ...

class MsgUpdateParam(_message.Message):
    __slots__ = ("authority", "name", "as_uint64", "as_coin")
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    AS_UINT64_FIELD_NUMBER: _ClassVar[int]
    AS_COIN_FIELD_NUMBER: _ClassVar[int]
    authority: str
    name: str
    as_uint64: int
    as_coin: _coin_pb2.Coin
    def __init__(self, authority: _Optional[str] = ..., name: _Optional[str] = ..., as_uint64: _Optional[int] = ..., as_coin: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ...) -> None: ...
