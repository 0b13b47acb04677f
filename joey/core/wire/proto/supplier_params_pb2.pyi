from joey.core.wire.proto import coin_pb2 as _coin_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Params(_message.Message):
    __slots__ = ("min_stake", "staking_fee")
    MIN_STAKE_FIELD_NUMBER: _ClassVar[int]
    STAKING_FEE_FIELD_NUMBER: _ClassVar[int]
    min_stake: _coin_pb2.Coin
    staking_fee: _coin_pb2.Coin
    def __init__(self, min_stake: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ..., staking_fee: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ...) -> None: ...
