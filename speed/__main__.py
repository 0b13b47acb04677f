"""Run every measurement, or those named: `python -m speed [NAME ...]`. One JSON object a line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main(names: list[str]) -> int:
    """Return 1 if a measurement failed to run."""
    known = sorted(
        p.stem for p in FOLDER.glob("*.py") if "def main" in p.read_text() and p.stem != "__main__"
    )
    unknown = set(names) - set(known)
    if unknown:
        sys.stderr.write(f"no such measurement: {', '.join(sorted(unknown))}; known: {', '.join(known)}\n")
        return 2
    failed = [
        name
        for name in names or known
        if subprocess.run([sys.executable, "-m", f"speed.{name}"], check=False, cwd=FOLDER.parent).returncode
    ]
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
