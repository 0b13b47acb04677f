from joey.core.wire.proto import session_pb2 as _session_pb2
from joey.core.wire.proto import session_params_pb2 as _session_params_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QueryParamsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class QueryParamsResponse(_message.Message):
    __slots__ = ("params",)
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    params: _session_params_pb2.Params
    def __init__(self, params: _Optional[_Union[_session_params_pb2.Params, _Mapping]] = ...) -> None: ...

class QueryGetSessionRequest(_message.Message):
    __slots__ = ("application_address", "service_id", "block_height")
    APPLICATION_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    BLOCK_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    application_address: str
    service_id: str
    block_height: int
    def __init__(self, application_address: _Optional[str] = ..., service_id: _Optional[str] = ..., block_height: _Optional[int] = ...) -> None: ...

class QueryGetSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...
