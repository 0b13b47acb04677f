from joey.core.wire.proto import application_pb2 as _application_pb2
from joey.core.wire.proto import shared_pb2 as _shared_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionHeader(_message.Message):
    __slots__ = ("application_address", "service_id", "session_id", "session_start_block_height", "session_end_block_height")
    APPLICATION_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_START_BLOCK_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SESSION_END_BLOCK_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    application_address: str
    service_id: str
    session_id: str
    session_start_block_height: int
    session_end_block_height: int
    def __init__(self, application_address: _Optional[str] = ..., service_id: _Optional[str] = ..., session_id: _Optional[str] = ..., session_start_block_height: _Optional[int] = ..., session_end_block_height: _Optional[int] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("header", "session_id", "session_number", "num_blocks_per_session", "application", "suppliers")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_NUMBER_FIELD_NUMBER: _ClassVar[int]
    NUM_BLOCKS_PER_SESSION_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    SUPPLIERS_FIELD_NUMBER: _ClassVar[int]
    header: SessionHeader
    session_id: str
    session_number: int
    num_blocks_per_session: int
    application: _application_pb2.Application
    suppliers: _containers.RepeatedCompositeFieldContainer[_shared_pb2.Supplier]
    def __init__(self, header: _Optional[_Union[SessionHeader, _Mapping]] = ..., session_id: _Optional[str] = ..., session_number: _Optional[int] = ..., num_blocks_per_session: _Optional[int] = ..., application: _Optional[_Union[_application_pb2.Application, _Mapping]] = ..., suppliers: _Optional[_Iterable[_Union[_shared_pb2.Supplier, _Mapping]]] = ...) -> None: ...
