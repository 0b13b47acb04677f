"""Which machine a figure was taken on, and how busy it was: printed with every result."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["describe_machine"]


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory, versions, load average and pressure (PSI, where the kernel has it)."""
    return {
        "processor": _read_processor(),
        "cores": os.cpu_count(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {
            name: version(name) for name in ("uvloop", "httptools", "anyio", "coincurve", "protobuf")
        },
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "pressure": {kind: pressure for kind in ("cpu", "io") if (pressure := _read_pressure(kind))},
    }


def _read_processor() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _read_pressure(kind: str) -> dict[str, float]:
    """Return the share of time (percent, over 10 s and 60 s) in which something waited for `kind`."""
    for line in _lines(Path("/proc/pressure") / kind):
        if line.startswith("some"):
            parts = dict(part.split("=") for part in line.split()[1:])
            return {name: float(parts[name]) for name in ("avg10", "avg60")}
    return {}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    json.dump(describe_machine(), sys.stdout, indent=2)
    print()
