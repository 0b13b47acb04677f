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
