"""What a node says, and how loudly, while something that has a window is not done."""

from __future__ import annotations

import logging

from joey.core.protocol.windows import Window
from joey.core.units import Height
from joey.core.wire.session import SessionHeader

__all__ = ["tell_undone"]

_log = logging.getLogger("joey.node")

_ALARM_BLOCKS = 3


def tell_undone(what: str, header: SessionHeader, height: Height, window: Window, reason: object) -> None:
    """Log that a session is not yet `claimed` or `proven`, why, and how many blocks are left for it.

    That is no error before the window opens: a chain that tries a transaction on its newest block
    refuses it then. With few blocks left it is an alarm.
    """
    left = window.close - height
    level = logging.INFO if height < window.open else logging.ERROR
    alarm = "ALARM: " if left <= _ALARM_BLOCKS else ""
    _log.log(
        level, "%ssession %s is not %s, %d blocks left: %s", alarm, header.session_id, what, left, reason
    )
