from joey.core.wire.proto import coin_pb2 as _coin_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Params(_message.Message):
    __slots__ = ("proof_request_probability", "proof_requirement_threshold", "proof_missing_penalty", "proof_submission_fee")
    PROOF_REQUEST_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    PROOF_REQUIREMENT_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    PROOF_MISSING_PENALTY_FIELD_NUMBER: _ClassVar[int]
    PROOF_SUBMISSION_FEE_FIELD_NUMBER: _ClassVar[int]
    proof_request_probability: float
    proof_requirement_threshold: _coin_pb2.Coin
    proof_missing_penalty: _coin_pb2.Coin
    proof_submission_fee: _coin_pb2.Coin
    def __init__(self, proof_request_probability: _Optional[float] = ..., proof_requirement_threshold: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ..., proof_missing_penalty: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ..., proof_submission_fee: _Optional[_Union[_coin_pb2.Coin, _Mapping]] = ...) -> None: ...
