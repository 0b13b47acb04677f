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
