from joey.core.wire.proto import coin_pb2 as _coin_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Params(_message.Message):
    __slots__ = ("add_service_fee", "target_num_relays")
    ADD_SERVICE_FEE_FIELD_NUMBER: _ClassVar[int]
    TARGET_NUM_RELAYS_FIELD_NUMBER: _ClassVar[int]
    add_service_fee: _coin_pb2.Coin
    target_num_relays: int
    def __init__(self, add_service_fee: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ..., target_num_relays: _Optional[int] = ...) -> None: ...
