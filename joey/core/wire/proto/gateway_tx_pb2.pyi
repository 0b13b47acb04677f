from joey.core.wire.proto import coin_pb2 as _coin_pb2
from joey.core.wire.proto import gateway_params_pb2 as _gateway_params_pb2
from joey.core.wire.proto import shared_pb2 as _shared_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MsgStakeGateway(_message.Message):
    __slots__ = ("address", "stake")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STAKE_FIELD_NUMBER: _ClassVar[int]
    address: str
    stake: _coin_pb2.Coin
    def __init__(self, address: _Optional[str] = ..., stake: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ...) -> None: ...

class MsgUnstakeGateway(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: str
    def __init__(self, address: _Optional[str] = ...) -> None: ...

class MsgUpdateGatewayMetadata(_message.Message):
    __slots__ = ("address", "metadata")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    address: str
    metadata: _shared_pb2.Metadata
    def __init__(self, address: _Optional[str] = ..., metadata: _Optional[_Union[_shared_pb2.Metadata, _Mapping]] = ...) -> None: ...

class MsgUpdateParams(_message.Message):
    __slots__ = ("authority", "params")
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    authority: str
    params: _gateway_params_pb2.Params
    def __init__(self, authority: _Optional[str] = ..., params: _Optional[_Union[_gateway_params_pb2.Params, _Mapping]] = ...) -> None: ...

class MsgUpdateParam(_message.Message):
    __slots__ = ("authority", "name", "as_coin")
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    AS_COIN_FIELD_NUMBER: _ClassVar[int]
    authority: str
    name: str
    as_coin: _coin_pb2.Coin
    def __init__(self, authority: _Optional[str] = ..., name: _Optional[str] = ..., as_coin: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ...) -> None: ...
