from joey.core.wire.proto import coin_pb2 as _coin_pb2
from joey.core.wire.proto import proof_params_pb2 as _proof_params_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MsgUpdateParams(_message.Message):
    __slots__ = ("authority", "params")
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    authority: str
    params: _proof_params_pb2.Params
    def __init__(self, authority: _Optional[str] = ..., params: _Optional[_Union[_proof_params_pb2.Params, _Mapping]] = ...) -> None: ...

class MsgUpdateParam(_message.Message):
    __slots__ = ("authority", "name", "as_bytes", "as_float", "as_coin")
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    AS_BYTES_FIELD_NUMBER: _ClassVar[int]
    AS_FLOAT_FIELD_NUMBER: _ClassVar[int]
    AS_COIN_FIELD_NUMBER: _ClassVar[int]
    authority: str
    name: str
    as_bytes: bytes
    as_float: float
    as_coin: _coin_pb2.Coin
    def __init__(self, authority: _Optional[str] = ..., name: _Optional[str] = ..., as_bytes: _Optional[bytes] = ..., as_float: _Optional[float] = ..., as_coin: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ...) -> None: ...
