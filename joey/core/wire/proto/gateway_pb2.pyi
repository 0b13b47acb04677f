from joey.core.wire.proto import coin_pb2 as _coin_pb2
from joey.core.wire.proto import shared_pb2 as _shared_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Gateway(_message.Message):
    __slots__ = ("address", "stake", "unstake_session_end_height", "metadata")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STAKE_FIELD_NUMBER: _ClassVar[int]
    UNSTAKE_SESSION_END_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    address: str
    stake: _coin_pb2.Coin
    unstake_session_end_height: int
    metadata: _shared_pb2.Metadata
    def __init__(self, address: _Optional[str] = ..., stake: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ..., unstake_session_end_height: _Optional[int] = ..., metadata: _Optional[_Union[_shared_pb2.Metadata, _Mapping]] = ...) -> None: ...
