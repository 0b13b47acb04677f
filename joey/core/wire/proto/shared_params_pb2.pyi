from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Params(_message.Message):
    __slots__ = ("num_blocks_per_session", "grace_period_end_offset_blocks", "claim_window_open_offset_blocks", "claim_window_close_offset_blocks", "proof_window_open_offset_blocks", "proof_window_close_offset_blocks", "supplier_unbonding_period_sessions", "application_unbonding_period_sessions", "compute_units_to_tokens_multiplier", "gateway_unbonding_period_sessions", "compute_unit_cost_granularity", "session_grid_anchor_height", "session_number_at_anchor")
    NUM_BLOCKS_PER_SESSION_FIELD_NUMBER: _ClassVar[int]
    GRACE_PERIOD_END_OFFSET_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    CLAIM_WINDOW_OPEN_OFFSET_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    CLAIM_WINDOW_CLOSE_OFFSET_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    PROOF_WINDOW_OPEN_OFFSET_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    PROOF_WINDOW_CLOSE_OFFSET_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    SUPPLIER_UNBONDING_PERIOD_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_UNBONDING_PERIOD_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_UNITS_TO_TOKENS_MULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_UNBONDING_PERIOD_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_UNIT_COST_GRANULARITY_FIELD_NUMBER: _ClassVar[int]
    SESSION_GRID_ANCHOR_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SESSION_NUMBER_AT_ANCHOR_FIELD_NUMBER: _ClassVar[int]
    num_blocks_per_session: int
    grace_period_end_offset_blocks: int
    claim_window_open_offset_blocks: int
    claim_window_close_offset_blocks: int
    proof_window_open_offset_blocks: int
    proof_window_close_offset_blocks: int
    supplier_unbonding_period_sessions: int
    application_unbonding_period_sessions: int
    compute_units_to_tokens_multiplier: int
    gateway_unbonding_period_sessions: int
    compute_unit_cost_granularity: int
    session_grid_anchor_height: int
    session_number_at_anchor: int
    def __init__(self, num_blocks_per_session: _Optional[int] = ..., grace_period_end_offset_blocks: _Optional[int] = ..., claim_window_open_offset_blocks: _Optional[int] = ..., claim_window_close_offset_blocks: _Optional[int] = ..., proof_window_open_offset_blocks: _Optional[int] = ..., proof_window_close_offset_blocks: _Optional[int] = ..., supplier_unbonding_period_sessions: _Optional[int] = ..., application_unbonding_period_sessions: _Optional[int] = ..., compute_units_to_tokens_multiplier: _Optional[int] = ..., gateway_unbonding_period_sessions: _Optional[int] = ..., compute_unit_cost_granularity: _Optional[int] = ..., session_grid_anchor_height: _Optional[int] = ..., session_number_at_anchor: _Optional[int] = ...) -> None: ...
