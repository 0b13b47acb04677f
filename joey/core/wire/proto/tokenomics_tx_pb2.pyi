from joey.core.wire.proto import tokenomics_params_pb2 as _tokenomics_params_pb2
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
    params: _tokenomics_params_pb2.Params
    def __init__(self, authority: _Optional[str] = ..., params: _Optional[_Union[_tokenomics_params_pb2.Params, _Mapping]] = ...) -> None: ...

class MsgUpdateParam(_message.Message):
    __slots__ = ("authority", "name", "as_mint_allocation_percentages", "as_string", "as_float")
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    AS_MINT_ALLOCATION_PERCENTAGES_FIELD_NUMBER: _ClassVar[int]
    AS_STRING_FIELD_NUMBER: _ClassVar[int]
    AS_FLOAT_FIELD_NUMBER: _ClassVar[int]
    authority: str
    name: str
    as_mint_allocation_percentages: _tokenomics_params_pb2.MintAllocationPercentages
    as_string: str
    as_float: float
    def __init__(self, authority: _Optional[str] = ..., name: _Optional[str] = ..., as_mint_allocation_percentages: _Optional[_Union[_tokenomics_params_pb2.MintAllocationPercentages, _Mapping]] = ..., as_string: _Optional[str] = ..., as_float: _Optional[float] = ...) -> None: ...
