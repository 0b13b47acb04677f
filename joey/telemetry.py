"""Logs: one JSON object a line for programs, or short lines for people; one event per outcome.

Nothing here, and nothing that logs, ever sees a prompt or an answer.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from joey.relaying.outcome import RelayOutcome

__all__ = ["configure_logging", "log_outcome"]

PLAIN = "%(levelname)s %(name)s: %(message)s"
_outcomes = logging.getLogger("joey.outcome")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(*, level: str = "warning", as_json: bool = False) -> None:
    """Send logs of `level` and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if as_json else logging.Formatter(PLAIN))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # It tells of every call at debug, once anybody asks for that, and from threads of its own.
    logging.getLogger("grpc").setLevel(logging.WARNING)


def log_outcome(outcome: RelayOutcome) -> None:
    """Log one attempt at one supplier."""
    if not _outcomes.isEnabledFor(logging.INFO):
        return
    fields = {
        "supplier": outcome.supplier_address,
        "service": outcome.service_id,
        "session": outcome.session_id,
        "first_byte_s": outcome.first_byte_s,
        "duration_s": outcome.duration_s,
        "bytes_in": outcome.bytes_in,
        "bytes_out": outcome.bytes_out,
        "status": outcome.status,
        "fault": outcome.fault.code if outcome.fault else None,
        "relay_hash": outcome.relay_hash.hex() if outcome.relay_hash else None,
    }
    _outcomes.info("relay %s", fields["fault"] or "ok", extra={"fields": fields})
