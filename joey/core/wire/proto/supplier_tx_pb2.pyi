from joey.core.wire.proto import coin_pb2 as _coin_pb2
from joey.core.wire.proto import shared_pb2 as _shared_pb2
from joey.core.wire.proto import supplier_params_pb2 as _supplier_params_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MsgStakeSupplier(_message.Message):
    __slots__ = ("signer", "owner_address", "operator_address", "stake", "services")
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    OWNER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STAKE_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    signer: str
    owner_address: str
    operator_address: str
    stake: _coin_pb2.Coin
    services: _containers.RepeatedCompositeFieldContainer[_shared_pb2.SupplierServiceConfig]
    def __init__(self, signer: _Optional[str] = ..., owner_address: _Optional[str] = ..., operator_address: _Optional[str] = ..., stake: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ..., services: _Optional[_Iterable[_Union[_shared_pb2.SupplierServiceConfig, _Mapping]]] = ...) -> None: ...

class MsgUnstakeSupplier(_message.Message):
    __slots__ = ("signer", "operator_address")
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    signer: str
    operator_address: str
    def __init__(self, signer: _Optional[str] = ..., operator_address: _Optional[str] = ...) -> None: ...

class MsgUpdateParams(_message.Message):
    __slots__ = ("authority", "params")
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    authority: str
    params: _supplier_params_pb2.Params
    def __init__(self, authority: _Optional[str] = ..., params: _Optional[_Union[_supplier_params_pb2.Params, _Mapping]] = ...) -> None: ...

class MsgUpdateParam(_message.Message):
    __slots__ = ("authority", "name", "as_coin")
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    AS_COIN_FIELD_NUMBER: _ClassVar[int]
    authority: str
    name: str
    as_coin: _coin_pb2.Coin
    def __init__(self, authority: _Optional[str] = ..., name: _Optional[str] = ..., as_coin: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ...) -> None: ...
