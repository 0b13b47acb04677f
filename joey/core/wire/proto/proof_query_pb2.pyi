from joey.core.wire.proto import pagination_pb2 as _pagination_pb2
from joey.core.wire.proto import proof_pb2 as _proof_pb2
from joey.core.wire.proto import proof_params_pb2 as _proof_params_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QueryParamsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class QueryParamsResponse(_message.Message):
    __slots__ = ("params",)
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    params: _proof_params_pb2.Params
    def __init__(self, params: _Optional[_Union[_proof_params_pb2.Params, _Mapping]] = ...) -> None: ...

class QueryGetClaimRequest(_message.Message):
    __slots__ = ("session_id", "supplier_operator_address")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SUPPLIER_OPERATOR_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    supplier_operator_address: str
    def __init__(self, session_id: _Optional[str] = ..., supplier_operator_address: _Optional[str] = ...) -> None: ...

class QueryGetClaimResponse(_message.Message):
    __slots__ = ("claim",)
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    claim: _proof_pb2.Claim
    def __init__(self, claim: _Optional[_Union[_proof_pb2.Claim, _Mapping]] = ...) -> None: ...

class QueryAllClaimsRequest(_message.Message):
    __slots__ = ("pagination", "supplier_operator_address", "session_id", "session_end_height")
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    SUPPLIER_OPERATOR_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_END_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    pagination: _pagination_pb2.PageRequest
    supplier_operator_address: str
    session_id: str
    session_end_height: int
    def __init__(self, pagination: _Optional[_Union[_pagination_pb2.PageRequest, _Mapping]] = ..., supplier_operator_address: _Optional[str] = ..., session_id: _Optional[str] = ..., session_end_height: _Optional[int] = ...) -> None: ...

class QueryAllClaimsResponse(_message.Message):
    __slots__ = ("claims", "pagination")
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    claims: _containers.RepeatedCompositeFieldContainer[_proof_pb2.Claim]
    pagination: _pagination_pb2.PageResponse
    def __init__(self, claims: _Optional[_Iterable[_Union[_proof_pb2.Claim, _Mapping]]] = ..., pagination: _Optional[_Union[_pagination_pb2.PageResponse, _Mapping]] = ...) -> None: ...

class QueryGetProofRequest(_message.Message):
    __slots__ = ("session_id", "supplier_operator_address")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SUPPLIER_OPERATOR_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    supplier_operator_address: str
    def __init__(self, session_id: _Optional[str] = ..., supplier_operator_address: _Optional[str] = ...) -> None: ...

class QueryGetProofResponse(_message.Message):
    __slots__ = ("proof",)
    PROOF_FIELD_NUMBER: _ClassVar[int]
    proof: _proof_pb2.Proof
    def __init__(self, proof: _Optional[_Union[_proof_pb2.Proof, _Mapping]] = ...) -> None: ...

class QueryAllProofsRequest(_message.Message):
    __slots__ = ("pagination", "supplier_operator_address", "session_id", "session_end_height")
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    SUPPLIER_OPERATOR_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_END_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    pagination: _pagination_pb2.PageRequest
    supplier_operator_address: str
    session_id: str
    session_end_height: int
    def __init__(self, pagination: _Optional[_Union[_pagination_pb2.PageRequest, _Mapping]] = ..., supplier_operator_address: _Optional[str] = ..., session_id: _Optional[str] = ..., session_end_height: _Optional[int] = ...) -> None: ...

class QueryAllProofsResponse(_message.Message):
    __slots__ = ("proofs", "pagination")
    PROOFS_FIELD_NUMBER: _ClassVar[int]
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    proofs: _containers.RepeatedCompositeFieldContainer[_proof_pb2.Proof]
    pagination: _pagination_pb2.PageResponse
    def __init__(self, proofs: _Optional[_Iterable[_Union[_proof_pb2.Proof, _Mapping]]] = ..., pagination: _Optional[_Union[_pagination_pb2.PageResponse, _Mapping]] = ...) -> None: ...
