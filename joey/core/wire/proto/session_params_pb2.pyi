from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Params(_message.Message):
    __slots__ = ("num_suppliers_per_session",)
    NUM_SUPPLIERS_PER_SESSION_FIELD_NUMBER: _ClassVar[int]
    num_suppliers_per_session: int
    def __init__(self, num_suppliers_per_session: _Optional[int] = ...) -> None: ...
