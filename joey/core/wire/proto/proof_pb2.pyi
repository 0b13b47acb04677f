from joey.core.wire.proto import session_pb2 as _session_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ClaimProofStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PENDING_VALIDATION: _ClassVar[ClaimProofStatus]
    VALIDATED: _ClassVar[ClaimProofStatus]
    INVALID: _ClassVar[ClaimProofStatus]
PENDING_VALIDATION: ClaimProofStatus
VALIDATED: ClaimProofStatus
INVALID: ClaimProofStatus

class Claim(_message.Message):
    __slots__ = ("supplier_operator_address", "session_header", "root_hash", "proof_validation_status")
    SUPPLIER_OPERATOR_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SESSION_HEADER_FIELD_NUMBER: _ClassVar[int]
    ROOT_HASH_FIELD_NUMBER: _ClassVar[int]
    PROOF_VALIDATION_STATUS_FIELD_NUMBER: _ClassVar[int]
    supplier_operator_address: str
    session_header: _session_pb2.SessionHeader
    root_hash: bytes
    proof_validation_status: ClaimProofStatus
    def __init__(self, supplier_operator_address: _Optional[str] = ..., session_header: _Optional[_Union[_session_pb2.SessionHeader, _Mapping]] = ..., root_hash: _Optional[bytes] = ..., proof_validation_status: _Optional[_Union[ClaimProofStatus, str]] = ...) -> None: ...

class Proof(_message.Message):
    __slots__ = ("supplier_operator_address", "session_header", "closest_merkle_proof")
    SUPPLIER_OPERATOR_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SESSION_HEADER_FIELD_NUMBER: _ClassVar[int]
    CLOSEST_MERKLE_PROOF_FIELD_NUMBER: _ClassVar[int]
    supplier_operator_address: str
    session_header: _session_pb2.SessionHeader
    closest_merkle_proof: bytes
    def __init__(self, supplier_operator_address: _Optional[str] = ..., session_header: _Optional[_Union[_session_pb2.SessionHeader, _Mapping]] = ..., closest_merkle_proof: _Optional[bytes] = ...) -> None: ...

class MsgCreateClaim(_message.Message):
    __slots__ = ("supplier_operator_address", "session_header", "root_hash")
    SUPPLIER_OPERATOR_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SESSION_HEADER_FIELD_NUMBER: _ClassVar[int]
    ROOT_HASH_FIELD_NUMBER: _ClassVar[int]
    supplier_operator_address: str
    session_header: _session_pb2.SessionHeader
    root_hash: bytes
    def __init__(self, supplier_operator_address: _Optional[str] = ..., session_header: _Optional[_Union[_session_pb2.SessionHeader, _Mapping]] = ..., root_hash: _Optional[bytes] = ...) -> None: ...

class MsgSubmitProof(_message.Message):
    __slots__ = ("supplier_operator_address", "session_header", "proof")
    SUPPLIER_OPERATOR_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SESSION_HEADER_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    supplier_operator_address: str
    session_header: _session_pb2.SessionHeader
    proof: bytes
    def __init__(self, supplier_operator_address: _Optional[str] = ..., session_header: _Optional[_Union[_session_pb2.SessionHeader, _Mapping]] = ..., proof: _Optional[bytes] = ...) -> None: ...
